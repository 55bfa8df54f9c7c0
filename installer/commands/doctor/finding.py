"""What a check says: how something is, and the one command or edit that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

APPLY = "sudo python3 -m installer apply"
"""What mends whatever the installer itself has made."""


class Severity(str, Enum):
    """How bad it is: a problem keeps somebody from working, lets somebody do too much, or can't be looked at."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """How one thing is.

    what: one line. mend: one command or edit, "" where there is nothing to mend; a command stands at its end.
    """

    area: str
    severity: Severity
    what: str
    mend: str = ""


def ok(area: str, what: str) -> Finding:
    """Say that it is as it should be."""
    return Finding(area, Severity.OK, what)


def warning(area: str, what: str, mend: str) -> Finding:
    """Say what may go wrong before long, or is to be known of."""
    return Finding(area, Severity.WARNING, what, mend)


def problem(area: str, what: str, mend: str) -> Finding:
    """Say what is wrong."""
    return Finding(area, Severity.PROBLEM, what, mend)
