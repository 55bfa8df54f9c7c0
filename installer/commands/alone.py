"""One run at a time; and before it begins, what a killed one left of its builds is cleared away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from installer.engine.lock import exclusive
from installer.host import paths
from installer.host.errors import Problem
from installer.kernels import leftovers


@contextmanager
def alone(doing: str) -> Iterator[None]:
    """Hold the lock while in the block. Raises Problem, naming the holder, if another run has it.

    doing: the command's name, told to whoever finds it taken.
    """
    with exclusive(paths.LOCK, doing):
        if doing != "restore" and paths.RESTORING.exists():
            which = paths.RESTORING.read_text(encoding="utf-8").strip()
            raise Problem(
                f"the restore of a backup {which} did not come to its end",
                "finish it first: sudo python3 -m installer restore FILE",
            )
        leftovers.clear()
        yield
