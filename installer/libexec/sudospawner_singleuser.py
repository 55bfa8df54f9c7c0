#!/usr/bin/python3 -IS
"""What sudospawner starts as the user, in place of jupyterhub-singleuser beside it (its documented hook).

It has itself moved into a scope of the person's own with its limits, connects its output to the journal there,
and becomes jupyterhub-singleuser: the process id stays the one that sudospawner reports to the hub.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
from pathlib import Path

ADOPT_SOCKET = "/run/jupyterhub-adopt.sock"
SECONDS = 30.0


def move_into_own_scope() -> None:
    """Ask the root helper behind the socket; end with its reason if it says no: never run in the hub's cgroup."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(ADOPT_SOCKET)
            reply = json.loads(connection.makefile("r").readline() or '{"error": "it gave no answer"}')
    except (OSError, ValueError) as error:
        reply = {"error": str(error)}
    if not reply.get("ok"):
        sys.exit(f"The server was not started: {ADOPT_SOCKET} gave it no scope of its own: {reply['error']}")


def main() -> None:
    """Adopt, connect the output, become the server."""
    move_into_own_scope()
    # The revision itself, not the .venv link that led here: what runs must not change when the link moves on.
    server = Path(__file__).resolve().parent / "jupyterhub-singleuser"
    name = pwd.getpwuid(os.getuid()).pw_name
    journal = ["/usr/bin/systemd-cat", f"--identifier=jupyter-{name}", "--priority=info"]
    os.execv(journal[0], [*journal, str(server), *sys.argv[1:]])  # noqa: S606 - that is the point


if __name__ == "__main__":
    main()
