"""Make a backup: into a file that appears whole or not at all, or into a pipe; and remove old ones of the timer's."""

from __future__ import annotations

import os
import platform
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.commands import backup_contents
from installer.commands.backup_contents import Contents, Source
from installer.commands.backup_manifest import DATABASE, NAME, PEOPLE, Manifest
from installer.config.load import Loaded
from installer.engine.store import Generation, Store, now
from installer.host import files, paths
from installer.host.archive import Member, Target, Writer
from installer.host.errors import Problem
from installer.resources import database_copies
from installer.resources.kinds import KINDS

Report = Callable[[str], None]
"""Told in a few words what is being done."""

_BY_TIMER = "-timer"
_DATABASES = ((paths.HUB_DATABASE, DATABASE), (paths.HUB_PEOPLE, PEOPLE))
"""The hub's, and what they are called in a backup."""


@dataclass(frozen=True)
class Made:
    """A backup. path: None where it went into a pipe. size: bytes. removed: older ones of the timer's."""

    path: Path | None
    size: int
    files: int
    left_out: tuple[str, ...]
    removed: tuple[Path, ...] = ()


def backup_to(target: Path | None, loaded: Loaded, report: Report, *, label: str = "") -> Made:
    """Make one in a file: at `target`, or under a name that tells host and time, in `target` or in the usual place.

    label: what else the name tells. Raises Problem; then nothing of it is left.
    """
    directory = Path(loaded.config.backup.directory) if target is None else target
    if target is None or target.is_dir():
        target = directory / f"{_prefix()}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{label}.tar.gz"
    if target.exists() or target.is_symlink():
        raise Problem(f"{target} is there already", "give another name, or move that file away first")
    if target.parent == Path(loaded.config.backup.directory):
        _make_room(target.parent)
    elif not target.parent.is_dir():
        raise Problem(f"there is no directory {target.parent}", f"make it first: sudo mkdir --parents {target.parent}")
    with _prepared(loaded, report) as (manifest, sources):
        report(f"writing {target}")
        try:
            with files.appearing(target, mode=0o600) as stream:
                _write(stream, manifest, sources)
                size = stream.tell()
        except Problem as problem:
            if isinstance(problem.__cause__, OSError):
                raise _unwritable(target, problem.__cause__) from problem
            raise
    return Made(target, size, len(sources), manifest.left_out)


def backup_into(descriptor: int, loaded: Loaded, report: Report) -> Made:
    """Make one in a pipe. Raises Problem; then what has been written has no end, and is refused by restore."""
    pipe = _Pipe(descriptor)
    with _prepared(loaded, report) as (manifest, sources):
        report("writing to standard output")
        try:
            _write(pipe, manifest, sources)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Problem(
                f"standard output can't be written: {error.strerror or error}",
                "make room where it goes, and throw away what has come there: it is no whole backup",
            ) from error
    return Made(None, pipe.size, len(sources), manifest.left_out)


def scheduled(loaded: Loaded, report: Report) -> Made:
    """Make one as the timer does, then remove the oldest of those that it has made here. Raises Problem."""
    directory = Path(loaded.config.backup.directory)
    mine = re.compile(rf"{re.escape(_prefix())}\d{{8}}T\d{{6}}Z{_BY_TIMER}\.tar\.gz")
    for half in directory.glob(f".{_prefix()}*.new"):
        files.remove(half)  # of a run that was killed; before a new one that needs the room
    made = backup_to(None, loaded, report, label=_BY_TIMER)
    there = sorted(path for path in directory.iterdir() if mine.fullmatch(path.name) and _is_plain(path))
    # Not the new one, whatever the clock said when the others were made.
    others = [path for path in there if path != made.path]
    too_old = others[: max(0, len(others) + 1 - loaded.config.backup.keep)]
    for path in too_old:
        files.remove(path)
    return Made(made.path, made.size, made.files, made.left_out, tuple(too_old))


def refuse_without_hub() -> None:
    """Raises Problem where there is nothing to back up."""
    if not Store(paths.INSTALLER_STATE, KINDS).numbers():
        raise Problem("there is no hub here yet to back up", "begin with: sudo python3 -m installer apply")


@contextmanager
def _prepared(loaded: Loaded, report: Report) -> Iterator[tuple[Manifest, list[Source]]]:
    """All that goes into a backup, while in the block."""
    store = Store(paths.INSTALLER_STATE, KINDS)
    report("looking for what belongs into it")
    text = loaded.text if paths.CONFIG_FILE.exists() else None
    contents = backup_contents.collect(loaded.config, text, paths.INSTALLER_STATE / "generations")
    if not paths.HUB_DATABASE.is_file():
        contents.left_out.append(
            f"{paths.HUB_DATABASE}: not there; where the hub keeps its data elsewhere, back that up"
        )
    there = [(path, name) for path, name in _DATABASES if path.is_file()]
    report("copying the hub's database")
    with database_copies.staged(paths.BACKUP_STAGE) as directory:
        copies = [backup_contents.database(database_copies.copy_into(directory, path), name) for path, name in there]
        sources = [*copies, *contents.sources]
        yield _manifest(contents, sources, store.newest()), sources


def _manifest(contents: Contents, sources: list[Source], newest: Generation | None) -> Manifest:
    remembered = newest.remembered if newest else {}
    return Manifest(
        host=socket.gethostname(),
        machine=platform.machine(),
        at=now(),
        generation=newest.number if newest else None,
        admin=remembered.get("admin") if remembered.get("admin_own") == "no" else None,
        members=tuple(backup_contents.members()),
        left_out=tuple(contents.left_out),
        folders=tuple(contents.folders),
        items=tuple(source.item for source in sources),
    )


def _write(stream: Target, manifest: Manifest, sources: list[Source]) -> None:
    """Write the archive. Raises OSError, and Problem where a file is no longer what its hash in the manifest says."""
    text = manifest.text()
    at = time.time()
    with Writer(stream) as archive:
        archive.add_bytes(Member(NAME, len(text)), text, at)
        for source in sources:
            item = source.item
            with source.opened() as opened:
                hashing = backup_contents.Hashing(opened)
                archive.add(Member(item.path, item.size), hashing, at)
            if hashing.digest != item.sha256:
                raise Problem(f"{source.path} was changed while it was being read", "make the backup again")


def _unwritable(target: Path, error: OSError) -> Problem:
    name = files.errno_name(error)
    hints = {
        "ENOSPC": f"make room on that file system (df -h {target.parent}), or give another place",
        "EDQUOT": "raise the quota of that file system, or give another place",
        "EROFS": "the file system is mounted read-only: see dmesg, or give another place",
    }
    return Problem(
        f"{target} can't be written: {error.strerror or error}", hints.get(name, "mend that, or give another place")
    )


def _make_room(directory: Path) -> None:
    """Make the directory for backups, closed, where it isn't there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error


def _prefix() -> str:
    return f"jupyterhub-{re.sub(r'[^A-Za-z0-9.-]', '-', socket.gethostname())}-"


def _is_plain(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


class _Pipe:
    """A descriptor that is written to at once: what a buffer keeps back would be lost unnoticed, or missed later."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write it all."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self.size += len(data)
