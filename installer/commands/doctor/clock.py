"""The clock: set by somebody who knows the time, and not behind what was written down earlier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from installer.commands.doctor.finding import Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host.errors import Problem
from installer.host.process import run

AREA = "clock"
_SLACK = timedelta(minutes=5)
_SET = "sudo timedatectl set-ntp true"


@dataclass(frozen=True)
class Clock:
    """The clock. kept: whether it is synchronised. hosts: whether it is the host's of this container."""

    now: datetime
    kept: bool
    hosts: bool
    last_apply: datetime | None


def look(server: Server) -> list[Finding]:
    """Ask systemd."""
    shown = run(["timedatectl", "show", "--property=NTPSynchronized", "--value"], check=False, timeout=3).stdout
    inside = run(["systemd-detect-virt", "--container", "--quiet"], check=False, timeout=3).ok
    return judge(Clock(datetime.now(timezone.utc), shown.strip() == "yes", inside, _last_apply(server)))


def judge(clock: Clock) -> list[Finding]:
    """Judge it."""
    if clock.last_apply is not None and clock.now < clock.last_apply - _SLACK:
        what = f"it is {clock.now:%Y-%m-%d %H:%M} UTC here, and the last apply was on {clock.last_apply:%Y-%m-%d %H:%M}"
        return [problem(AREA, f"the clock was set back: {what}", _SET)]
    if not clock.kept and not clock.hosts:
        what = "the clock is not synchronised: logins, certificates and logs depend on it"
        return [warning(AREA, what, f"install a time service (apt-get install systemd-timesyncd), then: {_SET}")]
    return [ok(AREA, "is the host's" if clock.hosts else "synchronised")]


def _last_apply(server: Server) -> datetime | None:
    try:
        newest = server.situation.store.newest() if server.situation else None
    except Problem:
        return None  # told of as a damaged state
    return datetime.strptime(newest.at, "%Y-%m-%dT%H:%M:%S%z") if newest else None
