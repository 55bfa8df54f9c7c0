"""`packages`: what an environment has, conda's packages and those of pip."""

from __future__ import annotations

import email.parser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from installer.builder.files import package_metas


def run(request: dict[str, Any]) -> object:
    """{prefix, pip_requested} -> {packages: [{name, version, build, source, kind, requested}]}."""
    prefix = Path(request["prefix"])
    metas = package_metas(prefix)
    owned = {entry["_path"] for meta in metas for entry in meta["paths_data"]["paths"]}
    requested = {canonical(name) for name in request["pip_requested"]}
    found = [_conda(meta) for meta in metas]
    found.extend(_pip(metadata, requested) for metadata in pip_metadata(prefix, owned))
    return {"packages": sorted(found, key=lambda package: (package["name"].lower(), package["kind"]))}


def canonical(name: str) -> str:
    """A distribution's name in the one spelling that counts (PEP 503)."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)


def pip_metadata(prefix: Path, owned: set[str]) -> Iterator[Path]:
    """The METADATA of distributions that no conda package brought."""
    for metadata in sorted(prefix.glob("lib/python3*/site-packages/*.dist-info/METADATA")):
        if str(metadata.relative_to(prefix)) not in owned:
            yield metadata


def _conda(meta: dict[str, Any]) -> dict[str, Any]:
    asked_for = meta.get("requested_specs") or meta.get("requested_spec")
    source = str(meta.get("channel") or meta["url"]).rstrip("/")
    short = source.removeprefix("https://conda.anaconda.org/")
    for subdir in ("noarch", str(meta.get("subdir"))):
        short = short.removesuffix(f"/{subdir}")
    return {
        "name": meta["name"],
        "version": meta["version"],
        "build": meta["build"],
        "source": short,
        "kind": "conda",
        "requested": bool(asked_for),
    }


def _pip(metadata: Path, requested: set[str]) -> dict[str, Any]:
    with metadata.open(encoding="utf-8", errors="replace") as stream:
        said = email.parser.Parser().parse(stream, headersonly=True)
    name = said.get("Name", metadata.parent.name.split("-")[0])
    return {
        "name": name,
        "version": said.get("Version", ""),
        "build": "",
        "source": "pypi",
        "kind": "pip",
        "requested": canonical(name) in requested,
    }
