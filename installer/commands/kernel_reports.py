"""What there is to say of kernels; nothing is changed, and nothing but the kernels is looked at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.commands.kernel_situation import KernelSituation, in_use
from installer.host.errors import Problem
from installer.kernels import gc, revisions
from installer.kernels.differences import pip_versions
from installer.kernels.kernelspec import filled, short
from installer.kernels.lock import LockFile
from installer.kernels.recipe import name_of
from installer.kernels.request import KernelRequest
from installer.kernels.requirements import canonical, requirement_name


@dataclass(frozen=True)
class KernelLine:
    """One kernel in the list.

    state: ready, pending (the config asks for more than there is) or left (on disk, and no longer in the config).
    reason: why it is pending, where the last apply knows.
    """

    name: str
    kernelspec: str
    display_name: str
    version: str
    revision: str
    created: str
    default: bool
    state: str
    reason: str


def kernels(situation: KernelSituation) -> tuple[KernelLine, ...]:
    """Every kernel of the config, then those that only the disk still has."""
    lines = [_line(situation, situation.request(entry.name)) for entry in situation.config.kernels]
    named = {line.name for line in lines}
    left = [name for name in revisions.kernels() if name not in named]
    return (*lines, *(KernelLine(name, "", "", "", "", "", False, "left", "") for name in left))


def _line(situation: KernelSituation, request: KernelRequest) -> KernelLine:
    known = in_use(request)
    prefix = revisions.linked(request.kernelspec)
    entry = situation.entry(request.name)
    as_wished = (
        known is not None
        and prefix is not None
        and (prefix.name == entry.revision if entry.revision else known.request.id == request.id)
    )
    return KernelLine(
        name=request.name,
        kernelspec=request.kernelspec,
        display_name=display_name(known.request if known else request, known.version if known else ""),
        version=known.version if known else "",
        revision=prefix.name if known and prefix else "",
        created=known.created if known else "",
        default=request.name == default_name(situation),
        state="ready" if as_wished else "pending",
        reason="" if as_wished else situation.generation.degraded.get(f"kernel:{request.name}", ""),
    )


def default_name(situation: KernelSituation) -> str | None:
    """The kernel that a new notebook gets."""
    config = situation.config
    return config.default_kernel or (config.kernels[0].name if config.kernels else None)


def display_name(request: KernelRequest, version: str) -> str:
    """What launchers say of a kernel."""
    return filled(request.display_name, {"version": short(version)}).strip()


def detail(situation: KernelSituation, name: str) -> dict[str, Any]:
    """All that is known of one kernel. Raises ConfigProblem."""
    request = situation.request(name)
    line = _line(situation, request)
    there = revisions.complete_ones(name)
    used = gc.in_use(there)
    return {
        **vars(line),
        "recipe": request.recipe.name,
        "channels": request.channels,
        "packages": request.packages,
        "pip": request.pip,
        "directory": str(revisions.place(name, line.revision)) if line.revision else "",
        "revisions": [
            {"revision": prefix.name, "in_use": prefix in used, "bytes": own_bytes(prefix)} for prefix in there
        ],
    }


def own_bytes(prefix: Path) -> int:
    """What a revision alone takes on the disk: files with further names, in the cache or other revisions, left out."""
    total = 0
    for directory, _, names in os.walk(prefix):
        for name in names:
            status = Path(directory, name).lstat()
            total += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return total


@dataclass(frozen=True)
class PackageLine:
    """One package. source: its channel, pip, or what the recipe's own steps installed. asked_for: not only needed."""

    name: str
    version: str
    build: str
    source: str
    asked_for: bool


def packages(situation: KernelSituation, name: str) -> tuple[PackageLine, ...]:
    """What is in a kernel, by name. Raises ConfigProblem, Problem where it isn't built yet."""
    request, prefix, lock = ready(situation, name)
    known = revisions.completed(prefix)
    asked = {name_of(spec) for spec in lock.packages}
    asked_pip = {requirement_name(spec) for spec in lock.pip}
    conda = [
        PackageLine(
            record.name, record.version, record.build, _channel(record.channel or record.url), record.name in asked
        )
        for record in lock.lock.records
    ]
    pip = [
        PackageLine(package, version, "", "pip", canonical(package) in asked_pip)
        for package, version in pip_versions(lock.lock.pip).items()
    ]
    steps = [_installed(line, request.recipe.name) for line in (known.installed if known else ())]
    return tuple(sorted([*conda, *pip, *steps], key=lambda line: line.name.lower()))


def _installed(line: str, recipe: str) -> PackageLine:
    name, version, came_along = (*line.split(), "", "")[:3]
    return PackageLine(name, version, "", f"recipe {recipe}", asked_for=not came_along)


def ready(situation: KernelSituation, name: str) -> tuple[KernelRequest, Path, LockFile]:
    """A kernel that is there: its request, its revision, its lock. Raises ConfigProblem, Problem."""
    request = situation.request(name)
    prefix = revisions.linked(request.kernelspec)
    if prefix is None or in_use(request) is None:
        reason = situation.generation.degraded.get(f"kernel:{name}", "")
        raise Problem(
            f"the kernel {name!r} isn't built yet{': ' + reason if reason else ''}",
            "build it: sudo python3 -m installer apply",
        )
    return request, prefix, revisions.lock_of(prefix)


def must_be_known(situation: KernelSituation, name: str) -> None:
    """Raises ConfigProblem where neither the config nor the disk has a kernel of that name."""
    if name not in revisions.kernels():
        situation.entry(name)


def _channel(url: str) -> str:
    """A channel as people say it: the last word of its address."""
    return url.rstrip("/").rpartition("/")[2] or url
