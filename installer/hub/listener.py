"""Whose process is at an end of a TCP connection of this machine, or listens for one."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

LISTEN = "0A"
"""TCP_LISTEN (net/tcp_states.h), as /proc/net/tcp writes it."""


def listener_uid(address: str, port: int) -> int | None:
    """The account behind a listening IPv4 socket, as the kernel knows it; None where nothing listens there."""
    return next((uid for state, uid in _sockets(address, port) if state == LISTEN), None)


def client_uid(address: str, port: int) -> int | None:
    """The account behind the IPv4 socket that a connection came from; None where that isn't on this machine."""
    return next((uid for state, uid in _sockets(address, port) if state != LISTEN), None)


def _sockets(address: str, port: int) -> Iterator[tuple[str, int]]:
    """State and account of the sockets with that address of their own."""
    # The kernel prints the address as the number that it is in memory (proc(5)).
    (number,) = struct.unpack("=I", socket.inet_aton(address))
    wanted = f"{number:08X}:{port:04X}"
    for line in Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted:
            yield fields[3], int(fields[7])
