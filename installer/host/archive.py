"""A tar.gz of plain files and nothing else: what is written is all that can be read, and anything more is refused.

The reader is our own: an archive may come from anywhere, and tarfile knows of links, devices, sparse files and headers
of any length. Both go through a pipe as well as through a file, and never hold more than a piece of a file in memory.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol, cast

_BLOCK = 512
_PIECE = 1 << 16
_LONGEST_END = 1 << 16
"""Bytes of zeros that an archive may end with: tar fills up to a record of 10 KiB."""
_KINDS = {b"1": "a link", b"2": "a link", b"3": "a device", b"4": "a device", b"5": "a directory", b"6": "a pipe"}
_LARGEST_MODE = 0o777


class Unreadable(Exception):  # noqa: N818 - it is told to a person
    """What is wrong with an archive, in a few words."""


@dataclass(frozen=True)
class Member:
    """A file in an archive: its path there, and its bytes' number."""

    name: str
    size: int


class Source(Protocol):
    """What a file is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most so many."""


class Target(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> object:
        """Write them all."""


class _Zipping:
    """What is written to it goes on compressed, as gzip does it (RFC 1952), without a name or a time.

    gzip.GzipFile keeps bytes back, and complains at the end of the process where it can't write those to a full disk.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._compress = zlib.compressobj(6, zlib.DEFLATED, wbits=16 + zlib.MAX_WBITS)
        self._written = 0

    def write(self, data: bytes) -> int:
        """Write them all."""
        self._written += len(data)
        if compressed := self._compress.compress(data):
            self._target.write(compressed)
        return len(data)

    def tell(self) -> int:
        """How many there have been."""
        return self._written

    def finish(self) -> None:
        """Write what is left, and the checksum."""
        self._target.write(self._compress.flush())


class Writer:
    """Writes an archive into a stream, which stays open. Use it in a with block; one left by an error has no end."""

    def __init__(self, stream: Target) -> None:
        self._zip = _Zipping(stream)
        # The oldest format of all: what doesn't fit into its fixed fields is an error.
        self._tar = tarfile.open(  # noqa: SIM115
            fileobj=cast(IO[bytes], self._zip), mode="w", format=tarfile.USTAR_FORMAT
        )

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._tar.close()
            self._zip.finish()

    def add(self, member: Member, source: Source, at: float) -> None:
        """Write a file. at: its time, seconds since the epoch. Raises OSError, also where it has become shorter."""
        header = tarfile.TarInfo(member.name)
        header.size, header.mtime, header.mode = member.size, int(at), 0o600
        self._tar.addfile(header, source)
        self._tar.members.clear()  # type: ignore[attr-defined]  # it keeps a list of what nobody asks for

    def add_bytes(self, member: Member, data: bytes, at: float) -> None:
        """Write a file whose bytes are at hand."""
        self.add(member, io.BytesIO(data), at)


def fits(name: str) -> bool:
    """Whether a path can be in an archive, by its length and its characters."""
    try:
        tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError:
        return False
    return has_no_detour(name)


def has_no_detour(name: str) -> bool:
    """Whether a path leads straight down: not absolute, no `.` or `..` in it, nothing that can't be seen."""
    return name.isprintable() and not {"", ".", ".."}.intersection(name.split("/"))


class Reader:
    """Reads an archive from a stream, file after file. Raises Unreadable for what no Writer has written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._zip = gzip.GzipFile(fileobj=stream, mode="rb")
        self._left = 0
        self._padding = 0

    def next(self) -> Member | None:
        """The next file, after the one before has been read; None at the end, once it is known to be whole."""
        if self._left:
            raise AssertionError("a file was left unread")
        self._exactly(self._padding)
        header = self._exactly(_BLOCK)
        if not header.strip(b"\0"):
            self._read_end()
            return None
        member = _parsed(header)
        self._left = member.size
        self._padding = -member.size % _BLOCK
        return member

    def pieces(self) -> Iterator[bytes]:
        """The bytes of that file."""
        while self._left:
            piece = self._read(min(self._left, _PIECE))
            if not piece:
                raise Unreadable("it ends in the middle of a file")
            self._left -= len(piece)
            yield piece

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self._read(size - len(found))
            if not piece:
                raise Unreadable("it ends before its end")
            found += piece
        return found

    def _read_end(self) -> None:
        size = 0
        while piece := self._read(_PIECE):
            size += len(piece)
            if piece.strip(b"\0") or size > _LONGEST_END:
                raise Unreadable("it goes on behind its end")

    def _read(self, size: int) -> bytes:
        try:
            return self._zip.read(size)
        except EOFError:
            raise Unreadable("it is cut off") from None
        except gzip.BadGzipFile as error:
            raise Unreadable("its checksum is wrong" if "CRC" in str(error) else "it is no tar.gz") from None
        except zlib.error:
            raise Unreadable("it can't be unpacked") from None


def _parsed(header: bytes) -> Member:
    """The one kind of header that a Writer writes: of a plain file, in the format of 1988 (POSIX.1-1988, ustar)."""
    if header[257:265] != b"ustar\x0000":
        raise Unreadable("it is no tar archive, or of another kind")
    stated = _number(header[148:156])
    if stated != sum(header[:148]) + sum(b" " * 8) + sum(header[156:]):
        raise Unreadable("a header in it is damaged")
    try:
        parts = [field.partition(b"\0")[0].decode() for field in (header[345:500], header[:100])]
    except UnicodeDecodeError:
        raise Unreadable("a name in it is not text") from None
    name = "/".join(part for part in parts if part)
    if not has_no_detour(name):
        raise Unreadable(f"{name!r} in it is no path below the place it is for")
    kind = header[156:157]
    if kind != b"0" or header[157:257].strip(b"\0"):
        raise Unreadable(f"{name!r} in it is {_KINDS.get(kind, 'no plain file')}")
    if _number(header[100:108]) > _LARGEST_MODE:
        raise Unreadable(f"{name!r} in it would run as somebody else (setuid)")
    return Member(name, _number(header[124:136]))


def _number(field: bytes) -> int:
    if not re.fullmatch(rb"[0-7]{1,11}[\0 ]{1,2}", field):
        raise Unreadable("a header in it is damaged")
    return int(field.rstrip(b"\0 "), 8)
