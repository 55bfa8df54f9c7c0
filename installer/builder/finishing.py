"""`finish`: who may do what with an environment's files, and which of them conda's packages don't account for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from installer.builder.answer import Failure
from installer.builder.files import digest, entries, is_bytecode, package_metas

_NOT_OURS_ALONE = "CACHEDIR.TAG"
"""Has backups skip the directory as one that can be had again; an environment may not."""


def run(request: dict[str, Any]) -> object:
    """{prefix, linked_at} -> {extra: [{path, sha256 or target}]}."""
    prefix = Path(request["prefix"])
    (prefix / _NOT_OURS_ALONE).unlink(missing_ok=True)
    linked: set[str] = set()
    for meta in package_metas(prefix):
        linked.update(entry["_path"] for entry in meta["paths_data"]["paths"])
    extra = []
    for entry in entries(prefix):
        status = entry.stat(follow_symlinks=False)
        _open_to_readers(entry, status)
        path = entry.path[len(request["prefix"]) + 1 :]
        if stat.S_ISDIR(status.st_mode) or is_bytecode(path):
            continue
        # Both: what a package brings may have a time to come, and a link more changes the other one.
        changed = min(status.st_mtime_ns, status.st_ctime_ns) > request["linked_at"]
        if path in linked and changed and status.st_nlink > 1:
            raise Failure(
                "damaged",
                f"a step of the build has written into {path}, a file that other environments have in common with it",
                "where it comes from a package's script, the package can't be installed with its scripts",
            )
        if path not in linked or changed:
            extra.append(_account(entry, path))
    return {"extra": sorted(extra, key=lambda each: each["path"])}


def _open_to_readers(entry: os.DirEntry[str], status: os.stat_result) -> None:
    """Readable by all, writable by its owner alone, without setuid and setgid: whatever the package says."""
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        wanted = 0o755
    elif stat.S_ISREG(status.st_mode):
        executable = 0o111 if mode & 0o111 else 0
        wanted = (mode | 0o444 | executable) & ~0o7022
    else:
        return
    if mode != wanted:
        Path(entry.path).chmod(wanted)


def _account(entry: os.DirEntry[str], path: str) -> dict[str, str]:
    if entry.is_symlink():
        return {"path": path, "target": str(Path(entry.path).readlink())}
    if entry.is_file(follow_symlinks=False):
        return {"path": path, "sha256": digest(Path(entry.path))}
    raise Failure("other", f"{path}, left by a step of the build, is neither a file, nor a directory, nor a link")
