#!/usr/bin/python3 -IS
"""What attackers do in a machine (see attack_table): run the words of a table, and what takes more than a shell.

Standard library alone: it runs as anybody, with the machine's own Python. Whatever is asked for and can't be done is an
error, on the last line of standard error, and an exit code that isn't 0.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 6
SECONDS = 30
STILL = 124
LONGEST = 300
PTRACE_SEIZE = 0x4206
SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
AF_PACKET_ALL = 0x0300


def run_table(file: str, who: str, out: str = "") -> None:
    """Run what a table has for somebody; tell exit code and output of each, in a file if there is to be one."""
    table = json.loads(Path(file).read_text(encoding="utf-8"))

    def attempt(words: str) -> tuple[int, str]:
        try:
            done = subprocess.run(
                ["/bin/bash", "-c", words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **table["facts"]},
                cwd="/",
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return STILL, f"still at it after {SECONDS} s"
        return done.returncode, done.stdout[-LONGEST:]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = json.dumps(list(threads.map(attempt, table["words"][who])))
    if out:
        Path(f"{out}.half").write_text(found, encoding="utf-8")
        Path(f"{out}.half").rename(out)
    else:
        print(found)


# --- Unix sockets ------------------------------------------------------------------------------------


def connected(path: str) -> socket.socket:
    """A connection; from the socket's directory, since a path of more than 107 bytes is none."""
    os.chdir(Path(path).parent)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(Path(path).name)
    return connection


def connect(path: str) -> None:
    """Connect, and hang up."""
    connected(path).close()


def ask(path: str, question: object) -> None:
    """Have a helper do something."""
    with connected(path) as connection:
        connection.sendall(json.dumps(question).encode() + b"\n")
        said = connection.makefile().readline()
    print(said)
    if not json.loads(said)["ok"]:
        sys.exit("not allowed")


def ask_after(path: str, user: str) -> None:
    """Ask after somebody's server: the one helper is asked for a signal, the other how it ended."""
    of_sudo = {"action": "kill", "pid": 1, "signal": 0}
    ask(path, {"user": user, "request": of_sudo, "action": "ended", "server": ""})


def stop(path: str, user: str, pid: str) -> None:
    """Have somebody's server stopped, by a process's number that may be another's."""
    of_sudo = {"action": "kill", "pid": int(pid), "signal": 15}
    ask(path, {"user": user, "request": of_sudo, "action": "stop", "server": "", "pid": int(pid)})


def password(user: str, word: str) -> None:
    """Ask whether a password is right."""
    ask("/run/jupyterhub-pam.sock", {"username": user, "password": word})


# --- processes ---------------------------------------------------------------------------------------


def call(name: str, *arguments: object, failed: int = -1) -> int:
    """Call the C library; raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    result = int(getattr(library, name)(*arguments))
    if result == failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def memory(pid: str) -> None:
    """Read what is at the first address of a process."""
    first = Path(f"/proc/{pid}/maps").read_text().split("-", 1)[0]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
        file.seek(int(first, 16))
        file.read(16)


def attach(pid: str) -> None:
    """Attach as a debugger, which lets go when it ends."""
    call("ptrace", PTRACE_SEIZE, int(pid), None, None)


def take(pid: str) -> None:
    """Take the standard error of a process."""
    call("syscall", SYS_PIDFD_GETFD, call("syscall", SYS_PIDFD_OPEN, int(pid), 0), 2, 0)


def become(uid: str) -> None:
    """Be somebody else."""
    os.setuid(int(uid))


def segment(number: str) -> None:
    """Attach a System V segment to read it."""
    library = ctypes.CDLL(None, use_errno=True)
    library.shmat.restype = ctypes.c_ssize_t
    if library.shmat(int(number), None, 0o10000) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def queue(name: str) -> None:
    """Open a POSIX message queue to read it."""
    call("mq_open", name.encode(), os.O_RDONLY)


# --- the network -------------------------------------------------------------------------------------


def listen(address: str, port: str) -> None:
    """Listen on a port for a moment."""
    socket.create_server((address, int(port))).close()


def packets() -> None:
    """Be given each packet."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, AF_PACKET_ALL).close()


VERBS: dict[str, Callable[..., None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        run_table, connect, ask_after, stop, password, memory, attach, take, become, segment, queue, listen, packets,
    )
}  # fmt: skip


def main(words: Sequence[str]) -> None:
    """Do one thing."""
    VERBS[words[0]](*words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
