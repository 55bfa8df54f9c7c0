"""Which servers are stopped, and when: the rules of the config, and what comes of them. Pure but for `groups_of`."""

from __future__ import annotations

import grp
import json
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Limits:
    """Seconds that a server may be idle, and seconds it may run; 0 is for ever."""

    timeout: int
    max_age: int


@dataclass(frozen=True)
class Rules:
    """What the config says under `culler`.

    everybody: the limits of those who are in none of the groups. exempt: whose servers are never stopped.
    warning: how long before its end a server is told of. every: seconds from one look to the next.
    """

    everybody: Limits
    groups: Mapping[str, Limits]
    exempt: frozenset[str]
    warning: int
    every: int

    def limits_of(self, user: str, groups: frozenset[str] | None) -> Limits:
        """A user's limits: the longest of several groups'; of all that there are, where the groups aren't known."""
        if user in self.exempt:
            return Limits(0, 0)
        theirs = [limits for group, limits in self.groups.items() if groups is None or group in groups]
        if groups is None:
            theirs.append(self.everybody)
        found = theirs or [self.everybody]
        return Limits(_longest(limits.timeout for limits in found), _longest(limits.max_age for limits in found))


@dataclass(frozen=True)
class End:
    """When a server is to be stopped, and why. left: seconds until then; not more than 0 where that is now."""

    left: float
    limit: int
    why: str


def read_rules(file: Path) -> Rules:
    """The rules out of the file that the installer writes."""
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Rules(
        everybody=Limits(said["timeout"], said["max_age"]),
        groups={name: Limits(limits["timeout"], limits["max_age"]) for name, limits in said["groups"].items()},
        exempt=frozenset(said["exempt"]),
        warning=said["warning"],
        every=said["every"],
    )


def end_of(limits: Limits, idle: float, age: float | None) -> End | None:
    """When a server's time is up that was idle for so many seconds, and runs for so many; None for never."""
    ends = []
    if limits.timeout:
        ends.append(End(limits.timeout - idle, limits.timeout, f"idle for {in_words(idle)}"))
    if limits.max_age and age is not None:
        ends.append(End(limits.max_age - age, limits.max_age, f"running for {in_words(age)}"))
    return min(ends, key=lambda end: end.left, default=None)


def groups_of(user: str) -> frozenset[str] | None:
    """The Linux groups of an account; None where nobody can say at the moment."""
    try:
        numbers = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except (KeyError, OSError):
        return None
    return frozenset(name for number in numbers if (name := _group_name(number)) is not None)


def in_words(seconds: float) -> str:
    """A duration in its two largest units: 1h2m."""
    total, words = max(0, int(seconds)), []
    for unit, size in _UNITS.items():
        amount, total = divmod(total, size)
        if amount:
            words.append(f"{amount}{unit}")
    return "".join(words[:2]) or "0s"


def _longest(limits: Any) -> int:  # noqa: ANN401 - an iterable of int
    found = list(limits)
    return 0 if 0 in found else max(found)


def _group_name(number: int) -> str | None:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return None
