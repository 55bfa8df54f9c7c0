"""The end of the installer's own directory, which every run stands on; with the standard library alone.

What tells of the host goes first, then what tells of the time before it, and the environment that this may run in last:
killed in between, the next uninstall sees by what is still there how far this one came.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

from installer.host import files, packages, paths
from installer.host.errors import Problem

ARCHIVE_NOTE = paths.INSTALLER_STATE / "archive.json"
"""Where an uninstall notes that it has kept the state."""

NOTHING = "There is nothing to take off: the installer has put nothing on this machine."

_OF_THE_HOST = ("generations", "left.json", "journal.jsonl")
_OF_BEFORE = (ARCHIVE_NOTE.name, "found.json", packages.RECORD.name)
_ENVIRONMENTS = "env"


def anything_to_say(state: Path = paths.INSTALLER_STATE) -> bool:
    """Whether there is anything but the environment, which alone tells of nothing."""
    return state.is_dir() and any(entry.name != _ENVIRONMENTS for entry in state.iterdir())


def check_explained(state: Path = paths.INSTALLER_STATE) -> None:
    """Refuse where there is a hub that nothing is written down of: nobody knows what of it is ours. Raises Problem."""
    seen = [path for path in (paths.UNITS / paths.HUB_UNIT, paths.VENV) if path.is_symlink() or path.exists()]
    if seen and not any((state / name).exists() for name in _OF_THE_HOST):
        raise Problem(
            f"there is a hub here ({seen[0]}), but {state} doesn't say what the installer has put on this machine",
            f"put {state} back from a backup, then run uninstall again",
        )


def never_began(state: Path = paths.INSTALLER_STATE) -> bool:
    """Whether there is nothing that an uninstall would need the installer's own environment for."""
    return not anything_to_say(state) and not any((state / _ENVIRONMENTS).glob(f"*/{paths.COMPLETE}"))


def leave(*, dry_run: bool) -> int:
    """Say that there is nothing, and remove the rest of an environment. Returns the exit code. Raises Problem."""
    check_explained()
    if not dry_run:
        take_away()
    print(NOTHING)  # noqa: T201 - the libraries that others print with aren't there
    return 0


def take_away(state: Path = paths.INSTALLER_STATE) -> None:
    """Remove it with all that is in it, and what there is of ours below /run. Raises Problem."""
    # A module that is imported from here on would be written into the environment's place as bytecode.
    sys.dont_write_bytecode = True
    try:
        there = {entry.name for entry in state.iterdir()} if state.is_dir() else set()
        others = sorted(there.difference(_OF_THE_HOST, _OF_BEFORE, (_ENVIRONMENTS,)))
        for name in (*_OF_THE_HOST, *others, *_OF_BEFORE):
            if name in there:
                _remove(state / name)
                files.fsync_directory(state)
        for marker in (state / _ENVIRONMENTS).glob(f"*/{paths.COMPLETE}"):
            marker.unlink()  # half of one must not be started in
        _remove(state / _ENVIRONMENTS)
        _remove(paths.INSTALLER_RUN)
        paths.LOCK.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            state.rmdir()
    except OSError as error:
        raise Problem(
            f"{error.filename or state} can't be removed: {error.strerror or error}",
            f"see lsattr and mount for what forbids it, then remove it by hand: rm -r {state}",
        ) from error


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(str(place))
    else:
        place.unlink(missing_ok=True)
