"""Copies of the hub's database: made by the hub's account, kept by root beside the generation that they are of.

Root never has SQLite open one: the hub's account can put anything in the place of its database.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.host.system_python import system_python
from installer.host.trees import remove_tree

LONGEST = 1800.0
"""Seconds for whatever is done with a whole database."""

_LIBEXEC = Path(__file__).parents[1] / "libexec"
_NAME = re.compile(r"(?P<number>\d+)\.(?P<schema>\w+)\.sqlite")


@dataclass(frozen=True)
class Copy:
    """A copy that was kept. number: the newest generation's when it was made. at: when that was."""

    number: int
    schema: str
    path: Path
    at: datetime


def generations() -> Path:
    """Where they are kept, with the generations."""
    return paths.INSTALLER_STATE / "generations"


def schema() -> str:
    """The schema that the hub's database has; "" where there is none yet, nor an account to ask. Raises Problem."""
    try:
        pwd.getpwnam(paths.HUB_USER)
    except KeyError:
        return ""
    if not os.path.lexists(paths.HUB_DATABASE):
        return ""
    program = (_LIBEXEC / "database_schema.py").read_text(encoding="utf-8")
    try:
        # -S: it is asked at every look at the host, and needs nothing of the site's.
        return run(
            [system_python(), "-I", "-S", "-", paths.HUB_DATABASE], stdin=program, user=paths.HUB_USER, timeout=30
        ).stdout.strip()
    except CommandFailed as failed:
        said = failed.detail.splitlines()[-1:] or ["it said nothing"]
        raise Problem(
            f"{paths.HUB_DATABASE} can't be read: {said[0]}",
            "see what is wrong with it: sudo python3 -m installer doctor",
        ) from failed


def kept() -> list[Copy]:
    """All of them, the oldest first by the numbers."""
    found = []
    for path in generations().glob("*.sqlite"):
        said = _NAME.fullmatch(path.name)
        if said is not None:
            at = datetime.fromtimestamp(path.lstat().st_mtime, timezone.utc)
            found.append(Copy(int(said["number"]), said["schema"], path, at))
    return sorted(found, key=lambda each: (each.number, each.at))


def newest(schema: str, since: int = 0) -> Copy | None:
    """The newest one that has a schema. since: of no generation before this one."""
    fitting = [each for each in kept() if each.schema == schema and each.number >= since]
    return fitting[-1] if fitting else None


def forget(number: int) -> None:
    """Remove those of a generation. Raises Problem."""
    for each in kept():
        if each.number == number:
            files.remove(each.path)


def keep(schema: str) -> Path:
    """Copy the hub's database as it is, with the newest generation. Returns where to. Raises Problem."""
    numbers = [int(path.stem) for path in generations().glob("*.json") if path.stem.isdigit()]
    place = generations() / f"{max(numbers, default=0):06}.{schema}.sqlite"
    with staged() as directory:
        copied = copy_into(directory)
        with opened(copied) as descriptor, files.appearing(place, mode=0o600) as target:
            while piece := os.read(descriptor, 1 << 20):
                target.write(piece)
    return place


@contextmanager
def staged(stage: Path = paths.DATABASE_STAGE) -> Iterator[Path]:
    """An empty directory of the hub's account in `stage`, for the block; closed to all others. Raises Problem."""
    place = stage / "database"
    try:
        remove_tree(stage)
        try:
            stage.mkdir(mode=0o711, parents=True)
            place.mkdir(mode=0o700)
            files.own(place, owner=paths.HUB_USER, group=paths.HUB_USER, mode=0o700)
        except OSError as error:
            raise files.unwritable(place, error) from error
        yield place
    finally:
        remove_tree(stage, ignore_errors=True)


def copy_into(directory: Path, database: Path = paths.HUB_DATABASE) -> Path:
    """Have the hub's account copy one of its databases into a directory of its own, whole. Raises Problem."""
    copy = directory / database.name
    program = (_LIBEXEC / "copy_database.py").read_text(encoding="utf-8")
    try:
        words: list[str | Path] = [system_python(), "-I", "-", database, copy]
        run(words, stdin=program, user=paths.HUB_USER, timeout=LONGEST)
    except CommandFailed as failed:
        said = failed.detail.splitlines()[-1:] or ["it said nothing"]
        full = "full" in said[0]
        raise Problem(
            f"the hub's database can't be copied to {directory}: {said[0]}" if full
            else f"the hub's database, {database}, can't be copied: {said[0]}",
            f"make room there (df -h {paths.INSTALLER_STATE}), then try again" if full
            else "see journalctl --unit=jupyterhub; a backup from before can be restored (installer restore --replace)",
            failed.detail,
        ) from failed  # fmt: skip
    return copy


def hand_over(copy: Path, directory: Path) -> Path:
    """Give the hub's account a kept copy, in a directory of its own. Returns where it is. Raises Problem."""
    place = directory / "kept.sqlite"
    try:
        descriptor = os.open(copy, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise Problem(
            f"the copy of the hub's database, {copy}, can't be read: {error.strerror}",
            "see what has become of it; where it is gone, the database can't be returned to",
        ) from error
    with (
        os.fdopen(descriptor, "rb") as source,
        files.appearing(place, mode=0o600, owner=paths.HUB_USER, group=paths.HUB_USER) as target,
    ):
        while piece := source.read(1 << 20):
            target.write(piece)
    return place


def replace(source: Path, target: Path, schema: str, *, migrating_with: Path | None) -> None:
    """Have the hub's account put a copy of `source` in the place of `target`, with that schema.

    migrating_with: the server environment whose JupyterHub brings it there; None where it has that schema already.
    Raises Problem; then nothing has happened to `target`.
    """
    python = system_python() if migrating_with is None else migrating_with / "bin" / "python"
    words: list[str | Path] = [python, "-I", "-", source, target, schema]
    program = (_LIBEXEC / "replace_database.py").read_text(encoding="utf-8")
    try:
        run(
            [*words, *([] if migrating_with is None else ["migrate"])],
            stdin=program,
            user=paths.HUB_USER,
            timeout=LONGEST,
        )
    except CommandFailed as failed:
        said = failed.detail.splitlines()[-1:] or ["it said nothing"]
        doing = "replaced by its copy" if migrating_with is None else f"migrated to the schema {schema}"
        hint = (
            f"make room (df -h {target.parent}), then try again"
            if "full" in said[0]
            else "mend that, then run the same command again; sudo python3 -m installer doctor may know more"
        )
        raise Problem(f"the hub's database can't be {doing}: {said[0]}", hint) from failed


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file of the hub's account, open to be read: a plain one, and no link to another. Raises Problem."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Problem(f"{path} can't be read: {error.strerror}", "see what the hub's account does there") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise Problem(f"{path} is not the plain file that was made there", "see what the hub's account does there")
        yield descriptor
    finally:
        os.close(descriptor)
