"""Records of packages, as JSON and as the engine has them."""

from __future__ import annotations

import json
import os
from typing import Any

from rattler import PackageRecord, RepoDataRecord


def told(record: RepoDataRecord) -> dict[str, Any]:
    """A record as JSON."""
    said: dict[str, Any] = json.loads(record.to_json())
    # When the channel last wrote its index: nothing of the package's.
    said.pop("indexed_timestamp", None)
    return said


def understood(said: dict[str, Any]) -> RepoDataRecord:
    """A record from its JSON."""
    handle = os.memfd_create("record")
    try:
        os.write(handle, json.dumps(said).encode())
        # The engine only reads records from files, and takes the sums from none.
        path = f"/proc/self/fd/{handle}"
        package = PackageRecord.from_index_json(path, said.get("size"), said.get("sha256"), said.get("md5"))  # type: ignore[arg-type]
    finally:
        os.close(handle)
    return RepoDataRecord(package, said["fn"], said["url"], said.get("channel") or "")
