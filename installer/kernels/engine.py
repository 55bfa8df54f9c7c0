"""What the builder does for us: choose packages, install them, look at environments; models in, models out."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.kernels import sandbox, worker
from installer.kernels.records import ExtraFile, Finding, Finished, Linked, LinkScript, Record
from installer.kernels.worker import Gate, Progress

REPODATA = paths.KERNELS_CACHE / "repodata"
PACKAGES = paths.KERNELS_CACHE / "packages"

# One place, of which the cache and the environments are parts: hard links don't go from one writable place to another.
_ALL = (paths.KERNELS,)

_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - named, not used
"""Where the builder can't see: the sandbox has no homes, and a /tmp of its own."""


def solve(
    specs: Sequence[str],
    channels: Sequence[str],
    *,
    unit: str,
    locked: Sequence[Record] = (),
    free: Collection[str] = (),
    progress: Progress | None = None,
    gate: Gate = sandbox.run,
) -> tuple[Record, ...]:
    """Choose packages that fit together, in the order of their names.

    locked: what to keep where it fits (the least change). free: names among them to choose anew.
    Raises Problem: Unreachable (known in 10 s), Unsatisfiable, a spec that can't be read, a channel that is closed.
    """
    for channel in channels:
        _check_seen(channel)
    request = {
        "channels": list(channels),
        "specs": list(specs),
        "locked": [record.model_dump(mode="json") for record in locked],
        "free": sorted(free),
        "repodata": str(REPODATA),
        "auth": _credentials(),
    }
    answer = worker.ask(
        "solve", request, unit=unit, writable=_ALL, network=True, timeout=900, progress=progress, gate=gate
    )
    return tuple(Record.model_validate(record) for record in answer["records"])


def install(
    prefix: Path,
    records: Sequence[Record],
    requested: Sequence[str],
    channels: Sequence[str],
    *,
    unit: str,
    checked: Collection[str] = (),
    progress: Progress | None = None,
    gate: Gate = sandbox.run,
) -> tuple[tuple[LinkScript, ...], Linked]:
    """Download, check and link packages into a prefix that the account owns. Raises Problem.

    channels: for the credentials that may be in their addresses, which records have none of.
    checked: the packages that need no check where they are in the cache (see `checked`).
    Returns the packages' scripts, none of them run, and what `finish` is to know of their files.
    """
    request = {
        "records": [record.model_dump(mode="json") for record in records],
        "requested": list(requested),
        "channels": list(channels),
        "prefix": str(prefix),
        "packages": str(PACKAGES),
        "checked": sorted(checked),
        "auth": _credentials(),
    }
    answer = worker.ask(
        "install", request, unit=unit, writable=_ALL, network=True, timeout=6 * 3600, progress=progress, gate=gate
    )
    return tuple(LinkScript.model_validate(each) for each in answer["link_scripts"]), Linked.model_validate(
        answer["linked"]
    )


def share(prefix: Path, previous: Path | None, *, unit: str, gate: Gate = sandbox.run) -> list[str]:
    """Take what is the same, and its bytecode, from an earlier environment; returns the modules left to compile."""
    request: dict[str, object] = {"prefix": str(prefix), "previous": str(previous) if previous else None}
    left: list[str] = worker.ask("share", request, unit=unit, writable=_ALL, gate=gate)["uncompiled"]
    return left


def conflicts(prefix: Path, *, unit: str, gate: Gate = sandbox.run) -> list[str]:
    """The names of conda's packages that pip has replaced, or installed once more."""
    found: list[str] = worker.ask("conflicts", {"prefix": str(prefix)}, unit=unit, gate=gate)["conflicts"]
    return found


def finish(prefix: Path, linked: Linked, *, unit: str, gate: Gate = sandbox.run) -> Finished:
    """Set who may do what with an environment's files, and tell which of them are not as conda's packages brought them.

    Raises Problem where a step of the build has written into a file that other environments have too.
    """
    request: dict[str, object] = {"prefix": str(prefix), "linked": linked.model_dump()}
    answer = worker.ask("finish", request, unit=unit, writable=(prefix,), gate=gate)
    return Finished.model_validate(answer)


def verify(
    prefix: Path,
    extra: Sequence[ExtraFile],
    *,
    unit: str,
    deep: bool,
    ignored: Sequence[str] = (),
    gate: Gate = sandbox.run,
) -> tuple[Finding, ...]:
    """Compare an environment's files with what the build left: are they there; `deep`, is the same in them.

    ignored: names at the prefix's top that were put there after the build.
    """
    request: dict[str, object] = {
        "prefix": str(prefix),
        "extra": [each.model_dump(mode="json") for each in extra],
        "ignored": list(ignored),
        "deep": deep,
    }
    answer = worker.ask("verify", request, unit=unit, gate=gate)
    return tuple(Finding.model_validate(each) for each in answer["findings"])


def clean(needed: Sequence[str], *, unit: str, gate: Gate = sandbox.run) -> int:
    """Remove the cached packages that aren't needed; returns how many. needed: as "name-version-build"."""
    request: dict[str, object] = {"packages": str(PACKAGES), "needed": list(needed)}
    return int(worker.ask("clean", request, unit=unit, writable=(paths.KERNELS_CACHE,), gate=gate)["removed"])


def _check_seen(channel: str) -> None:
    if channel.startswith(("file://", "/")):
        directory = Path(channel.removeprefix("file://"))
        for hidden in _HIDDEN:
            if directory.is_relative_to(hidden):
                raise ConfigProblem(
                    f"the channel {channel} is below {hidden}, which builds can't see",
                    "move it to a place that everybody can read, /srv/channel for example",
                )


def _credentials() -> dict[str, Any] | None:
    """The admin's, for private channels; None where there are none. Raises Problem for a file that can't be read."""
    try:
        found: dict[str, Any] = json.loads(paths.CHANNEL_CREDENTIALS.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _bad_credentials(str(error)) from error
    if not isinstance(found, dict):
        raise _bad_credentials("it is no JSON object")
    return found


def _bad_credentials(why: str) -> ConfigProblem:
    return ConfigProblem(
        f"{paths.CHANNEL_CREDENTIALS} can't be read: {why}",
        'write it like {"conda.example.org": {"BearerToken": "…"}}, or BasicHTTP with username and password',
    )
