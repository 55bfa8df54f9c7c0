"""Prints as JSON which schema the hub's database has, and which ones this environment's JupyterHub knows.

python -I database_schema.py DATABASE      (as the hub's user; alembic names schemas by twelve hexadecimal digits)
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import jupyterhub
from alembic.script import ScriptDirectory


def schema_of(database: Path) -> str | None:
    """The schema that a database has; None where there is no database yet, or none that says it."""
    if not database.exists():
        return None
    # Not read-only: a hub that was killed leaves a journal, which only a writer can roll back.
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return str(found[0]) if found else None


def known() -> list[str]:
    """The schemas that this JupyterHub knows, the one that it works with first."""
    scripts = ScriptDirectory(str(Path(jupyterhub.__file__).parent / "alembic"))
    return [script.revision for script in scripts.walk_revisions()]


if __name__ == "__main__":
    json.dump({"database": schema_of(Path(sys.argv[1])), "known": known()}, sys.stdout)
