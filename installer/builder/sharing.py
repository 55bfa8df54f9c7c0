"""`share`: what an environment has in common with an earlier one, kept once; and which modules are left to compile."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from installer.builder.files import digest, entries, package_metas


def run(request: dict[str, Any]) -> object:
    """{prefix, previous or null} -> {shared, uncompiled: [paths]}.

    Conda's packages come from one cache, and share already. What pip has installed, and what Python has compiled, are
    taken from the earlier environment by hard links. Bytecode goes with a module's file: its time and size are in it,
    the path is put right when it is imported. So where two have the same file (inode), they can have it too.
    """
    prefix = Path(request["prefix"])
    previous = Path(request["previous"]) if request["previous"] else None
    shared = 0
    uncompiled: list[str] = []
    metas = package_metas(prefix)
    owned = {entry["_path"] for meta in metas for entry in meta["paths_data"]["paths"]}
    tag = next((_cache_tag(meta["version"]) for meta in metas if meta["name"] == "python"), "")
    for library in sorted((prefix / "lib").glob("python3*")) if tag else []:
        if library.is_symlink():
            continue
        for entry in list(entries(library)):
            if not entry.is_file(follow_symlinks=False):
                continue
            file = Path(entry.path)
            path = file.relative_to(prefix)
            if previous is not None and str(path) not in owned and file.parent.name != "__pycache__":
                shared += _same_file(file, previous / path)
            if file.suffix == ".py":
                compiled = path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc"
                if (prefix / compiled).exists():
                    continue
                if previous is not None and _same_bytecode(path, compiled, prefix, previous):
                    shared += 1
                else:
                    uncompiled.append(str(file))
    return {"shared": shared, "uncompiled": uncompiled}


def _cache_tag(version: str) -> str:
    """How a Python of this version marks its bytecode."""
    major, minor = version.split(".")[:2]
    return f"cpython-{major}{minor}"


def _same_file(file: Path, earlier: Path) -> bool:
    """Put the earlier file in the place of one with the same content, where there is one."""
    try:
        one, other = file.lstat(), earlier.lstat()
        alike = stat.S_ISREG(other.st_mode) and one.st_size == other.st_size and one.st_ino != other.st_ino
        if not alike or (one.st_mode ^ other.st_mode) & 0o111 or digest(file) != digest(earlier):
            return False
        beside = file.with_name(f".{file.name}.shared")
        beside.hardlink_to(earlier)
        beside.replace(file)
    except OSError:
        return False
    return True


def _same_bytecode(module: Path, compiled: Path, prefix: Path, previous: Path) -> bool:
    try:
        if not os.path.samestat((previous / module).lstat(), (prefix / module).lstat()):
            return False
        (prefix / compiled).parent.mkdir(exist_ok=True)
        (prefix / compiled).hardlink_to(previous / compiled)
    except OSError:
        return False
    return True
