"""Operations: the request in, progress and the result out, and the end without the interpreter's shutdown.

Started with an operation's name, it does that one, which is all of standard input; started without, it does one after
the other, each a line {"operation", "request"}, until there are no more.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from installer.builder.answer import Failure, error, result

OPERATIONS = {
    "solve": "installer.builder.solving",
    "install": "installer.builder.installing",
    "conflicts": "installer.builder.conflicts",
    "share": "installer.builder.sharing",
    "activation": "installer.builder.activation",
    "finish": "installer.builder.finishing",
    "verify": "installer.builder.verifying",
    "clean": "installer.builder.cleaning",
}
"""The module behind each: some need no engine, and start without."""


def main() -> int:
    """Do what the command line or standard input names; returns the exit code."""
    # Directories follow the umask of whoever makes them.
    os.umask(0o022)
    # What is read of packages are many small objects that live to the end: looking for garbage finds none.
    gc.disable()
    if len(sys.argv) > 1:
        return done(sys.argv[1], sys.stdin.read())
    for line in sys.stdin:
        asked = json.loads(line)
        done(asked["operation"], asked["request"])
    return 0


def done(name: str, request: str) -> int:
    """Do an operation, and tell what came of it; returns the exit code that it is worth."""
    try:
        operation: Callable[[Any], object] = importlib.import_module(OPERATIONS[name]).run
        answer = operation(json.loads(request))
    except Failure as failure:
        error(failure)
        return 1
    except BaseException as crash:  # noqa: BLE001 - the engine's panics are no Exceptions
        error(Failure("other", f"{type(crash).__name__}: {crash}"))
        return 1
    result(answer)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
