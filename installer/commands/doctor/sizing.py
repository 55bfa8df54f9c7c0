"""Sizing: 0.5 to 1 CPU and 0.5 to 1 GB of memory for each who works, 5 GB of disk for each who may; and memory now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from installer.commands.doctor.finding import Finding, ok, problem, warning
from installer.commands.doctor.server import Server, members
from installer.host import systemd
from installer.host.process import run

AREA = "sizing"
_MB_FOR_ALL = 1000
"""What the system and the hub take, whoever works."""
_MB_EACH, _CPU_EACH, _DISK_GB_EACH = 500, 0.5, 5
_LITTLE, _TOO_LITTLE = 0.10, 0.03


@dataclass(frozen=True)
class Size:
    """The machine. memory, available: MB. homes: GB of the file system of homes. working: people whose server runs."""

    cpus: int
    memory: int
    available: int
    homes: float
    members: int
    working: int


def look(_: Server) -> list[Finding]:
    """Read the machine's size, and count people."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    homes = os.statvfs("/home" if Path("/home").is_dir() else "/")
    try:
        people = len(members())
    except KeyError:
        people = 0
    return judge(
        Size(
            cpus=os.cpu_count() or 1,
            memory=int(fields["MemTotal"].split()[0]) // 1000,
            available=int(fields["MemAvailable"].split()[0]) // 1000,
            homes=homes.f_blocks * homes.f_frsize / 1e9,
            members=people,
            working=_working(),
        )
    )


def judge(size: Size) -> list[Finding]:
    """Judge the machine by the rule."""
    found = []
    share = size.available / max(1, size.memory)
    if share < _LITTLE:
        what = f"{size.available} MB of {size.memory} MB memory are available: the kernel will soon end notebooks"
        level = problem if share < _TOO_LITTLE else warning
        found.append(level(AREA, what, "see who takes it, and stop what isn't needed: systemd-cgtop --order=memory"))
    needed = _MB_FOR_ALL + _MB_EACH * size.working
    if size.working and size.memory < needed:
        what = f"{size.working} people work at the moment, and {size.memory} MB of memory are less than {needed}"
        found.append(
            warning(
                AREA,
                what,
                f"give the machine {needed // 1000 + 1} GB, or have idle servers stopped sooner (culler.timeout)",
            )
        )
    if size.cpus < _CPU_EACH * size.working:
        what = f"{size.working} people work at the moment on {size.cpus} CPUs; 0.5 each are the least"
        found.append(warning(AREA, what, f"give the machine {round(_CPU_EACH * size.working + 0.5)} CPUs"))
    if size.homes < _DISK_GB_EACH * size.members:
        what = f"{size.members} members have {size.homes:.0f} GB for their homes together; 5 GB each are the rule"
        found.append(warning(AREA, what, f"give /home {_DISK_GB_EACH * size.members} GB, or set quotas: edquota"))
    memory, cpus = max(0, size.memory - _MB_FOR_ALL) // _MB_EACH, int(size.cpus / _CPU_EACH)
    return found or [
        ok(AREA, f"good for {min(memory, cpus)} people at work at a time; {size.working} of {size.members} are")
    ]


def _working() -> int:
    """How many servers run: each is in a unit of its own."""
    words = ["systemctl", "list-units", "--state=running", "--plain", "--no-legend", "--", *systemd.SERVERS]
    return len(run(words, check=False, timeout=5).stdout.splitlines())
