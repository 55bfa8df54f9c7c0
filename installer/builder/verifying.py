"""`verify`: whether an environment's files are as its build left them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from installer.builder.files import digest, entries, is_bytecode, package_metas


def run(request: dict[str, Any]) -> object:
    """{prefix, extra, ignored, deep} -> {findings: [{path, what, package}]}.

    ignored: names at the prefix's top that came there after the build. deep: read the files, and look for added ones.
    """
    prefix = Path(request["prefix"])
    extra = {each["path"]: each for each in request["extra"]}
    findings = []
    known = set(extra)
    for meta in package_metas(prefix):
        for entry in meta["paths_data"]["paths"]:
            path = entry["_path"]
            if path not in known:
                known.add(path)
                if what := _conda_file(prefix / path, entry, request["deep"]):
                    findings.append({"path": path, "what": what, "package": meta["name"]})
    for path, each in extra.items():
        if what := _extra_file(prefix / path, each, request["deep"]):
            findings.append({"path": path, "what": what, "package": None})
    if request["deep"]:
        for found in entries(prefix, request["ignored"]):
            path = found.path[len(request["prefix"]) + 1 :]
            if not found.is_dir(follow_symlinks=False) and path not in known and not is_bytecode(path):
                findings.append({"path": path, "what": "added", "package": None})
    return {"findings": sorted(findings, key=lambda finding: finding["path"])}


def _conda_file(file: Path, entry: Mapping[str, Any], deep: bool) -> str | None:
    # A link to what has the prefix put into it is installed as a file.
    if entry["path_type"] == "softlink" and (file.is_symlink() or "sha256_in_prefix" not in entry):
        return None if file.is_symlink() else "missing"
    if entry["path_type"] == "directory":
        return None if file.is_dir() else "missing"
    expected = entry.get("sha256_in_prefix") or entry.get("sha256")
    size = None if "sha256_in_prefix" in entry else entry.get("size_in_bytes")
    return _compared(file, expected, size, deep)


def _extra_file(file: Path, each: Mapping[str, Any], deep: bool) -> str | None:
    if each.get("target") is not None:
        if not file.is_symlink():
            return "missing"
        return None if str(file.readlink()) == each["target"] else "changed"
    return _compared(file, each["sha256"], None, deep)


def _compared(file: Path, expected: str | None, size: int | None, deep: bool) -> str | None:
    try:
        status = file.lstat()
        if file.is_symlink() or (size is not None and status.st_size != size):
            return "changed"
        if deep and expected and digest(file) != expected:
            return "changed"
    except OSError:
        return "missing"
    return None
