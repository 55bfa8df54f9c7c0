"""Prints as JSON what the hub's database has learned since a moment: what would be lost with a copy of that time.

usage: python3 -I - DATABASE SINCE < this file      (as the hub's account; SINCE in UTC, as SQLite writes it)
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from urllib.parse import quote


def main(database: str, since: str) -> int:
    """Look; returns the exit code."""
    try:
        with closing(sqlite3.connect(f"file:{quote(database)}?mode=rw", uri=True, timeout=20)) as connection:
            users = connection.execute("SELECT name FROM users WHERE created > ? ORDER BY name", [since]).fetchall()
            tokens = connection.execute("SELECT count(*) FROM api_tokens WHERE created > ?", [since]).fetchone()
            servers = connection.execute(
                "SELECT users.name FROM spawners JOIN users ON users.id = spawners.user_id "
                "WHERE spawners.server_id IS NOT NULL AND spawners.started > ? ORDER BY users.name",
                [since],
            ).fetchall()
    except sqlite3.Error as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = {"users": [row[0] for row in users], "tokens": tokens[0], "servers": [row[0] for row in servers]}
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
