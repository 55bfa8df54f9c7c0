"""`install`: packages that a solve chose, downloaded, checked and linked into a prefix."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from rattler import PackageRecord, RepoDataRecord, install
from rattler.package_cache import PackageCache, ValidationMode

from installer.builder import credentials, local_packages
from installer.builder.answer import Failure, progress
from installer.builder.clients import client, explained
from installer.builder.files import metas_digest
from installer.builder.records import understood
from installer.builder.reporting import Reporter
from installer.builder.solving import parsed

_UNPACKED = 4
"""How much larger than its download a package may be: what is to be had beside the packages that are there already."""


def run(request: dict[str, Any]) -> object:
    """{records, requested, channels, prefix, packages, checked, auth} -> {link_scripts, linked: {at, metas}}.

    checked: the sha256 of those packages that need no check where they are in the cache.
    link_scripts: those that the packages brought, in the order to run them in; none has been run.
    linked: what tells the changes that come later: the time, and the digest of what is written down of packages.
    """
    prefix, packages = Path(request["prefix"]), Path(request["packages"])
    credentials.provide(credentials.taken_out(request["channels"], request["auth"] or {})[1])
    records = [understood(record) for record in request["records"]]
    packages.mkdir(exist_ok=True)
    try:
        asyncio.run(_install(records, request["requested"], prefix, packages, set(request["checked"])))
    except Failure:
        raise
    except Exception as error:
        raise explained(error) from error
    linked = {"at": _now(prefix), "metas": metas_digest(prefix)}
    return {"link_scripts": link_scripts(prefix, records), "linked": linked}


async def _install(
    records: list[RepoDataRecord], requested: Sequence[str], prefix: Path, packages: Path, checked: Container[str]
) -> None:
    there = await PackageCache.new_layered([packages]).index()
    missing = [record for record in records if not there.contains_record(record)]
    believed = all((record.sha256 or b"").hex() in checked for record in records if record not in missing)
    mode = ValidationMode.fast() if believed else ValidationMode.full()
    cache = PackageCache.new_layered([packages], validation_mode=mode)
    _check_room(missing, prefix)
    # The engine believes what comes from a file; a record's sum is as good there as over the network.
    local_packages.check(missing)
    progress(f"linking {len(records)} packages, {len(missing)} of them to be fetched")
    await install(
        list(records),
        target_prefix=prefix,
        package_cache=cache,
        client=client(),
        show_progress=False,
        reporter=Reporter(missing, len(records)),  # type: ignore[abstract]  # what it leaves out does nothing
        execute_link_scripts=False,
        # The inner objects: what it is declared to take, it then refuses.
        requested_specs=[parsed(spec)._match_spec for spec in requested],
    )


def _check_room(missing: Sequence[RepoDataRecord], prefix: Path) -> None:
    needed = _UNPACKED * sum(record.size or 0 for record in missing)
    free = shutil.disk_usage(prefix).free
    if free < needed:
        raise Failure(
            "no-space", f"{prefix} has {free // 1_000_000} MB free; the packages need {needed // 1_000_000} MB there"
        )


def link_scripts(prefix: Path, records: Sequence[RepoDataRecord]) -> list[dict[str, str]]:
    """The post-link scripts in a prefix with what they are to be told, each behind those of what it depends on."""
    found = []
    for record in PackageRecord.sort_topologically(list(records)):
        script = prefix / "bin" / f".{record.name.normalized}-post-link.sh"
        if script.is_file():
            told = {
                "name": record.name.normalized,
                "version": str(record.version),
                "build_number": str(record.build_number),
            }
            found.append({"script": str(script), **told})
    return found


def _now(prefix: Path) -> int:
    # The file system's clock, which is coarser than the processor's.
    stamp = prefix / "conda-meta" / "history"
    os.utime(stamp)
    time.sleep(0.02)
    return stamp.stat().st_mtime_ns
