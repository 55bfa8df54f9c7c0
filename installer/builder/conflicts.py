"""`conflicts`: distributions that pip has put in the place of conda's, or beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from installer.builder.files import package_metas


def run(request: dict[str, Any]) -> object:
    """{prefix} -> {conflicts: [names]}."""
    prefix = Path(request["prefix"])
    owned = {entry["_path"] for meta in package_metas(prefix) for entry in meta["paths_data"]["paths"]}
    condas = {path for path in owned if path.endswith(".dist-info/METADATA")}
    gone = {_name(path) for path in condas if not (prefix / path).exists()}
    doubled = {_name(str(path)) for path in _pip_metadata(prefix, owned)} & {_name(path) for path in condas}
    return {"conflicts": sorted(gone | doubled)}


def _name(metadata: str) -> str:
    return _canonical(Path(metadata).parent.name.split("-")[0])


def _canonical(name: str) -> str:
    """A distribution's name in the one spelling that counts (PEP 503)."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)


def _pip_metadata(prefix: Path, owned: set[str]) -> Iterator[Path]:
    """The METADATA of distributions that no conda package brought."""
    for metadata in sorted(prefix.glob("lib/python3*/site-packages/*.dist-info/METADATA")):
        if str(metadata.relative_to(prefix)) not in owned:
            yield metadata
