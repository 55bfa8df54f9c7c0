"""Whether something is at work that Jupyter doesn't know of: jobs in terminals, and whatever else computes.

Read off /proc and this server's control group, which has all that was started from it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SHELLS = frozenset(["bash", "sh", "dash", "zsh", "fish", "ksh", "mksh", "tcsh", "csh", "nu", "xonsh"])
"""What waits for a command, or for one that it has started: no job in itself."""

_STATE, _PARENT, _SESSION = 0, 1, 3
"""Fields of /proc/PID/stat behind the name (proc(5))."""

_MICRO = 1e-6


@dataclass(frozen=True)
class Process:
    """As much of a process as tells whose it is."""

    pid: int
    name: str
    state: str
    parent: int
    session: int


def own_cgroup() -> Path | None:
    """The control group of this process; None where there is no hierarchy of the second version."""
    lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    found = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    path = Path("/sys/fs/cgroup", found.lstrip("/")) if found is not None else None
    return path if path is not None and (path / "cgroup.procs").exists() else None


def read_process(pid: int, proc: Path = Path("/proc")) -> Process | None:
    """One process; None where it has ended."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name may have blanks and brackets in it.
    head, _, tail = text.rpartition(") ")
    fields = tail.split()
    return Process(pid, head.partition(" (")[2], fields[_STATE], int(fields[_PARENT]), int(fields[_SESSION]))


def processes(cgroup: Path) -> list[Process]:
    """All that run in a control group."""
    try:
        pids = (cgroup / "cgroup.procs").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [process for pid in pids if (process := read_process(int(pid))) is not None]


def with_jobs(terminals: Mapping[str, int], running: Iterable[Process]) -> set[str]:
    """Which of the terminals have something running, in front or behind.

    terminals: the process of each one's shell.
    """
    alive = {process.pid: process for process in running if process.state != "Z"}
    shells = {pid: name for name, pid in terminals.items()}
    jobs = [each for each in alive.values() if each.pid not in shells and each.name not in _SHELLS]
    return {shells[shell] for job in jobs if (shell := _shell_of(job, shells, alive)) is not None}


def _shell_of(job: Process, shells: Collection[int], alive: Mapping[int, Process]) -> int | None:
    """The shell that a process was started from: that of its session, or one above it."""
    above, passed = job, set[int]()
    while above.session not in shells:
        passed.add(above.pid)
        parent = alive.get(above.parent)
        if parent is None or parent.pid in passed:
            return None
        above = parent
    return above.session


class Computing:
    """Tells how much of a processor all but this server itself has used from one look to the next."""

    def __init__(self, cgroup: Path) -> None:
        self._cgroup = cgroup
        self._before = self._now()

    def share(self) -> float:
        """The share of one processor since the last call; more than 1 where several were used."""
        (began, used), (now, total) = self._before, self._now()
        self._before = now, total
        return max(0.0, total - used) / (now - began) if now > began else 0.0

    def _now(self) -> tuple[float, float]:
        return time.monotonic(), self._used() - time.process_time()

    def _used(self) -> float:
        """Seconds of processor time, of ended processes too."""
        try:
            lines = (self._cgroup / "cpu.stat").read_text(encoding="utf-8").splitlines()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) * _MICRO for line in lines if line.startswith("usage_usec")), 0.0)
