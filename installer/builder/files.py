"""The files of a prefix, and what conda's packages say of theirs. Links are never followed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def digest(file: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    summed = hashlib.sha256()
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        while chunk := stream.read(_CHUNK):
            summed.update(chunk)
    return summed.hexdigest()


def package_metas(prefix: Path) -> list[dict[str, Any]]:
    """What is written down of every conda package in a prefix, by name."""
    metas = [json.loads(file.read_bytes()) for file in (prefix / "conda-meta").glob("*.json")]
    return sorted(metas, key=lambda meta: str(meta["name"]))


def metas_digest(prefix: Path) -> str:
    """The sha256 over all of that."""
    summed = hashlib.sha256()
    for file in sorted((prefix / "conda-meta").glob("*.json")):
        summed.update(f"{digest(file)} {file.name}\0".encode(errors="surrogateescape"))
    return summed.hexdigest()


def entries(prefix: Path, ignored: Collection[str] = ()) -> Iterator[os.DirEntry[str]]:
    """All that is below a prefix, directories before what is in them; `ignored` are names at its top."""
    # No recursion: packages can nest directories deeper than a stack goes.
    left = [str(prefix)]
    while left:
        directory = left.pop()
        with os.scandir(directory) as listing:
            found = [entry for entry in listing if directory != str(prefix) or entry.name not in ignored]
        yield from found
        left.extend(entry.path for entry in found if entry.is_dir(follow_symlinks=False))


def is_bytecode(path: str) -> bool:
    """Whether Python makes such a file by itself, from another one."""
    return path.endswith(".pyc")
