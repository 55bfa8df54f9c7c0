"""What goes out: lines of JSON on standard output, and the failures that the other side has words for."""

from __future__ import annotations

import json
import sys
import threading
from typing import Literal

Kind = Literal["unreachable", "unsatisfiable", "bad-spec", "unauthorized", "damaged", "no-space", "other"]

_one_at_a_time = threading.Lock()


class Failure(Exception):  # noqa: N818 - it is told to a person, not only to a programmer
    """Why an operation came to nothing: a kind for the program, a line for a person, and more lines where they help."""

    def __init__(self, kind: Kind, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


def progress(line: str) -> None:
    """Tell how far it is."""
    _say({"progress": line})


def result(answer: object) -> None:
    """Tell what came of it; the last line."""
    _say({"result": answer})


def error(failure: Failure) -> None:
    """Tell why nothing came of it; the last line."""
    _say({"error": {"kind": failure.kind, "message": failure.message, "detail": failure.detail}})


def _say(said: dict[str, object]) -> None:
    # Progress comes from the engine's threads.
    with _one_at_a_time:
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
