"""`clean`: cached packages that no environment was made of, removed."""

from __future__ import annotations

import glob
import shutil
from pathlib import Path
from typing import Any


def run(request: dict[str, Any]) -> object:
    """{packages, needed} -> {removed}.

    By the account that they belong to: root would follow whatever it has put in the place of a directory.
    """
    cache, needed = Path(request["packages"]), set(request["needed"])
    unneeded = [entry for entry in _unpacked(cache) if entry.name not in needed]
    for entry in unneeded:
        shutil.rmtree(entry, ignore_errors=True)
        for beside in cache.glob(f"{glob.escape(entry.name)}.*"):
            beside.unlink(missing_ok=True)
    return {"removed": len(unneeded)}


def _unpacked(cache: Path) -> list[Path]:
    """The directories of a package cache; also those that a killed download has left half unpacked."""
    return [entry for entry in cache.iterdir() if entry.is_dir() and not entry.is_symlink()] if cache.is_dir() else []
