"""The idle culler: a unit, an account and a token of its own."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Account
from installer.resources.secret import Secret
from installer.resources.unit import Service

FEATURE = "culler"


def resources(site: Site) -> tuple[Resource, ...]:
    """Account, token and unit."""
    settings = site.config.culler
    unit = unit_file(
        FEATURE,
        paths.CULLER_UNIT,
        site,
        culler_timeout=settings.timeout,
        culler_max_age=settings.max_age,
        culler_every=settings.interval,
    )
    return (
        Account(feature=FEATURE, account=paths.CULLER_USER, home=paths.HUB_STATE, comment="Idle culler of JupyterHub"),
        Secret(feature=FEATURE, path=paths.CULLER_TOKEN),
        unit,
        Service(
            feature=FEATURE,
            unit=paths.CULLER_UNIT,
            files=(unit.path, paths.CULLER_TOKEN, site.revision_path),
            needs=(f"service:{paths.HUB_UNIT}",),
        ),
    )
