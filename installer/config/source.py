"""Reading the config file, before anybody looks at what it says: root acts on it, so only root may write it."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from installer.host.errors import ConfigProblem

LARGEST = 1 << 20
"""Bytes; a config is a few lines."""


def read(file: Path, *, writer: int | None, largest: int = LARGEST) -> bytes | None:
    """Read the file, None where there is none.

    writer: the only user id that may be able to write it; None to take it from anybody.
    largest: bytes that it may have.
    """
    try:
        # A fifo would block at open, and what is not a regular file is refused below.
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        if file.is_symlink():
            raise _unusable(file, "a link to nothing", f"ls -l {_quoted(file)}") from None
        return None
    except OSError as error:
        raise _unreadable(file, error) from error
    try:
        return _read_checked(file, descriptor, writer, largest)
    except OSError as error:
        raise _unreadable(file, error) from error
    finally:
        os.close(descriptor)


def _read_checked(file: Path, descriptor: int, writer: int | None, largest: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(file, "a directory or a device", f"ls -ld {_quoted(file)}")
    if writer is not None:
        _refuse_other_writers(file, status, writer)
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise _unusable(file, f"a file of more than {largest >> 20} MiB", f"ls -l {_quoted(file)}")
    return data


def _refuse_other_writers(file: Path, status: os.stat_result, writer: int) -> None:
    quoted = _quoted(file)
    if status.st_uid != writer:
        expected, found = f"a file that belongs to uid {writer}", f"uid {status.st_uid}"
        command = f"chown {writer}:{writer} {quoted} && chmod 644 {quoted}"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        expected, found = "mode 0644", f"{stat.S_IMODE(status.st_mode):04o}"
        command = f"chmod 644 {quoted}"
    else:
        return
    raise ConfigProblem(
        f"{file}:1: top level: others can change it: expected {expected}, found {found}",
        f"look through it, then run, for example: {command}",
    )


def _unreadable(file: Path, error: OSError) -> ConfigProblem:
    return _unusable(file, (error.strerror or str(error)).lower(), f"ls -ld {_quoted(file)}")


def _unusable(file: Path, found: str, command: str) -> ConfigProblem:
    return ConfigProblem(
        f"{file}:1: top level: can't be read: expected a file with settings, or none, found {found}",
        f"see what it is, for example: {command}",
    )


def _quoted(file: Path) -> str:
    return shlex.quote(str(file))
