"""The idle culler: a unit, an account and a token of its own."""

from __future__ import annotations

import json

from installer.config.culler import Culler
from installer.engine.resource import Resource
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Account
from installer.resources.file import File
from installer.resources.secret import Secret
from installer.resources.unit import Service

FEATURE = "culler"


def resources(site: Site) -> tuple[Resource, ...]:
    """Account, token and unit."""
    limits = File(feature=FEATURE, path=paths.CULLER_RULES, text=rules(site.config.culler))
    unit = unit_file(FEATURE, paths.CULLER_UNIT, site)
    return (
        Account(feature=FEATURE, account=paths.CULLER_USER, home=paths.HUB_STATE, comment="Idle culler of JupyterHub"),
        Secret(feature=FEATURE, path=paths.CULLER_TOKEN),
        limits,
        unit,
        Service(
            feature=FEATURE,
            unit=paths.CULLER_UNIT,
            files=(unit.path, limits.path, paths.CULLER_TOKEN, site.revision_path),
            needs=(f"service:{paths.HUB_UNIT}",),
        ),
    )


def rules(culler: Culler) -> str:
    """Whose servers are stopped when, for the culler to read."""
    groups = {
        entry.group: {
            "timeout": culler.timeout if entry.timeout is None else entry.timeout,
            "max_age": culler.max_age if entry.max_age is None else entry.max_age,
        }
        for entry in culler.groups
    }
    said = {
        "timeout": culler.timeout,
        "max_age": culler.max_age,
        "groups": groups,
        "exempt": list(culler.exempt),
        "warning": culler.warning,
        "every": culler.interval,
    }
    return json.dumps(said, indent=1) + "\n"
