"""Take a backup apart into a directory of root's, and check every byte of it, before anything else is done."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from installer.commands.backup_manifest import (
    CONFIG,
    DATABASE,
    LARGEST,
    MOST_FILES,
    NAME,
    Item,
    Manifest,
    foreign,
    read_manifest,
)
from installer.engine.store import Generation
from installer.host.archive import Member, Reader, Unreadable
from installer.host.errors import Problem
from installer.host.trees import remove_tree

_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Unpacked:
    """A backup that has been found whole. Each file is in `directory` under its number in the manifest."""

    directory: Path
    manifest: Manifest

    def place(self, item: Item) -> Path:
        """Where the bytes of a file are."""
        return self.directory / str(self.manifest.items.index(item))

    def item(self, path: str) -> Item | None:
        """The file that has this path in the archive."""
        return next((item for item in self.manifest.items if item.path == path), None)

    def read(self, path: str) -> bytes | None:
        """The bytes of a small file; None where it isn't in the backup."""
        item = self.item(path)
        return None if item is None else self.place(item).read_bytes()


@contextmanager
def unpacked(stream: IO[bytes], source: str, directory: Path) -> Iterator[Unpacked]:
    """A backup's files, while in the block. source: what people call the backup. Raises Problem."""
    try:
        remove_tree(directory)
        try:
            directory.mkdir(mode=0o700, parents=True)
            yield _unpack(stream, source, directory)
        except Unreadable as error:
            raise foreign(source, str(error)) from error
    finally:
        remove_tree(directory, ignore_errors=True)


def _unpack(stream: IO[bytes], source: str, directory: Path) -> Unpacked:
    reader = Reader(stream)
    manifest = _manifest(reader, source)
    _refuse_without_room(manifest, source, directory)
    for number, item in enumerate(manifest.items):
        member = reader.next()
        if member != Member(item.path, item.size):
            raise foreign(source, f"{item.path!r} is missing in it" if member is None else _other(member, item))
        _take(reader, item, source, directory / str(number))
    if (member := reader.next()) is not None:
        raise foreign(source, f"{member.name!r} is in it, of which its manifest says nothing")
    found = Unpacked(directory, manifest)
    _check_contents(found, source)
    return found


def _manifest(reader: Reader, source: str) -> Manifest:
    first = reader.next()
    if first is None or first.name != NAME:
        raise foreign(source, "it is an archive of something else")
    if first.size > LARGEST:
        raise foreign(source, "its manifest is too large")
    return read_manifest(b"".join(reader.pieces()), source)


def _other(member: Member, item: Item) -> str:
    if member.name == item.path:
        return f"{item.path!r} has {member.size} bytes in it, and {item.size} by its manifest"
    return f"{member.name!r} is in it where its manifest has {item.path!r}"


def _take(reader: Reader, item: Item, source: str, place: Path) -> None:
    hashed = hashlib.sha256()
    try:
        with place.open("xb") as stream:
            for piece in reader.pieces():
                hashed.update(piece)
                stream.write(piece)
    except OSError as error:
        raise Problem(
            f"{source} can't be unpacked to {place.parent}: {error.strerror}; nothing was changed",
            f"make room on that file system (df -h {place.parent.parent}), then try again",
        ) from error
    if hashed.hexdigest() != item.sha256:
        raise foreign(source, f"{item.path!r} in it is damaged: its hash is another than its manifest's")


def _refuse_without_room(manifest: Manifest, source: str, directory: Path) -> None:
    # Once to look at it, once in its place.
    needed = 2 * sum(item.size for item in manifest.items)
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if needed > free:
        raise Problem(
            f"{source} needs {needed >> 20} MB in {directory.parent}, where {free >> 20} MB are free; "
            "nothing was changed",
            f"make room on that file system (df -h {directory.parent}), then try again",
        )


def _check_contents(found: Unpacked, source: str) -> None:
    """See that what others will read later can be read: the config as text, generations, the database's head."""
    if len(found.manifest.items) > MOST_FILES:
        raise foreign(source, f"there are more than {MOST_FILES} files in it")
    for item in found.manifest.items:
        if item.path == DATABASE:
            with found.place(item).open("rb") as stream:
                if stream.read(len(_SQLITE)) != _SQLITE:
                    raise foreign(source, "the hub's database in it is none of SQLite's")
        elif item.path.startswith("generations/") or item.path == CONFIG:
            data = found.place(item).read_bytes()
            try:
                if item.path == CONFIG:
                    data.decode()
                else:
                    Generation.model_validate_json(data)
            except ValueError as error:
                raise foreign(source, f"{item.path!r} in it is damaged: {str(error).splitlines()[0]}") from None
