"""Puts a new database in the hub's database's place: a copy of one, brought to the schema of this Python's JupyterHub.

usage: python -I - SOURCE TARGET SCHEMA [migrate] < this file      (as the hub's account)

SOURCE may be TARGET. What is there stays as it is until the new one is complete and on the disk; then it is replaced in
one step. With `migrate` it takes the Python of a server environment, else any: then SOURCE has to have that SCHEMA.

Never as root: the hub's account can put anything in the place of its database, and a journal beside it that has
SQLite write and delete where it says.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


def replace(source: Path, target: Path, schema: str, *, migrating: bool) -> None:
    """Make it beside, and rename it into place. Raises ValueError, OSError, and what SQLite and a migration do."""
    new = target.with_name(f".{target.name}.new")
    beside = [new.with_name(f"{new.name}{end}") for end in ("", "-journal", "-wal", "-shm")]
    try:
        for stale in beside:
            stale.unlink(missing_ok=True)
        copy(source, new)
        if migrating:
            migrate(new)
        check(new, schema)
        with new.open("rb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            os.fsync(stream.fileno())
        # A journal of the one that was here would be played into the new one.
        for end in ("-journal", "-wal", "-shm"):
            target.with_name(f"{target.name}{end}").unlink(missing_ok=True)
        new.replace(target)
    except BaseException:
        for half in beside:
            half.unlink(missing_ok=True)
        raise
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def copy(source: Path, new: Path) -> None:
    """Copy a database, with what is still in its journal."""
    with (
        closing(sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True, timeout=60)) as old,
        closing(sqlite3.connect(new)) as made,
    ):
        old.backup(made, pages=-1)
        made.execute("PRAGMA journal_mode=DELETE")


def migrate(database: Path) -> None:
    """What `jupyterhub upgrade-db` does, without its own copy, and without the hub's configuration."""
    from alembic import command  # noqa: PLC0415 - the system's Python hasn't these
    from alembic.config import Config  # noqa: PLC0415
    from jupyterhub.dbutil import write_alembic_ini  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as directory:
        ini = Path(directory, "alembic.ini")
        write_alembic_ini(ini, f"sqlite:///{database}")
        command.upgrade(Config(str(ini)), "head")


def check(database: Path, schema: str) -> None:
    """Raise ValueError where it is damaged, or has another schema."""
    with closing(sqlite3.connect(database)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
        has = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if found != ["ok"]:
        raise ValueError(f"the database is damaged: {found[0]}")
    if has is None or has[0] != schema:
        raise ValueError(f"it has the schema {has[0] if has else 'of no version'} then, not {schema}")


def main(source: str, target: str, schema: str, *how: str) -> int:
    """Do it; returns the exit code."""
    try:
        replace(Path(source), Path(target), schema, migrating="migrate" in how)
    except Exception as error:  # noqa: BLE001 - a migration is anybody's code, and one line has to do
        # SQLAlchemy's first line says what; the rest is the statement.
        sys.stderr.write(f"{str(error).splitlines()[0] if str(error) else type(error).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
