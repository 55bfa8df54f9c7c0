"""The revisions of kernels on disk: which are complete, which one Jupyter is pointed at, and how it came to that.

KERNELS/NAME/REVISION/            an environment, never edited once it is complete
    kernelspec/kernel.json        what Jupyter reads
    kernel.lock                   the exact packages
    .complete                     written last
KERNELS/NAME/history              a line for every switch
KERNELSPECS/KERNELSPEC            -> KERNELS/NAME/REVISION/kernelspec: the one switch
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from installer.host import files, paths
from installer.host.errors import ConfigProblem, Problem
from installer.kernels.lock import LockFile, read_lock_file
from installer.kernels.records import ExtraFile
from installer.kernels.request import KernelRequest

MARKER = ".complete"
KERNELSPEC = "kernelspec"
LOCK = "kernel.lock"
FILES = ".files"
RECORDS = (KERNELSPEC, LOCK, FILES, MARKER)
"""What stands in a revision beside its environment, root's own."""
KEPT = 3
"""Revisions of a kernel to keep for `rollback`, the one in use among them."""
_EXTRA_FILES = TypeAdapter(tuple[ExtraFile, ...], config=ConfigDict(defer_build=True))
_REVISION = re.compile("[0-9a-f]{12}")


class Completed(BaseModel):
    """What is known of a complete revision.

    created: UTC, ISO 8601. request: what it was built for. version: of the language.
    installed: what post-install steps added, as the recipe's inventory prints it.
    seconds: how long each step of its build took.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    created: str
    request: KernelRequest
    version: str
    installed: tuple[str, ...] = ()
    seconds: dict[str, float] = {}


class Switch(BaseModel):
    """A line of a kernel's history: at that time (UTC, ISO 8601) it was switched to that revision, for that reason."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    at: str
    revision: str
    reason: str


def place(name: str, revision: str) -> Path:
    """Where a revision is, or would be."""
    return paths.KERNELS / name / revision


def completed(prefix: Path) -> Completed | None:
    """What is known of a revision; None unless root has marked it complete."""
    try:
        # A build that was killed may have left a fifo there, at which root would wait for ever.
        descriptor = os.open(prefix / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as marker:
        if os.fstat(descriptor).st_uid != os.geteuid():
            return None
        try:
            return Completed.model_validate_json(marker.read())
        except ValidationError:
            return None


def complete_ones(name: str) -> list[Path]:
    """The complete revisions of a kernel, the oldest first."""
    found = [(known.created, prefix) for prefix in directories(name) if (known := completed(prefix))]
    return [prefix for _, prefix in sorted(found)]


def incomplete_ones(name: str) -> list[Path]:
    """The revisions of a kernel that are half built, or condemned."""
    return [prefix for prefix in directories(name) if not (prefix / MARKER).exists()]


def directories(name: str) -> Iterator[Path]:
    """All revisions of a kernel, those of killed builds too."""
    directory = paths.KERNELS / name
    if directory.is_dir():
        yield from (entry for entry in directory.iterdir() if _REVISION.fullmatch(entry.name) and entry.is_dir())


def kernels() -> list[str]:
    """Every kernel that has anything on disk."""
    if not paths.KERNELS.is_dir():
        return []
    return sorted(entry.name for entry in paths.KERNELS.iterdir() if entry.is_dir() and entry.name[0] != ".")


def linked(kernelspec: str) -> Path | None:
    """The revision that Jupyter is pointed at under the name of a kernelspec; None where that isn't one of ours."""
    try:
        target = (paths.KERNELSPECS / kernelspec).readlink()
    except OSError:
        return None
    ours = (
        target.name == KERNELSPEC
        and target.parents[2:3] == (paths.KERNELS,)
        and _REVISION.fullmatch(target.parent.name)
    )
    return target.parent if ours else None


def current(name: str) -> Path | None:
    """The revision of a kernel that Jupyter is pointed at, under whatever kernelspec."""
    if not paths.KERNELSPECS.is_dir():
        return None
    found = (linked(entry.name) for entry in paths.KERNELSPECS.iterdir())
    return next((prefix for prefix in found if prefix is not None and prefix.parent.name == name), None)


def lock_of(prefix: Path) -> LockFile:
    """The exact packages of a complete revision. Raises Problem where its lock is gone or damaged."""
    try:
        return read_lock_file(prefix / LOCK)
    except ConfigProblem as problem:
        raise Problem(problem.what, f"build it anew: installer kernel rebuild {prefix.parent.name}") from problem


def extra_files(prefix: Path) -> tuple[ExtraFile, ...]:
    """The files of a complete revision that conda's packages don't account for. Raises Problem."""
    try:
        return _EXTRA_FILES.validate_json((prefix / FILES).read_bytes())
    except (OSError, ValidationError) as error:
        raise Problem(
            f"{prefix / FILES} can't be read: {str(error).splitlines()[0]}",
            f"build the kernel anew: installer kernel update {prefix.parent.name}",
        ) from error


def extra_files_text(extra: tuple[ExtraFile, ...]) -> bytes:
    """The same as it is written down."""
    return _EXTRA_FILES.dump_json(extra)


def switch(kernelspec: str, prefix: Path, reason: str) -> None:
    """Point Jupyter at a revision, in one step; kernels that run go on in theirs. Raises Problem."""
    files.link(paths.KERNELSPECS / kernelspec, str(prefix / KERNELSPEC))
    _note(prefix, reason)


def condemn(prefix: Path) -> None:
    """Have a revision count as complete no more: nothing goes back to it, and the next collection takes it."""
    files.remove(prefix / MARKER)


def history(name: str) -> list[Switch]:
    """Every switch of a kernel, the oldest first; a line that was torn when the machine died is left out."""
    try:
        lines = (paths.KERNELS / name / "history").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    switches = []
    for line in lines:
        try:
            switches.append(Switch.model_validate_json(line))
        except ValidationError:
            continue
    return switches


def _note(prefix: Path, reason: str) -> None:
    path = prefix.parent / "history"
    before = history(prefix.parent.name)
    if before and before[-1].revision == prefix.name:
        return  # a run that was killed between the two has come back to it
    line = Switch(at=now(), revision=prefix.name, reason=reason).model_dump()
    text = "".join(json.dumps(entry) + "\n" for entry in [*(switch.model_dump() for switch in before), line])
    files.write(path, text.encode(), mode=0o644)


def revision_called(name: str, wished: str) -> Path:
    """The complete revision of a kernel whose id starts with `wished`. Raises Problem where there is not just one."""
    there = complete_ones(name)
    found = [prefix for prefix in there if prefix.name.startswith(wished)]
    if len(found) != 1:
        known = ", ".join(prefix.name for prefix in there) or "none"
        raise Problem(
            f"the kernel {name!r} has {'no' if not found else 'more than one'} revision {wished!r}",
            f"see `installer kernel history {name}`; on disk: {known}",
        )
    return found[0]


def now() -> str:
    """The time as it is written down: UTC, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
