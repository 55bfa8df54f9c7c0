"""One run at a time: a lock that the kernel drops with its holder, and that says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.engine.store import now
from installer.host import files
from installer.host.errors import Problem


@contextmanager
def exclusive(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock while in the block.

    doing: the command's name, told to whoever finds it taken. Raises Problem, naming the holder, if another run has it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise files.unwritable(path, error) from error
    with os.fdopen(descriptor, "r+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                f"another run is at work: {_holder(stream.read())}", "wait for it to end, then try again"
            ) from None
        stream.truncate(0)
        json.dump({"doing": doing, "pid": os.getpid(), "since": now()}, stream)
        stream.flush()
        yield


def _holder(text: str) -> str:
    try:
        said = json.loads(text)
        return f"{said['doing']}, pid {said['pid']}, since {said['since']}"
    except (ValueError, KeyError):
        return "it has only just begun"
