"""Passwords of Linux accounts: root helpers behind sockets check and change them; the hub never reads /etc/shadow."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.unit import Service

FEATURE = "passwords"


def resources(site: Site) -> tuple[Resource, ...]:
    """The PAM service and what it counts, the helper, and its sockets, which the hub alone may connect to."""
    if not site.checks_passwords:
        return ()
    rules = render("units/jupyterhub.pam.j2")
    program = helper(FEATURE, "jupyterhub-pam", "pam_helper.py")
    return (
        File(feature=FEATURE, path=paths.PAM_SERVICE, text=rules),
        Directory(feature=FEATURE, path=paths.FAILLOCK, mode=0o700),
        program,
        *_behind(paths.PAM_SOCKET_UNIT, site, program),
        *_behind(paths.CHANGE_SOCKET_UNIT, site, program),
    )


def _behind(unit: str, site: Site, program: File) -> tuple[Resource, ...]:
    """A socket of the hub's, and what is started for each connection."""
    service = unit_file(FEATURE, unit.replace(".socket", "@.service"), site, (program,))
    socket = unit_file(FEATURE, unit, site, (service,))
    needs = (f"account:{paths.HUB_USER}", f"directory:{paths.FAILLOCK}")
    return (service, socket, Service(feature=FEATURE, unit=unit, files=(socket.path,), needs=needs))
