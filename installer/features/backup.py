"""Backups that the machine makes by itself: a timer, and what it starts; neither, unless the config says how often."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import Conflict
from installer.resources.unit import Service

FEATURE = "backup"


def resources(site: Site) -> tuple[Resource, ...]:
    """The two units. Raises Conflict where somebody else could change the programs that root would run."""
    every = site.config.backup.every
    if every is None:
        return ()
    facts = site.facts
    if facts.checkout_open is not None:
        raise Conflict(
            f"`backup.every` would have root run this installer by itself, and {facts.checkout_open} can be changed by "
            "others than root",
            "put it where only root can: sudo git clone THIS_CHECKOUT /usr/local/lib/jupyterhub-installer, "
            "and apply from there",
        )
    service = unit_file(
        FEATURE,
        paths.BACKUP_UNIT,
        site,
        python=facts.python_program,
        # systemd takes a percent sign for the beginning of one of its own words (systemd.unit(5), specifiers).
        checkout=str(facts.checkout).replace("%", "%%"),
    )
    timer = unit_file(FEATURE, paths.BACKUP_TIMER_UNIT, site, (service,), every=every)
    return (
        service,
        timer,
        Service(feature=FEATURE, unit=paths.BACKUP_TIMER_UNIT, files=(timer.path,)),
    )
