"""Whether root alone decides what is at a path: the file, every directory above it, and what links lead through."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from installer.host import files

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def not_roots_alone(path: Path) -> tuple[Path, str] | None:
    """The first place on the way to a path that somebody else than root can change, and why; None where there is none.

    Raises OSError where it isn't there.
    """
    for place in _way(path, strict=True):
        wrong = _wrong(place)
        if wrong is not None:
            return place, wrong
    return None


def changeable(path: Path) -> Path | None:
    """The first place on the way to a path that somebody else than root can change; None where there is none.

    What isn't there yet is passed over.
    """
    return next((place for place in _way(path, strict=False) if _is_open(place)), None)


def changeable_below(directories: Iterable[Path]) -> Path | None:
    """The same of all that is in some directories."""
    for directory in directories:
        found = changeable(directory)
        if found is not None:
            return found
        for parent, names, others in os.walk(directory):
            for name in (*names, *others):
                if _is_open(Path(parent, name)):
                    return Path(parent, name)
    return None


def unfit_to_run(program: Path) -> str | None:
    """Why a program of the admin's can't be run in our name (one line); None where it can."""
    try:
        found = not_roots_alone(program)
        if found is not None:
            return f"{found[0]} {found[1]}"
        status = program.stat()
    except FileNotFoundError:
        return f"{program} is not there"
    except OSError as error:
        return f"{program} can't be looked at: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"{program} is not a file"
    way = _way(program, strict=True)
    closed = next((place for place in way if not place.stat().st_mode & stat.S_IXOTH), None)
    return None if closed is None else f"{closed} can't be {'run' if closed == program else 'entered'} by everybody"


def _way(path: Path, *, strict: bool) -> Iterator[Path]:
    """Every directory above a path, the path, and the same of what it is a link to."""
    given = path.absolute()
    for end in dict.fromkeys((given, given.resolve(strict=strict))):
        yield from reversed(end.parents)
        yield end


def _is_open(place: Path) -> bool:
    try:
        return _wrong(place) is not None
    except FileNotFoundError:
        return False


def _wrong(place: Path) -> str | None:
    status = place.lstat()
    if status.st_uid != 0:
        return f"belongs to {files.ownership(place).owner}"
    # A link's own mode says nothing; in a sticky directory nobody can replace what is root's.
    if stat.S_ISLNK(status.st_mode) or (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        return None
    if status.st_mode & _WRITABLE_BY_OTHERS:
        return f"can be written by others than root ({stat.filemode(status.st_mode)})"
    return None
