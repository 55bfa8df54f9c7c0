"""Taking over a tree that an unprivileged account has built: then root alone can change it, and anybody read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from installer.host.errors import Problem


def seal(tree: Path) -> None:
    """Give everything in `tree` to this process's account (root), writable by nobody else, readable by all, no setuid.

    The account that built it is not trusted: links are never followed, each directory is taken over before it is
    listed (nothing can be slipped in later), and a file with a second name elsewhere, which would change too, refused.
    """
    handle = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _seal_directory(handle, tree)
    finally:
        os.close(handle)


def _seal_directory(handle: int, path: Path) -> None:
    owner, group = os.geteuid(), os.getegid()
    os.fchown(handle, owner, group)
    os.fchmod(handle, 0o755)
    with os.scandir(handle) as listing:
        names = [entry.name for entry in listing]
    for name in names:
        found = os.stat(name, dir_fd=handle, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            try:
                _seal_directory(below, path / name)
            finally:
                os.close(below)
        elif stat.S_ISLNK(found.st_mode):
            os.chown(name, owner, group, dir_fd=handle, follow_symlinks=False)
        elif stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.chown(name, owner, group, dir_fd=handle, follow_symlinks=False)
            os.chmod(name, 0o755 if found.st_mode & stat.S_IXUSR else 0o644, dir_fd=handle)
        else:
            raise Problem(
                f"{path / name}, left by a build, is no plain file of its own",
                "look at what it is; it is removed and built anew by the next apply",
            )
