"""Disk quotas, only where the config limits somebody's disk: what sets them, now and whenever people come."""

from __future__ import annotations

from installer.config.limit_values import UNLIMITED
from installer.config.models import Config
from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.disk_quotas import DiskQuotas
from installer.resources.unit import Service

FEATURE = "quotas"


def asked_for(config: Config) -> bool:
    """Whether anybody's disk is limited."""
    limits = config.limits
    said = [limits.default.disk, *(some.disk for some in (*limits.groups.values(), *limits.users.values()))]
    return any(disk not in (None, UNLIMITED) for disk in said)


def resources(site: Site) -> tuple[Resource, ...]:
    """The program that sets them, that they are set, and what runs it when accounts or groups have changed."""
    if not asked_for(site.config):
        return ()
    program = helper(FEATURE, paths.QUOTAS_PROGRAM.name, "quota_helper.py")
    going_by = (f"file:{paths.LIMITS_PROGRAM}", f"file:{paths.LIMITS}", f"group:{paths.MEMBERS_GROUP}")
    service = unit_file(FEATURE, paths.QUOTAS_UNIT, site, (program,))
    watching = unit_file(FEATURE, paths.QUOTAS_PATH_UNIT, site, (service,))
    timer = unit_file(FEATURE, paths.QUOTAS_TIMER_UNIT, site, (service,))
    return (
        program,
        DiskQuotas(feature=FEATURE, program=program.path, files=(paths.LIMITS, paths.LIMITS_PROGRAM), needs=going_by),
        service,
        watching,
        timer,
        *(
            Service(feature=FEATURE, unit=unit.path.name, files=(unit.path,), needs=going_by)
            for unit in (watching, timer)
        ),
    )
