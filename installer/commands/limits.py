"""Whether the config's limits fit this machine: looked at before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from installer.config.limit_values import MICROSECONDS, UNLIMITED, cpus_written
from installer.config.limits import Default, Particular, Total
from installer.features.limits import default_memory, total_memory
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ConfigProblem

_MB = 1 << 20
PID_MAX = Path("/proc/sys/kernel/pid_max")
"""How many processes and threads the kernel can tell apart."""


def refuse_unfit(site: Site) -> None:
    """Raises ConfigProblem where a limit is more than there is."""
    limits, machine = site.config.limits, site.facts
    pids = int(PID_MAX.read_text(encoding="ascii"))
    for key, some in _said(site):
        if some.memory not in (None, UNLIMITED) and some.memory > machine.memory:
            _refuse(f"{key}.memory", f"{some.memory // _MB}M", f"{machine.memory // _MB}M of memory")
        if some.cpu not in (None, UNLIMITED) and some.cpu > machine.cpus * MICROSECONDS:
            _refuse(f"{key}.cpu", str(cpus_written(some.cpu)), f"{machine.cpus} CPUs")
        if not isinstance(some, Total) and some.tasks not in (None, UNLIMITED) and some.tasks > pids:
            _refuse(f"{key}.tasks", str(some.tasks), f"{pids} tasks (kernel.pid_max)")
    total, each = total_memory(limits, machine.memory), default_memory(limits, machine.memory)
    if each != UNLIMITED and total < each:
        what = f"limits.total.memory in {paths.CONFIG_FILE} is {total // _MB}M, less than the {each // _MB}M of a user"
        raise ConfigProblem(what, f"give all of them together {each // _MB}M or more, or each of them less")


def _said(site: Site) -> Iterator[tuple[str, Default | Particular | Total]]:
    limits = site.config.limits
    yield "limits.default", limits.default
    yield "limits.total", limits.total
    for name, some in limits.groups.items():
        yield f"limits.groups.{name}", some
    for name, some in limits.users.items():
        yield f"limits.users.{name}", some


def _refuse(key: str, found: str, there: str) -> None:
    what = f"{key} in {paths.CONFIG_FILE} is {found}, more than this machine has: {there}"
    raise ConfigProblem(what, "write less, or unlimited")
