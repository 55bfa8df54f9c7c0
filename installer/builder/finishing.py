"""`finish`: who may do what with an environment's files, and which of them conda's packages don't account for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from installer.builder.answer import Failure
from installer.builder.files import digest, entries, is_bytecode, metas_digest, package_metas

_NOT_OURS_ALONE = "CACHEDIR.TAG"
"""Has backups skip the directory as one that can be had again; an environment may not."""


def run(request: dict[str, Any]) -> object:
    """{prefix, linked: {at, metas}} -> {extra: [{path, sha256 or target}], untouched}.

    untouched: whether every file that a package brought is the one that was linked, with nothing written into it since.
    """
    prefix = Path(request["prefix"])
    if metas_digest(prefix) != request["linked"]["metas"]:
        raise Failure(
            "damaged",
            "a step of the build has changed what conda-meta says of packages, by which their files are compared",
            "leave out the package or step that does",
        )
    (prefix / _NOT_OURS_ALONE).unlink(missing_ok=True)
    linked = {entry["_path"]: entry for meta in package_metas(prefix) for entry in meta["paths_data"]["paths"]}
    extra = []
    in_doubt = {path for path, packed in linked.items() if packed["path_type"] != "directory"}
    for entry in entries(prefix):
        status = entry.stat(follow_symlinks=False)
        _open_to_readers(entry, status)
        path = entry.path[len(request["prefix"]) + 1 :]
        # One link more changes this time too; the other one, of what is in the file, can be set to any.
        late = status.st_ctime_ns > request["linked"]["at"]
        if not late:
            in_doubt.discard(path)
        if stat.S_ISDIR(status.st_mode) or is_bytecode(path):
            continue
        changed = late and path in linked and not _as_packed(entry, status, linked[path])
        if changed and status.st_nlink > 1:
            raise Failure(
                "damaged",
                f"a step of the build has written into {path}, a file that other environments have in common with it",
                "where it comes from a package's script, the package can't be installed with its scripts",
            )
        if path not in linked or changed:
            extra.append(_account(entry, path))
    return {"extra": sorted(extra, key=lambda each: each["path"]), "untouched": not in_doubt}


def _as_packed(entry: os.DirEntry[str], status: os.stat_result, packed: dict[str, Any]) -> bool:
    expected = packed.get("sha256_in_prefix") or packed.get("sha256")
    return stat.S_ISREG(status.st_mode) and expected is not None and digest(Path(entry.path)) == expected


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
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Failure("other", f"{path!a}, left by a step of the build, has a name that isn't UTF-8") from None
    if entry.is_symlink():
        return {"path": path, "target": str(Path(entry.path).readlink())}
    if entry.is_file(follow_symlinks=False):
        return {"path": path, "sha256": digest(Path(entry.path))}
    raise Failure("other", f"{path}, left by a step of the build, is neither a file, nor a directory, nor a link")
