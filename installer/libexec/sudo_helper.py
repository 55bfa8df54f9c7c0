#!/usr/bin/python3 -IS
"""Run sudospawner's mediator for the hub, outside the hub's sandbox.

The hub runs with NoNewPrivileges and a closed system call filter: sudo can't work in there, and a user's server would
inherit it all. So the hub sends the request here: this runs as the hub's account, in a unit without a sandbox, and can
do what sudoers lets that account do: start sudospawner as a member.

In:  {"user": ..., "request": {"action": "spawn", ...}}       (one JSON line; "request" is sudospawner's own)
Out: sudospawner's answer, or {"ok": false, "error": ...}     (one JSON line)

When this process ends, systemd ends the rest of its cgroup: the mediator, which has nothing more to do, and a server
that has not been moved into a scope of its own, which must not run.

usage: jupyterhub-sudo MEDIATOR USERS_SLICE
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LONGEST_REQUEST = 1 << 20
READ_SECONDS = 10
LONGEST_COMPLAINT = 500
MEDIATOR_SECONDS = 90
ADOPT_SECONDS = 30.0

CGROUPS = Path("/sys/fs/cgroup")
PIDS = range(2, 1 << 22)
"""What can be the number of a process that somebody has started."""


class Failed(Exception):  # noqa: N818 - an answer for the hub
    """The request was not carried out."""


def read_request(connection: socket.socket) -> tuple[str, dict[str, object]]:
    """The user and sudospawner's request out of one bounded line."""
    connection.settimeout(READ_SECONDS)
    with connection.makefile("rb") as stream:
        line = stream.readline(LONGEST_REQUEST)
    if not line.endswith(b"\n"):
        raise Failed("the hub's request was cut short")
    message = json.loads(line)
    user, request = message["user"], message["request"]
    # sudo takes '#1000' for a uid.
    if not isinstance(user, str) or not isinstance(request, dict) or user.startswith(("#", "-")):
        raise Failed("the hub's request is malformed")
    return user, request


def run_mediator(mediator: str, user: str, request: dict[str, object]) -> dict[str, Any]:
    """sudospawner's answer; its own complaints, and sudo's, go to this unit's journal."""
    command = ["/usr/bin/sudo", "-n", "-H", "-u", user, "--", mediator]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), stdout=subprocess.PIPE, text=True, timeout=MEDIATOR_SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"sudospawner's mediator did not answer within {MEDIATOR_SECONDS} s") from None
    try:
        answer = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
    except ValueError:
        raise Failed(f"sudo did not let the hub act as {user}, who may not be a member of the users' group") from None
    return checked(answer)


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as far as it is what sudospawner says: it runs as the user, who can make it say anything.

    A pid that is no number would have the hub open a path of the user's choice (/proc/PID/...), and -1 is everybody.
    """
    if not answer.get("ok"):
        told = {"ok": False, "error": str(answer.get("error", ""))[:LONGEST_COMPLAINT]}
        return {**told, "status": answer["status"]} if type(answer.get("status")) is int else told
    if isinstance(answer.get("alive"), bool):
        return {"ok": True, "alive": answer["alive"]}
    if type(answer.get("pid")) is int and answer["pid"] in PIDS:
        return {"ok": True, "pid": answer["pid"]}
    raise Failed("sudospawner's answer is malformed")


def wait_until_adopted(user: str, pid: int, users_slice: str) -> None:
    """Return once the server is in its person's slice."""
    deadline = time.monotonic() + ADOPT_SECONDS
    person_slice = f"{users_slice.removesuffix('.slice')}-{pwd.getpwnam(user).pw_uid}.slice"
    # Not in /proc, where this account sees nothing of others' processes if it is mounted so (hidepid=2).
    while not in_scope(CGROUPS / users_slice / person_slice, pid):
        if not exists(pid):
            raise Failed("the server ended at once")
        if time.monotonic() > deadline:
            raise Failed(f"the server got no scope of its own within {ADOPT_SECONDS:.0f} s")
        time.sleep(0.02)


def in_scope(person_slice: Path, pid: int) -> bool:
    """Whether a process is in a scope of its own (see adopt_helper), in the control group of a slice."""
    for scope in person_slice.glob(f"jupyter-*-{pid}.scope"):
        try:
            return str(pid) in (scope / "cgroup.procs").read_text().split()
        except OSError:
            continue
    return False


def exists(pid: int) -> bool:
    """Whether there is a process, whosever it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main() -> None:
    """Carry out the one request on standard input."""
    mediator, users_slice = sys.argv[1:]
    with socket.socket(fileno=0) as connection:
        try:
            user, request = read_request(connection)
            answer = run_mediator(mediator, user, request)
            if answer.get("ok") and request.get("action") == "spawn":
                wait_until_adopted(user, answer["pid"], users_slice)
        except Failed as failure:
            answer = {"ok": False, "error": str(failure)}
        except (ValueError, KeyError, TypeError, OSError) as error:
            answer = {"ok": False, "error": f"the hub's request could not be handled ({type(error).__name__})"}
        if not answer.get("ok"):
            print(answer.get("error"), file=sys.stderr)  # noqa: T201 - the journal
        connection.sendall(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
