"""The version of this installer, as setup.py has it: what it writes down for another one to compare."""

from __future__ import annotations

VERSION = "0.1.0"


def ordered(version: str) -> tuple[int, ...]:
    """A version as what can be compared. Raises ValueError for a text that is none."""
    return tuple(int(number) for number in version.split("."))
