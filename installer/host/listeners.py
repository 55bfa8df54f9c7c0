"""Who listens on a TCP port of this machine."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def listening(proc: str, ports: Collection[int]) -> dict[int, set[str]]:
    """Inodes of the sockets that listen on each of the TCP ports (proc(5): /proc/net/tcp, state 0A)."""
    inodes: dict[int, set[str]] = {port: set() for port in ports}
    for table in ("tcp", "tcp6"):
        path = Path(proc, "net", table)
        if not path.exists():
            continue
        # Read once for all ports: the kernel walks a large table for it, in milliseconds.
        for line in path.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == "0A" and port in inodes:
                inodes[port].add(fields[9])
    return inodes


def holder_of(proc: str, inodes: Collection[str]) -> tuple[str, str] | None:
    """Pid and name of a process that has one of these sockets open, None where none is seen."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in sorted((entry.name for entry in Path(proc).iterdir() if entry.name.isdigit()), key=int):
        try:
            if any(str(descriptor.readlink()) in wanted for descriptor in Path(proc, pid, "fd").iterdir()):
                return pid, Path(proc, pid, "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # the process has ended meanwhile
            continue
    return None
