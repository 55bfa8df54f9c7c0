"""Accounts at first login: a root helper behind a socket, only where people log in who have none on this machine."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Group
from installer.resources.unit import Service

FEATURE = "accounts"


def resources(site: Site) -> tuple[Resource, ...]:
    """The group that marks the accounts of its making, the helper, and its socket, which is the hub's alone."""
    if not site.creates_accounts:
        return ()
    program = helper(FEATURE, "jupyterhub-account", "account_helper.py")
    service = unit_file(FEATURE, paths.ACCOUNT_SOCKET_UNIT.replace(".socket", "@.service"), site, (program,))
    socket = unit_file(FEATURE, paths.ACCOUNT_SOCKET_UNIT, site, (service,))
    return (
        Group(feature=FEATURE, group=paths.ACCOUNTS_GROUP),
        program,
        service,
        socket,
        Service(
            feature=FEATURE,
            unit=paths.ACCOUNT_SOCKET_UNIT,
            files=(socket.path,),
            needs=(f"account:{paths.HUB_USER}", f"group:{paths.MEMBERS_GROUP}", f"group:{paths.ACCOUNTS_GROUP}"),
        ),
    )
