"""Which libraries a program or library asks for, and where it looks for them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB, _RPATH, _RUNPATH = 1, 5, 15, 29


@dataclass(frozen=True)
class Links:
    """What the dynamic section of an ELF file says."""

    needed: tuple[str, ...] = ()
    path: str = ""


def links(file: Path) -> Links:
    """What an ELF file (64 bit, little-endian) is linked with; nothing for any other file."""
    with file.open("rb") as opened:
        if opened.read(6) != b"\x7fELF\x02\x01":
            return Links()
        opened.seek(0)
        data = opened.read()
    (table,) = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    segments = [struct.unpack_from("<IIQQQQ", data, table + number * size) for number in range(count)]
    dynamic = [(offset, length) for kind, _, offset, _, _, length in segments if kind == _DYNAMIC]
    if not dynamic:
        return Links()
    offset, length = dynamic[0]
    entries = [struct.unpack_from("<qQ", data, offset + place) for place in range(0, length, 16)]
    address = dict(entries).get(_STRTAB)
    if address is None:
        return Links()
    loads = [(start, at, length) for kind, _, at, start, _, length in segments if kind == _LOAD]
    strings = next(at + address - start for start, at, length in loads if start <= address < start + length)
    texts = [(tag, _string(data, strings + value)) for tag, value in entries if tag in {_NEEDED, _RPATH, _RUNPATH}]
    paths = [text for tag, text in texts if tag != _NEEDED]
    return Links(tuple(text for tag, text in texts if tag == _NEEDED), paths[0] if paths else "")


def _string(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()
