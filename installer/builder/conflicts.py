"""`conflicts`: distributions that pip has put in the place of conda's, or beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from installer.builder.files import package_metas
from installer.builder.listing import canonical, pip_metadata


def run(request: dict[str, Any]) -> object:
    """{prefix} -> {conflicts: [names]}."""
    prefix = Path(request["prefix"])
    owned = {entry["_path"] for meta in package_metas(prefix) for entry in meta["paths_data"]["paths"]}
    condas = {path for path in owned if path.endswith(".dist-info/METADATA")}
    gone = {_name(path) for path in condas if not (prefix / path).exists()}
    doubled = {_name(str(path)) for path in pip_metadata(prefix, owned)} & {_name(path) for path in condas}
    return {"conflicts": sorted(gone | doubled)}


def _name(metadata: str) -> str:
    return canonical(Path(metadata).parent.name.split("-")[0])
