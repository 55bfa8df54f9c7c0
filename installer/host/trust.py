"""Whether anybody but root can change what is at a path, or make the path lead somewhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def changeable(path: Path) -> Path | None:
    """The first directory on the way to a path, or the path itself, that somebody but root can change; links followed.

    None where there is none. What isn't there yet is passed over.
    """
    real = Path(os.path.realpath(path))
    return next((place for place in (*reversed(real.parents), real) if _is_open(place)), None)


def changeable_below(directories: Iterable[Path]) -> Path | None:
    """The same of all that is in some directories."""
    for directory in directories:
        found = changeable(directory)
        if found is not None:
            return found
        for parent, names, files in os.walk(directory):
            for name in (*names, *files):
                place = Path(parent, name)
                if _is_open(place):
                    return place
    return None


def _is_open(place: Path) -> bool:
    try:
        status = place.lstat()
    except OSError:
        return False
    if stat.S_ISLNK(status.st_mode):
        return status.st_uid != 0
    # In a sticky directory (/tmp), nobody can put anything in the place of what is root's.
    writable = status.st_mode & 0o022 and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX)
    return status.st_uid != 0 or bool(writable)
