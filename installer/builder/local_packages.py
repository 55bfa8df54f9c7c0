"""Packages of file:// channels, compared with their sums: the engine does that only for what comes over a network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rattler import RepoDataRecord

from installer.builder.answer import Failure
from installer.builder.files import digest


def check(records: Iterable[RepoDataRecord]) -> None:
    """Raise Failure for the first package that isn't what its record says, or isn't there."""
    for record in records:
        address = urlsplit(record.url)
        if address.scheme == "file":
            _check(record, Path(unquote(address.path)))


def _check(record: RepoDataRecord, package: Path) -> None:
    try:
        found = digest(package)
    except OSError as error:
        raise Failure("unreachable", f"{package} can't be read: {error.strerror}") from error
    if found != (record.sha256 or b"").hex():
        raise Failure(
            "damaged",
            f"{package} isn't the package that the channel's index tells of",
            f"its sha256 is {found}, expected {(record.sha256 or b'').hex()}",
        )
