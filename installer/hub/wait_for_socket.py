"""Wait until something listens on a Unix socket: a start command of units whose program can't tell systemd itself.

usage: python -I -m installer.hub.wait_for_socket SOCKET SECONDS
"""

from __future__ import annotations

import socket
import sys
import time


def listens(path: str) -> bool:
    """Whether a connection is taken there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def main() -> int:
    """Look often, give up in time."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    deadline = time.monotonic() + seconds
    while not listens(path):
        if time.monotonic() > deadline:
            print(f"nothing listens on {path} after {seconds:.0f} s", file=sys.stderr)  # noqa: T201 - the journal
            return 1
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(main())
