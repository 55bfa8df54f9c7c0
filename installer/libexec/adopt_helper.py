#!/usr/bin/python3 -IS
"""Move the process at the other end of standard input into a scope of its own, in its person's slice.

Started by jupyterhub-adopt.socket once for each request. What is moved, and whose it is, comes from the kernel
(SO_PEERCRED), never from the message: a member can move their own process into their own slice, and nothing else.
Out: {"ok": true, "scope": ..., "rlimits": {...}} or {"ok": false, "error": ...} (one JSON line; nothing is read).
The limits come from jupyterhub-limits beside this, and are set before the process is in there.

usage: jupyterhub-adopt MEMBERS_GROUP USERS_SLICE [PROPERTY=VALUE ...]
PROPERTY=VALUE is a further property of the scope, a string unless the value is yes or no.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

FIRST_PERSON = 1000
SECONDS = 10.0
STOP_MICROSECONDS = 15_000_000
LIMITS = Path(__file__).with_name("jupyterhub-limits")
MOST_SCOPES = 50
"""Of one person at a time: many times what they need, and too few to burden process 1 with."""


Property = tuple[str, str, str]
"""Name, type and value, as busctl takes them."""


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """The process stays where it is."""


def peer(connection: socket.socket) -> tuple[int, int]:
    """Process id and uid of the other end, as the kernel noted them when it connected."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return pid, uid


def uids(status: str) -> set[int]:
    """Real, effective, saved and file system uid out of a /proc/PID/status."""
    found = re.search(r"^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", status, re.MULTILINE)
    return {int(uid) for uid in found.groups()} if found else set()


def check_member(account: pwd.struct_passwd, group: str) -> None:
    """Refuse system accounts and whoever is not in the group."""
    if account.pw_uid < FIRST_PERSON:
        raise Refused(f"{account.pw_name} is a system account")
    if grp.getgrnam(group).gr_gid not in os.getgrouplist(account.pw_name, account.pw_gid):
        raise Refused(f"{account.pw_name} is not a member of {group}")


def check_number(users_slice: str, person_slice: str) -> None:
    """Refuse somebody who has plenty of scopes already."""
    present = Path("/sys/fs/cgroup", users_slice, person_slice).glob("*.scope")
    if sum(1 for _ in present) >= MOST_SCOPES:
        raise Refused(f"{person_slice} has {MOST_SCOPES} scopes already")


def limit(username: str) -> tuple[dict[str, int], list[Property]]:
    """Have the person's slice limited; return what the server has to set itself, and properties of its scope."""
    done = subprocess.run([LIMITS, username], capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise Refused(f"no limits could be set: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    return answer["rlimits"], [(name, "t", str(value)) for name, value in answer["scope"].items()]


def scope_name(username: str, pid: int) -> str:
    """A unit name in which a person recognises the user: what units may not hold is written as systemd-escape would."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "".join(f"\\x{b:02x}" for b in c.encode())
                   for c in username)  # fmt: skip
    return f"jupyter-{safe}-{pid}.scope"


def start_transient_scope(
    scope: str, pid: int, person_slice: str, account: pwd.struct_passwd, more: list[Property]
) -> list[str]:
    """The call that asks systemd for the scope; `systemd-run --scope` can't: it only takes what it starts itself."""
    properties: list[Property] = [
        ("Description", "s", f"Jupyter server of {account.pw_name}"),
        ("Slice", "s", person_slice),
        # A scope that failed (out of memory, say) leaves nothing behind for `systemctl --failed`.
        ("CollectMode", "s", "inactive-or-failed"),
        ("TimeoutStopUSec", "t", str(STOP_MICROSECONDS)),
        # Shells in terminals ignore SIGTERM and end on SIGHUP.
        ("SendSIGHUP", "b", "true"),
        *more,
    ]
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    words = ["/usr/bin/busctl", "--quiet", "call", *manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", scope, "fail"]
    words += [str(len(properties) + 1), "PIDs", "au", "1", str(pid)]
    for name, kind, value in properties:
        words += [name, kind, value]
    return [*words, "0"]


def further(words: list[str]) -> list[Property]:
    """Properties as the command line has them."""
    pairs = (word.partition("=") for word in words)
    return [(name, "b" if value in {"yes", "no"} else "s", value) for name, _, value in pairs]


def adopt(connection: socket.socket, group: str, users_slice: str, more: list[Property]) -> dict[str, object]:
    """Move the peer, and return its scope and the limits that it has to set; it is in there when this returns."""
    pid, uid = peer(connection)
    try:
        account = pwd.getpwuid(uid)
        check_member(account, group)
        # The peer may have ended and its id gone to another process: that one must be the same person's in every way
        # (a setuid program is not). Then the worst is a person moving another process of their own.
        if uids(Path(f"/proc/{pid}/status").read_text()) != {uid}:
            raise Refused("the process that asked is gone")
        person_slice = f"{users_slice.removesuffix('.slice')}-{uid}.slice"
        check_number(users_slice, person_slice)
        rlimits, of_scope = limit(account.pw_name)
        scope = scope_name(account.pw_name, pid)
        command = start_transient_scope(scope, pid, person_slice, account, [*of_scope, *more])
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise Refused(f"systemd did not start {scope}: {done.stderr.strip()}")
        deadline = time.monotonic() + SECONDS
        while scope.replace("\\", "") not in Path(f"/proc/{pid}/cgroup").read_text().replace("\\", ""):
            if time.monotonic() > deadline:
                raise Refused(f"systemd did not move the process into {scope} within {SECONDS:.0f} s")
            time.sleep(0.01)
    except KeyError:
        raise Refused(f"uid {uid} or group {group} does not exist") from None
    except FileNotFoundError:
        raise Refused("the process that asked is gone") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"systemd did not answer within {SECONDS:.0f} s") from None
    return {"scope": scope, "rlimits": rlimits}


def main() -> None:
    """Serve the one request on standard input."""
    group, users_slice, *words = sys.argv[1:]
    with socket.socket(fileno=0) as connection:
        connection.settimeout(SECONDS)
        try:
            reply: dict[str, object] = {"ok": True, **adopt(connection, group, users_slice, further(words))}
        except Refused as refusal:
            print(f"refused: {refusal}", file=sys.stderr)  # noqa: T201 - the journal
            reply = {"ok": False, "error": str(refusal)}
        try:
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except OSError as error:
            print(f"the process that asked did not wait for the answer: {error}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
