"""Copies the hub's database while the hub is at work, and looks whether the copy is sound.

usage: python3 -I - SOURCE TARGET < this file      (as the hub's account)

Never as root: the hub's account can put anything in the place of its database, and a journal beside it that has
SQLite write and delete where it says.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from urllib.parse import quote


def main(source: str, target: str) -> int:
    """Copy; returns the exit code."""
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(source)}?mode=rw", uri=True, timeout=60)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            # In one go: the hub waits a moment to write, and nothing begins again because it has written.
            live.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=DELETE")
            found = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(5)")]
    except sqlite3.Error as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if found != ["ok"]:
        sys.stderr.write("\n".join([*found, "the database is damaged", ""]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
