"""Whether root alone decides what a program is: its file, every directory above it, and what links lead through."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from installer.host import files

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def not_roots_alone(path: Path) -> tuple[Path, str] | None:
    """The first place on the way to a path that somebody else than root can change, and why; None where there is none.

    Raises OSError where it isn't there.
    """
    for place in _way(path):
        wrong = _wrong(place)
        if wrong is not None:
            return place, wrong
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
    closed = next((place for place in _way(program) if not place.stat().st_mode & stat.S_IXOTH), None)
    return None if closed is None else f"{closed} can't be {'run' if closed == program else 'entered'} by everybody"


def _way(path: Path) -> Iterator[Path]:
    """Every directory above a path, the path, and the same of what it is a link to."""
    target = path.resolve(strict=True)
    for end in dict.fromkeys((path, target)):
        yield from reversed(end.parents)
        yield end


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
