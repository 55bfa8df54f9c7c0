"""`share`: what an environment has in common with an earlier one, kept once; and which modules are left to compile."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from installer.builder.files import digest, package_metas


def run(request: dict[str, Any]) -> object:
    """{prefix, previous or null} -> {shared, uncompiled: [paths]}.

    Conda's packages come from one cache, and share already. What pip has installed, and what Python has compiled, are
    taken from the earlier environment by hard links. Bytecode goes with a module's file: its time and size are in it,
    the path is put right when it is imported. So where two have the same file (inode), they can have it too.
    """
    prefix, previous = request["prefix"], request["previous"]
    metas = package_metas(Path(prefix))
    version = next((meta["version"] for meta in metas if meta["name"] == "python"), None)
    if version is None:
        return {"shared": 0, "uncompiled": []}
    ending = f".{_cache_tag(version)}.pyc"
    owned = {entry["_path"] for meta in metas for entry in meta["paths_data"]["paths"]}
    shared = 0
    uncompiled: list[str] = []
    for directory, mine in _directories(f"{prefix}/lib"):
        inside = directory[len(prefix) + 1 :]
        earlier = f"{previous}/{inside}" if previous else None
        if earlier:
            unowned = [name for name in mine if f"{inside}/{name}" not in owned]
            replaced = [name for name in unowned if _same_file(f"{directory}/{name}", f"{earlier}/{name}")]
            shared += len(replaced)
            mine |= {name: _inode(f"{directory}/{name}") for name in replaced}
        more, left = _share_bytecode(directory, mine, earlier, ending)
        shared += more
        uncompiled.extend(left)
    return {"shared": shared, "uncompiled": uncompiled}


def _cache_tag(version: str) -> str:
    """How a Python of this version marks its bytecode."""
    major, minor = version.split(".")[:2]
    return f"cpython-{major}{minor}"


def _directories(library: str) -> Iterator[tuple[str, dict[str, int]]]:
    """All that may have modules in them, with the names in them and their inodes."""
    left = [
        f"{library}/{name}"
        for name in sorted(_listing(library))
        if name.startswith("python3") and not Path(library, name).is_symlink()
    ]
    while left:
        directory = left.pop()
        with os.scandir(directory) as listing:
            entries = list(listing)
        yield directory, {entry.name: entry.inode() for entry in entries}
        left += [e.path for e in entries if e.is_dir(follow_symlinks=False) and e.name != "__pycache__"]


def _listing(directory: str) -> dict[str, int]:
    """The names in a directory, with their inodes; none where there is no such directory."""
    try:
        with os.scandir(directory) as listing:
            return {entry.name: entry.inode() for entry in listing}
    except OSError:
        return {}


def _inode(path: str) -> int:
    return os.lstat(path).st_ino


def _same_file(path: str, earlier_path: str) -> bool:
    """Put an earlier file in the place of one with the same content that conda has not brought; whether it was one."""
    try:
        one, other = os.lstat(path), os.lstat(earlier_path)
        alike = stat.S_ISREG(one.st_mode) and stat.S_ISREG(other.st_mode) and one.st_size == other.st_size
        if not alike or one.st_ino == other.st_ino or (one.st_mode ^ other.st_mode) & 0o111:
            return False
        file, earlier = Path(path), Path(earlier_path)
        if digest(file) != digest(earlier):
            return False
        beside = file.with_name(f".{file.name}.shared")
        beside.hardlink_to(earlier)
        beside.replace(file)
    except OSError:
        return False
    return True


def _share_bytecode(directory: str, listing: dict[str, int], earlier: str | None, ending: str) -> tuple[int, list[str]]:
    """Take bytecode from the earlier directory; how much that was, and the modules that have none now."""
    # They are named a line each, to a program that takes UTF-8.
    modules = {name: inode for name, inode in listing.items() if name.endswith(".py") and _is_a_line(directory + name)}
    if not modules:
        return 0, []
    cache = f"{directory}/__pycache__"
    compiled = _listing(cache) if "__pycache__" in listing else {}
    theirs = _listing(earlier) if earlier else {}
    their_compiled = _listing(f"{earlier}/__pycache__") if "__pycache__" in theirs else {}
    lacking = {name: name.removesuffix(".py") + ending for name in modules}
    lacking = {name: bytecode for name, bytecode in lacking.items() if bytecode not in compiled}
    same = [
        name for name, bytecode in lacking.items() if theirs.get(name) == modules[name] and bytecode in their_compiled
    ]
    if same and "__pycache__" not in listing:
        os.mkdir(cache)  # noqa: PTH102 - thousands of them
    shared = {name for name in same if _linked(f"{earlier}/__pycache__/{lacking[name]}", f"{cache}/{lacking[name]}")}
    return len(shared), [f"{directory}/{name}" for name in lacking if name not in shared]


def _is_a_line(path: str) -> bool:
    return path.isprintable()


def _linked(there: str, here: str) -> bool:
    try:
        os.link(there, here, follow_symlinks=False)
    except OSError:
        return False
    return True
