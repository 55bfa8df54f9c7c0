"""One operation: the request in, progress and the result out, and the end without the interpreter's shutdown."""

from __future__ import annotations

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
    """Do the operation that the command line names; returns the exit code."""
    try:
        # Directories follow the umask of whoever makes them.
        os.umask(0o022)
        operation: Callable[[Any], object] = importlib.import_module(OPERATIONS[sys.argv[1]]).run
        answer = operation(json.load(sys.stdin))
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
