"""The one gate for writing: every file and link of ours appears whole, with its mode and owner, or not at all."""

from __future__ import annotations

import errno
import glob
import grp
import os
import pwd
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from installer.host.errors import Problem


@dataclass(frozen=True)
class Ownership:
    """Who a path belongs to, by name, and its permission bits."""

    owner: str
    group: str
    mode: int


def uid_of(owner: str) -> int:
    """The uid of an account. Raises Problem if there is none."""
    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise Problem(f"there is no account {owner!r}", "run apply again: it creates it") from None


def gid_of(group: str) -> int:
    """The gid of a group. Raises Problem if there is none."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise Problem(f"there is no group {group!r}", "run apply again: it creates it") from None


def ownership(path: Path) -> Ownership:
    """Owner, group and mode of a path, links not followed; ids without a name are given as digits."""
    status = path.lstat()
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return Ownership(owner, group, stat.S_IMODE(status.st_mode))


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable (fsync(2): a new file's own fsync does not cover its name)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    # A leading dot keeps the half-written file out of include globs (nginx, sudoers.d) and out of systemd's sight.
    for stale in path.parent.glob(f".{glob.escape(path.name)}.????????.new"):
        stale.unlink(missing_ok=True)  # of a run that was killed; there is one run at a time
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A name beside `path`, for the block to make; at its end that takes the place of `path`, or is gone."""
    try:
        temporary = _beside(path)
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        fsync_directory(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def write(path: Path, data: bytes, *, mode: int, owner: str | None = None, group: str | None = None) -> None:
    """Put `data` at `path` in one step (see `appearing`)."""
    with appearing(path, mode=mode, owner=owner, group=group) as stream:
        stream.write(data)


@contextmanager
def appearing(path: Path, *, mode: int, owner: str | None = None, group: str | None = None) -> Iterator[IO[bytes]]:
    """A stream for what is to be at `path` at the end of the block; left by an error, nothing has happened.

    In one step: temporary file beside it, owner, mode, fsync, rename, fsync of the directory.
    owner, group: by name; whoever runs this (root, on a server) where None.
    A symbolic link at `path` is replaced, not followed. Raises Problem: a full disk, a read-only directory.
    """
    with _appearing(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            if owner is not None and group is not None:
                os.fchown(stream.fileno(), uid_of(owner), gid_of(group))
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())


def link(path: Path, target: str) -> None:
    """Make `path` a symbolic link to `target` in one step, replacing a link that is there. Raises Problem."""
    with _appearing(path) as temporary:
        temporary.symlink_to(target)


def remove(path: Path) -> None:
    """Remove a file or link durably; nothing happens where it is gone. Raises Problem."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            fsync_directory(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> Problem:
    """The Problem that tells of a failed write, with what to do for the usual causes."""
    hints = {
        "ENOSPC": "make room on that file system (df -h), then run the same command again",
        "EDQUOT": "raise the quota of that file system, then run the same command again",
        "EROFS": "the file system is mounted read-only: see dmesg, remount it, then run the same command again",
        "EACCES": "run it as root: sudo python3 -m installer apply",
        "EPERM": "see lsattr and mount for what forbids root to write there, then run the same command again",
    }
    name = errno_name(error)
    return Problem(
        f"{path} can't be written: {error.strerror or error}",
        hints.get(name, "mend that, then run the same command again"),
    )


def errno_name(error: OSError) -> str:
    """The symbolic name of an OSError's number ('' where it has none)."""
    return errno.errorcode.get(error.errno or 0, "")


def own(path: Path, *, owner: str, group: str, mode: int) -> None:
    """Give an existing directory its owner and mode, durably, without ever following a link. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, uid_of(owner), gid_of(group))
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
