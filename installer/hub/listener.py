"""Whose process listens on a port of this machine."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

LISTEN = "0A"
"""TCP_LISTEN (net/tcp_states.h), as /proc/net/tcp writes it."""


def listener_uid(address: str, port: int) -> int | None:
    """The account behind a listening IPv4 socket, as the kernel knows it; None where nothing listens there."""
    # The kernel prints the address as the number that it is in memory (proc(5)).
    (number,) = struct.unpack("=I", socket.inet_aton(address))
    wanted = f"{number:08X}:{port:04X}"
    for line in Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted and fields[3] == LISTEN:
            return int(fields[7])
    return None
