"""What changes from one set of packages to another, a line for each package."""

from __future__ import annotations

import re
from dataclasses import dataclass

from installer.kernels.lock import Lock


@dataclass(frozen=True)
class Difference:
    """One package: its version before and after, None where it isn't there. source: a channel, or pip."""

    name: str
    before: str | None
    after: str | None
    source: str


def differences(before: Lock | None, after: Lock) -> tuple[Difference, ...]:
    """What is added, removed, or has another version or build, by name."""
    old = _versions(before) if before else {}
    new = _versions(after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        was, will = old.get(key), new.get(key)
        if was == will:
            continue
        source, name = key
        # The build is of interest only where it is all that changes.
        only_build = was is not None and will is not None and was[0] == will[0]
        found.append(
            Difference(
                name,
                None if was is None else " ".join(was) if only_build else was[0],
                None if will is None else " ".join(will) if only_build else will[0],
                source,
            )
        )
    return tuple(found)


def pip_versions(locked: str) -> dict[str, str]:
    """Name and version of every requirement of a locked list; the address where it has no version."""
    found = {}
    for line in locked.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)\s*(?:==\s*([^\s;\\]+)|@\s*(\S+))", line)
        if match:
            found[match[1].lower()] = match[2] or match[3]
    return found


def _versions(lock: Lock) -> dict[tuple[str, str], tuple[str, str]]:
    conda = {("conda", record.name): (record.version, record.build) for record in lock.records}
    pip = {("pip", name): (version, "") for name, version in pip_versions(lock.pip).items()}
    return {**conda, **pip}
