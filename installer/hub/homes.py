"""Whether somebody's home takes what a Jupyter server writes before it answers at all.

Looked at as the person, in a process that is about to be their server: root sees no home that is on NFS with root
squashed, and a quota binds nobody but the person. By the server itself, and by sudospawner's mediator, which can answer
the hub where a server can only end: a copy stands beside it, and so this is the standard library alone, on any Python.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

RUNTIME = ".local/share/jupyter/runtime"
"""Where a server writes first, unless $JUPYTER_RUNTIME_DIR says otherwise."""
ROOM = 256 << 10
"""What it writes until somebody has a first kernel: cookies, connections, settings, histories."""


class Trouble(IntEnum):
    """What is wrong with a home; a server that finds it so exits with it."""

    MISSING = 81
    NO_DIRECTORY = 82
    CLOSED = 83
    READ_ONLY = 84
    FULL = 85
    QUOTA = 86
    BROKEN = 87

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


_TROUBLES = {
    errno.ENOENT: Trouble.MISSING,
    errno.ENOTDIR: Trouble.NO_DIRECTORY,
    errno.EEXIST: Trouble.NO_DIRECTORY,
    errno.EACCES: Trouble.CLOSED,
    errno.EPERM: Trouble.CLOSED,
    errno.EROFS: Trouble.READ_ONLY,
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.QUOTA,
}
_NAMELESS_FILES_UNKNOWN = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)


def trouble(home: Path, environment: Mapping[str, str]) -> Trouble | None:
    """What is wrong with a home, if anything is. It is the working directory from now on."""
    try:
        os.chdir(home)
        place = Path(environment.get("JUPYTER_RUNTIME_DIR") or home / RUNTIME)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(place)
    except OSError as error:
        return _TROUBLES.get(error.errno or 0, Trouble.BROKEN)
    return None


def _write(directory: Path) -> None:
    """Write as much as is wanted; nothing of it stays, also if this is killed."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    try:
        handle = os.open(directory, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in _NAMELESS_FILES_UNKNOWN:
            raise
        # NFS, for one.
        file = directory / f".room-{os.getpid()}"
        handle = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o600)
        file.unlink()
    try:
        left = ROOM
        while left:
            left -= os.write(handle, bytes(left))
    finally:
        # NFS tells here, and not before, that there was no room.
        os.close(handle)
