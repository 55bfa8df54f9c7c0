#!/usr/bin/python3 -IS
"""sudospawner's mediator (SudoSpawner.sudospawner_path), without the half second and the 50 MB that its imports take.

Run by sudo as the user, once for each request. It speaks sudospawner's protocol and keeps to its rules: nothing is
started but the program beside this one, without the hub's PYTHONPATH; a process that is gone is no error.

In:  {"action": "spawn", "args": [...], "env": {...}} or {"action": "kill", "pid": ..., "signal": ...}    (JSON)
     or, which sudospawner's hasn't, {"action": "end", "pid": ...}: kill what is left in the scope of that server
Out: {"ok": true, "pid": ...}, {"ok": true, "alive": ...} or {"ok": false, "error": ...}, and with that, where it is
the home that doesn't do, {"status": ...}: the one that a server would end with over it

sudospawner's own waits a second to see whether the server ends at once; whoever asks here looks at that all the time.
"""

from __future__ import annotations

import json
import os
import signal as signals
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

SERVER = "sudospawner-singleuser"
SLICE = Path("/sys/fs/cgroup/jupyterusers.slice", f"jupyterusers-{os.getuid()}.slice")
ROUNDS, PAUSE = 100, 0.03
"""How often what is left is killed, which may start something else meanwhile, and seconds in between."""


def kill(pid: int, signal: int) -> dict[str, object]:
    """Send a signal to a process of this user's."""
    try:
        os.kill(pid, signal)
    except OSError:
        # Gone, or its number has gone to another's: either way, the server isn't there any more.
        return {"ok": True, "alive": False}
    return {"ok": True, "alive": True}


def end(pid: int) -> dict[str, object]:
    """Kill what a server has left behind in its scope, and say whether there is anything all the same."""
    for _ in range(ROUNDS):
        left = in_scope(pid)
        if not left:
            return {"ok": True, "alive": False}
        for each in left:
            # It may have ended, or be a program that changes users: that is not this user's to kill.
            with suppress(OSError):
                os.kill(each, signals.SIGKILL)
        time.sleep(PAUSE)
    return {"ok": True, "alive": True}


def in_scope(pid: int) -> list[int]:
    """What is in the scope that a server had to itself (see adopt_helper)."""
    found: list[int] = []
    for scope in SLICE.glob(f"jupyter-*-{pid}.scope"):
        with suppress(OSError):
            found += [int(word) for word in (scope / "cgroup.procs").read_text().split()]
    # 0 is a process that can't be seen from here, and to kill(2) something else.
    return [each for each in found if each]


def become(program: str, arguments: list[str], env: dict[str, str], failure: int) -> NoReturn:
    """Be the program, apart from whoever asked; or say why not."""
    try:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        # Standard output is the answer's.
        os.dup2(2, 1)
        os.execve(program, [program, *arguments], env)  # noqa: S606 - that is the point
    except OSError as error:
        os.write(failure, f"{error.strerror}: {error.filename}".encode())
    finally:
        os._exit(1)


def spawn(args: list[str], env: dict[str, str]) -> dict[str, object]:
    """Start the server and say which process it is."""
    here, home = Path(__file__).resolve().parent, Path.home()
    program = str(here / SERVER)
    env.pop("PYTHONPATH", None)
    sys.path.append(str(here))
    from sudospawner_homes import trouble  # type: ignore[import-not-found]  # noqa: PLC0415 - wanted here alone

    if found := trouble(home, env):
        return {"ok": False, "error": f"the home {home} can't be used: {found}", "status": found}
    # What is written there, exec hasn't closed: it has failed.
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(program, args, env, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as failed:
        error = failed.read()
    return {"ok": False, "error": error} if error else {"ok": True, "pid": pid}


def main() -> None:
    """Carry out the one request on standard input; sudospawner's own options make no difference."""
    if "--help" in sys.argv:
        sys.stdout.write(str(__doc__))
        return
    request = json.load(sys.stdin)
    action = {"kill": kill, "spawn": spawn, "end": end}[request.pop("action")]
    json.dump(action(**request), sys.stdout)  # type: ignore[operator]
    sys.stdout.flush()


if __name__ == "__main__":
    main()
