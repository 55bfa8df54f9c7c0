"""Prints which schema the hub's database has; nothing where there is none yet, or one that doesn't say.

usage: python3 -I - DATABASE < this file      (as the hub's account; alembic names schemas)
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from urllib.parse import quote


def main(database: str) -> int:
    """Look; returns the exit code."""
    try:
        # Not read-only: a hub that was killed leaves a journal, which only a writer can roll back.
        with closing(sqlite3.connect(f"file:{quote(database)}?mode=rw", uri=True, timeout=20)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    except sqlite3.Error as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{found[0]}\n" if found else "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
