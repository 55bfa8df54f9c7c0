"""Which machines exist on this host: a number each, and who holds it.

Processes of several worktrees and users run at once, and any of them may be killed. So a machine's number is claimed
by a file that names its owner, everything else about the machine is named after the number, and whoever comes next
takes away what a dead owner left.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.system.machine_cgroup import Cgroup
from tests.system.machine_host import CLAIMS, cache_dir, locked
from tests.system.machine_network import BASE, Network
from tests.system.machine_process import run

_IN_USE_SECONDS = 30


@dataclass(frozen=True)
class Claim:
    """One machine's place on this host."""

    number: int
    data: Path
    """The directory that holds its file system layer, its mount point and its console log."""

    @property
    def name(self) -> str:
        """What the machine is called on the host."""
        return f"jhtest{self.number}"

    @property
    def network(self) -> Network:
        """Its network."""
        return Network(self.number)

    @property
    def cgroup(self) -> Cgroup:
        """Its cgroup."""
        return Cgroup(self.name)

    @property
    def root(self) -> Path:
        """Where its root file system is mounted on the host."""
        return self.data / "root"

    def shut(self) -> None:
        """Kill what runs in it and let go of cgroup, network and mount; its layer stays."""
        self.cgroup.kill()
        self.cgroup.remove()
        self.network.remove()
        deadline = time.monotonic() + _IN_USE_SECONDS
        while os.path.ismount(self.root):
            # Whoever goes through the host's files (updatedb, a backup) may be in there for a moment.
            if not run(["umount", self.root], check=time.monotonic() > deadline).ok:
                time.sleep(0.2)

    def release(self) -> None:
        """Take the machine away with all it left."""
        self.shut()
        shutil.rmtree(self.data, ignore_errors=True)
        _record(self.number).unlink(missing_ok=True)


def claim() -> Claim:
    """Take the first free number, having cleared away what dead owners left."""
    with locked("claims"):
        _release(lambda pid, started: _start_time(pid) != started)
        number = next(number for number in range(BASE.num_addresses // 4) if not _record(number).exists())
        data = cache_dir() / "machines" / str(number)
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        owner = {"pid": os.getpid(), "started": _start_time(os.getpid()), "data": str(data)}
        _record(number).write_text(json.dumps(owner))
    return Claim(number, data)


def release_own() -> None:
    """Take away what is left of this process's machines: the last resort where an interrupt came at a bad moment."""
    with locked("claims"):
        _release(lambda pid, started: pid == os.getpid())


def _record(number: int) -> Path:
    return CLAIMS / f"{number}.json"


def _release(is_over: Callable[[int, str], bool]) -> None:
    for record in CLAIMS.glob("*.json"):
        try:
            owner = json.loads(record.read_text())
        except FileNotFoundError:
            continue  # its owner has released it meanwhile
        if is_over(owner["pid"], owner["started"]):
            Claim(int(record.stem), Path(owner["data"])).release()


def _start_time(pid: int) -> str | None:
    """When a process started, in the kernel's ticks: with the pid, its identity. None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()[19]
