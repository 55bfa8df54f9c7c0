"""Limits: how much of the machine a user's servers may take, in files of root's that systemd and a helper go by."""

from __future__ import annotations

import json

from installer.config.limit_values import MICROSECONDS, UNLIMITED
from installer.config.limits import Default, Limits, Particular
from installer.engine.resource import Resource
from installer.features.programs import helper
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.directory import Directory
from installer.resources.drop_in import DropIn
from installer.resources.file import File
from installer.resources.live_limits import LiveLimits

FEATURE = "limits"

_MB, _GB = 1 << 20, 1 << 30
_STEP = 256 * _MB
"""What a part of the machine's memory is rounded down to: another kernel has some more or less of it to give."""
_FOR_THE_SYSTEM = _GB
"""The rule that doctor goes by: this much for system and hub, and up to 1 GB for each who works."""
_FOR_ONE = _GB
_SOFT_SHARE, _SOFT_MOST = 0.03, 256 * _MB
"""How far below the hard mark the soft one is. Between the two, all that ask for memory wait, longer and longer: with a
wider gap, a hog would hang for minutes before it is ended, and the rest of its user's server with it."""


def resources(site: Site) -> tuple[Resource, ...]:
    """What systemd reads for every slice of a user, the exceptions, the helper that sets those, and that all hold."""
    program = helper(FEATURE, paths.LIMITS_PROGRAM.name, "limits_helper.py")
    default = DropIn(
        feature=FEATURE,
        path=paths.LIMITS_DROP_IN,
        text=render("units/jupyterusers-limits.conf.j2", limits=_shown(default_of(site))),
    )
    settings = File(feature=FEATURE, path=paths.LIMITS, text=json.dumps(levels(site), indent=1) + "\n")
    return (
        Directory(feature=FEATURE, path=default.path.parent),
        default,
        settings,
        program,
        *_shown_to_users(),
        LiveLimits(feature=FEATURE, program=program.path, files=(settings.path, default.path)),
    )


def _shown_to_users() -> tuple[Resource, ...]:
    """What has JupyterLab show people their use and limit, whatever they set themselves."""
    extension = "@jupyter-server/resource-usage"
    page = {"disabledExtensions": {extension: False}, "lockedExtensions": {extension: True}}
    return (
        Directory(feature=FEATURE, path=paths.LAB_SETTINGS.parent),
        File(feature=FEATURE, path=paths.LAB_SETTINGS, text=json.dumps(page, indent=1) + "\n"),
        File(
            feature=FEATURE,
            path=paths.USAGE_SETTINGS,
            text=render("installer/hub/jupyter_server_config.py.j2"),
        ),
    )


def total_memory(limits: Limits, machine: int) -> int:
    """What all users have together, in bytes, of a machine's memory."""
    if limits.total.memory is not None:
        return limits.total.memory
    return _rounded(max(machine // 2, machine - _FOR_THE_SYSTEM))


def default_memory(limits: Limits, machine: int) -> int:
    """What each of them has, of whom nothing else is said."""
    if limits.default.memory is not None:
        return limits.default.memory
    total = min(total_memory(limits, machine), machine)
    return min(_rounded(max(_FOR_ONE, total // 4)), total)


def soft_mark(memory: int) -> int:
    """Where it gets slower, below where it ends."""
    if memory == UNLIMITED:
        return UNLIMITED
    return (memory - min(round(memory * _SOFT_SHARE), _SOFT_MOST)) // _MB * _MB


def default_of(site: Site) -> dict[str, int]:
    """What everybody has of whom nothing else is said, in systemd's numbers."""
    limits = site.config.limits
    default = _numbers(limits.default.model_copy(update={"memory": default_memory(limits, site.facts.memory)}))
    # One that is said may be above what the machine's memory comes to: systemd would have it so, and it be none.
    return {**default, "memory_soft": min(default["memory_soft"], default["memory"])}


def levels(site: Site) -> dict[str, dict[str, object]]:
    """All that is said of anybody, in systemd's numbers."""
    limits = site.config.limits
    return {
        "default": dict(default_of(site)),
        "groups": {name: _numbers(some) for name, some in sorted(limits.groups.items())},
        "users": {name: _numbers(some) for name, some in sorted(limits.users.items())},
    }


def _numbers(some: Default | Particular) -> dict[str, int]:
    """What is said, as numbers of which the larger always gives more. Who has other memory has its soft mark, too."""
    said = {name: value for name in type(some).model_fields if (value := getattr(some, name)) is not None}
    if "memory" in said:
        said.setdefault("memory_soft", soft_mark(said["memory"]))
    if "core_dumps" in said:
        said["core_dumps"] = UNLIMITED if said["core_dumps"] else 0
    if "runtime" in said:
        said["runtime"] = said["runtime"] * MICROSECONDS or UNLIMITED
    return said


def cpu_quota(microseconds: int) -> str:
    """A number of CPUs as systemd's files have it: percent of one; nothing is no limit."""
    return "" if microseconds == UNLIMITED else f"{microseconds * 100 // MICROSECONDS}%"


def _shown(numbers: dict[str, int]) -> dict[str, str]:
    """The same, as systemd's files have it."""
    shown = {name: "infinity" if value == UNLIMITED else str(value) for name, value in numbers.items()}
    return {**shown, "cpu": cpu_quota(numbers["cpu"])}


def _rounded(amount: int) -> int:
    return max(_STEP, amount // _STEP * _STEP)
