"""Taking a certificate with its key from where somebody else keeps them, into the one place that nginx reads."""

from __future__ import annotations

import os
import pwd
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from installer.host import files, paths
from installer.host.errors import Problem
from installer.pki.pair import Pair, parse, pem_of, refuse_unfit

_LARGEST = 1 << 20
_SETTLING = 10.0
"""Seconds that whoever writes the two files may take from the one to the other."""


def read_pair(certificate: Path, key: Path, names: Sequence[str], account: str | None = None) -> Pair:
    """Read both, and see that they fit and are for the names. Raises Problem.

    account: who reads them, where an account without rights can put anything there (a link to a file of root's, say).
    """
    with _as(account):
        contents = [(path, _read(path)) for path in (certificate, key)]
    pair = parse(contents[0], contents[1])
    refuse_unfit(pair, names, certificate)
    return pair


def read_settled(certificate: Path, key: Path, names: Sequence[str]) -> Pair:
    """The same, with patience for somebody who has written the one and not yet the other. Raises Problem."""
    deadline = time.monotonic() + _SETTLING
    while True:
        try:
            return read_pair(certificate, key, names)
        except Problem:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


def is_in_place(pair: Pair) -> bool:
    """Whether it is what nginx is given already."""
    try:
        return paths.SITE_CERTIFICATE.read_bytes() == pem_of(pair.chain)
    except OSError:
        return False


def put_in_place(pair: Pair, source: str) -> None:
    """Put it where nginx reads it, and note where it is from. Raises Problem."""
    pair.write(paths.SITE_CERTIFICATE, paths.SITE_KEY)
    files.write(paths.CERTIFICATE_SOURCE, f"{source}\n".encode(), mode=0o644)


def source() -> str:
    """Where what is in place was taken from; "" where that is not known."""
    try:
        return paths.CERTIFICATE_SOURCE.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _read(path: Path) -> bytes:
    try:
        # A fifo would block at open; it isn't read.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Problem(f"{path} can't be read: {error.strerror}", f"put it there, or see: ls -l {path}") from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise Problem(f"{path} is no plain file of at most 1 MB", f"see: ls -l {path}")
        return stream.read(_LARGEST)


@contextmanager
def _as(account: str | None) -> Iterator[None]:
    if account is None:
        yield
        return
    entry = pwd.getpwnam(account)
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
