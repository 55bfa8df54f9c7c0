"""Who has which account, by the names that they had at the login provider when they came for the first time.

Run as the hub's account. The answer goes to standard output, as JSON.

usage: python -I -m installer.hub.owners DATABASE
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def owners(database: str) -> dict[str, str]:
    """The name for each account; none where nobody has come from a provider yet."""
    if not Path(database).exists():
        return {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2)) as line:
        if not line.execute("SELECT 1 FROM sqlite_master WHERE name = 'installer_identities'").fetchone():
            return {}
        return {str(row[0]): str(row[1]) for row in line.execute("SELECT account, name FROM installer_identities")}


if __name__ == "__main__":
    print(json.dumps(owners(sys.argv[1])))  # noqa: T201
