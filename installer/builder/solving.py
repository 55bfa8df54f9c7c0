"""`solve`: which packages fit together."""

from __future__ import annotations

import asyncio
import datetime
import re
from pathlib import Path
from typing import Any

from rattler import (
    Channel,
    ChannelPriority,
    Gateway,
    MatchSpec,
    RepoDataRecord,
    SourceConfig,
    VirtualPackage,
    VirtualPackageOverrides,
    solve,
)
from rattler.exceptions import InvalidMatchSpecError, SolverError

from installer.builder import credentials, reach
from installer.builder.answer import Failure, progress
from installer.builder.clients import client, explained
from installer.builder.records import told, understood

_REQUEST_SECONDS = 300
_SOLVER_SECONDS = 120

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*", re.IGNORECASE)
_UNKNOWN = re.compile(r"^[\s│├└─]*No candidates were found for (\S+) \*\.?$", re.MULTILINE)


def run(request: dict[str, Any]) -> object:
    """{channels, specs, locked, free, repodata, auth} -> {records}."""
    channels, known = credentials.taken_out(request["channels"], request["auth"] or {})
    credentials.provide(known)
    specs = [parsed(spec) for spec in request["specs"]]
    free = set(request["free"])
    locked = [
        understood(record)
        for record in request["locked"]
        if record["name"] not in free and not _of_another_channel(record, specs)
    ]
    reach.check(channels)
    progress(f"choosing packages from {', '.join(channels)}")
    try:
        chosen = asyncio.run(_solve(channels, specs, locked, Path(request["repodata"])))
    except SolverError as error:
        raise _unsatisfiable(str(error), channels) from error
    except Exception as error:
        raise explained(error) from error
    records = [told(record) for record in chosen]
    for record in records:
        if not record.get("sha256"):
            raise Failure("damaged", f"the channel gives no sha256 for {record['fn']}: it can't be checked")
    return {"records": sorted(records, key=lambda record: str(record["name"]))}


def parsed(spec: str) -> MatchSpec:
    """A spec as the engine has it. Raises Failure for what is none."""
    try:
        match = MatchSpec(spec, strict=False)
    except InvalidMatchSpecError as error:
        raise Failure("bad-spec", f"{spec!r} doesn't name a package: {error}") from error
    name = re.sub(r"^\S*::", "", spec.strip())
    if not _NAME.match(name):
        raise Failure("bad-spec", f"{spec!r} doesn't name a package")
    return match


def _of_another_channel(record: dict[str, Any], specs: list[MatchSpec]) -> bool:
    """Whether a spec asks for a package of another channel than a record's: the solver would take it nevertheless."""
    asked = [spec.channel for spec in specs if spec.channel and spec.name.normalized == record["name"]]
    here = Channel(record["channel"]).base_url
    return any(channel.base_url != here for channel in asked)


async def _solve(
    channels: list[str], specs: list[MatchSpec], locked: list[RepoDataRecord], repodata: Path
) -> list[RepoDataRecord]:
    gateway = Gateway(
        cache_dir=repodata, client=client(_REQUEST_SECONDS), default_config=SourceConfig(cache_action="cache-or-fetch")
    )
    machine = [each.into_generic() for each in VirtualPackage.detect(VirtualPackageOverrides.from_env())]
    return await solve(
        sources=channels,
        specs=specs,
        gateway=gateway,
        virtual_packages=machine,
        locked_packages=locked,
        channel_priority=ChannelPriority.Strict,
        timeout=datetime.timedelta(seconds=_SOLVER_SECONDS),
    )


def _unsatisfiable(said: str, channels: list[str]) -> Failure:
    reason = said.removeprefix("Cannot solve the request because of: ").strip()
    if unknown := _UNKNOWN.search(reason):
        return Failure("unsatisfiable", f"no package {unknown[1]} in {', '.join(channels)}", reason)
    return Failure("unsatisfiable", "the packages asked for don't fit together", reason)
