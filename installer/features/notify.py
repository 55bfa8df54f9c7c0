"""Telling of failures, only where the config asks for it: a unit that every other unit of ours names in OnFailure=."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Account

FEATURE = "notify"


def resources(site: Site) -> tuple[Resource, ...]:
    """Account, helper and unit, where somebody is to be told."""
    ways = site.config.notify.ways
    if not ways:
        return ()
    program = helper(FEATURE, "jupyterhub-notify", "notify_failed.sh")
    account = Account(
        feature=FEATURE, account=paths.NOTIFY_USER, home=paths.NOTIFY_HOME, comment="Tells of failures of JupyterHub"
    )
    return account, program, unit_file(FEATURE, paths.NOTIFY_UNIT, site, (account, program), ways=ways)
