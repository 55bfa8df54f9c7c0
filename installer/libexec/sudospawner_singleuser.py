#!/usr/bin/python3 -IS
"""What sudospawner starts as the user, in place of jupyterhub-singleuser beside it (its documented hook).

It has itself moved into a scope of the person's own with its limits, takes those on that only a process can set for
itself, connects its output to the journal there, and becomes jupyterhub-singleuser: the process id stays the one that
sudospawner reports to the hub.
"""

from __future__ import annotations

import json
import os
import pwd
import resource
import socket
import sys
import time
from pathlib import Path

ADOPT_SOCKET = "/run/jupyterhub-adopt.sock"
SECONDS = 30.0
AGAIN = 0.1


def ask_for_scope() -> dict[str, object]:
    """What the root helper behind the socket says."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(ADOPT_SOCKET)
            return dict(json.loads(connection.makefile("r").readline() or '{"error": "it gave no answer"}'))
    except (OSError, ValueError) as error:
        return {"error": str(error)}


def move_into_own_scope() -> dict[str, int]:
    """Get the scope, or end here, with the reason: never run in the cgroup of the helper that started this.

    Returns the limits that are this process's to set.
    """
    deadline = time.monotonic() + SECONDS
    # No answer is not a no: systemd drops connections when another member has taken all there are.
    while not (reply := ask_for_scope()).get("ok") and "ok" not in reply and time.monotonic() < deadline:
        time.sleep(AGAIN)
    if not reply.get("ok"):
        sys.exit(f"The server was not started: {ADOPT_SOCKET} refused it a scope of its own: {reply['error']}")
    limits = reply.get("rlimits")
    return limits if isinstance(limits, dict) else {}


def take_on(limits: dict[str, int]) -> None:
    """Lower limits of the process for good: they go to all that it starts, and no user can raise a hard one again."""
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        # A larger one is root's to give, so the least of the two holds.
        soft, hard = (old if 0 <= old < value else value for old in resource.getrlimit(which))
        if value <= sys.maxsize:  # what is more is no limit
            resource.setrlimit(which, (soft, hard))


def main() -> None:
    """Adopt, take limits on, connect the output, become the server."""
    take_on(move_into_own_scope())
    # The revision itself, not the .venv link that led here: what runs must not change when the link moves on.
    here = Path(__file__).resolve().parent
    # -X no_debug_ranges: columns within lines, for tracebacks, take memory. Kernels are processes of their own.
    server = [str(here / "python"), "-I", "-X", "no_debug_ranges", str(here / "jupyterhub-singleuser-quick")]
    name = pwd.getpwuid(os.getuid()).pw_name
    journal = ["/usr/bin/systemd-cat", f"--identifier=jupyter-{name}", "--priority=info"]
    os.execv(journal[0], [*journal, *server, *sys.argv[1:]])  # noqa: S606 - that is the point


if __name__ == "__main__":
    main()
