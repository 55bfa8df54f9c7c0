"""A machine's own cgroup: two systemds in one cgroup would take each other's services for their own.

Where process 1 of the host is systemd, cgroups are its business and the machine gets a scope unit. Elsewhere the
directories are made by hand, in the unified hierarchy and in systemd's named one if there is one.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.system.machine_host import has_systemd
from tests.system.machine_process import MachineProblem, run

_ROOT = Path("/sys/fs/cgroup")


def unified_hierarchy() -> Path:
    """Where cgroup v2 is mounted: the root, or beside v1 in a hybrid set-up."""
    for path in (_ROOT, _ROOT / "unified"):
        if (path / "cgroup.procs").exists() and (path / "cgroup.controllers").exists():
            return path
    raise MachineProblem(
        "no cgroup v2 on this host, which the guests' systemd needs\nrun: mount -t cgroup2 none /sys/fs/cgroup/unified"
    )


def cgroup_of(pid: int) -> Path:
    """The directory of the unified hierarchy that a process is in."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return unified_hierarchy() / line[3:].lstrip("/")
    raise MachineProblem(f"process {pid} is in no cgroup v2")


@dataclass(frozen=True)
class Cgroup:
    """The cgroup of the machine `name`."""

    name: str

    @property
    def _scope(self) -> str:
        return f"{self.name}.scope"

    def _directories(self) -> list[Path]:
        named = _ROOT / "systemd"
        hierarchies = [unified_hierarchy()] + ([named] if (named / "cgroup.procs").exists() else [])
        return [hierarchy / self.name for hierarchy in hierarchies]

    def launcher(self) -> list[str]:
        """The words before a command that make it run in this cgroup, in the same process."""
        if has_systemd():
            scope = ["--scope", f"--unit={self._scope}", "--property=Delegate=yes"]
            return ["systemd-run", "--quiet", "--collect", *scope, "--"]
        directories = self._directories()
        for directory in directories:
            directory.mkdir(exist_ok=True)
        enter = 'for cgroup in "$1" ${2:+"$2"}; do echo $$ > "$cgroup/cgroup.procs"; done; shift 2; exec "$@"'
        paths = [str(directory) for directory in directories] + [""]
        return ["/bin/sh", "-ec", enter, "sh", *paths[:2]]

    def kill(self) -> None:
        """Kill every process in it at once, as if the power went out."""
        if has_systemd():
            run(["systemctl", "kill", "--signal=KILL", self._scope], check=False)
        elif (switch := self._directories()[0] / "cgroup.kill").exists():
            switch.write_text("1")

    def remove(self) -> None:
        """Take the directories away; systemd does so itself with a scope that is empty."""
        if has_systemd():
            run(["systemctl", "stop", self._scope], check=False)
            return
        for directory in self._directories():
            for below, _, _ in list(os.walk(directory, topdown=False)):
                _remove_directory(Path(below))


def _remove_directory(path: Path) -> None:
    """Remove one cgroup; the kernel takes a moment to let go of one whose last process was just killed."""
    deadline = time.monotonic() + 10
    while True:
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
