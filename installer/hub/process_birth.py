"""Tell a process from a later one that got the same id."""

from __future__ import annotations

from pathlib import Path


def birth(pid: int) -> int | None:
    """The clock tick since boot at which the process began; None if there is none, or it has ended.

    After a reboot the same id with the same tick is possible, and too unlikely to ask for more than that.
    """
    try:
        # The second field is the program's name in brackets and may hold anything, blanks and brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    if state in "ZX":
        return None
    return int(ticks)
