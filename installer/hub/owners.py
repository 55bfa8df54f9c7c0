"""Who has which account, by the names that they had at the login provider when they were let in last.

Run as the hub's account. The answer goes to standard output, as JSON.

usage: python -I -m installer.hub.owners DATABASE
       python -I -m installer.hub.owners --moved ACCOUNT NEW DATABASE     (the account has another name now)
       python -I -m installer.hub.owners --gone ACCOUNT DATABASE          (there is no such account any more)
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

SECONDS = 10
"""How long the hub may be at work in its database."""

LDAP = "ldap"
"""What a directory is noted as."""

THEIRS = """
(provider = :provider OR (:provider = 'ldap' AND (provider LIKE 'ldap://%' OR provider LIKE 'ldaps://%')))
"""
"""Rows of one provider; a directory was noted by its address once."""


def owners(database: str) -> dict[str, str]:
    """The name for each account; none where nobody has come from a provider yet."""
    with _table(database, "ro") as line:
        return {} if line is None else dict(line.execute("SELECT account, name FROM installer_identities"))


def owners_at(database: str, provider: str) -> dict[str, str]:
    """The same, of those alone who have come from one provider."""
    with _table(database, "ro") as line:
        wanted = f"SELECT account, name FROM installer_identities WHERE {THEIRS}"  # noqa: S608 - ours
        return {} if line is None else dict(line.execute(wanted, {"provider": provider}))


def moved(database: str, account: str, new: str) -> None:
    """Whose the one account was, that one's is the other now."""
    with _table(database, "rw") as line:
        if line is not None:
            # One of that name there may have been before, whose account has gone.
            line.execute("DELETE FROM installer_identities WHERE account = ?", (new,))
            line.execute("UPDATE installer_identities SET account = ? WHERE account = ?", (new, account))


def gone(database: str, account: str) -> None:
    """The account is nobody's."""
    with _table(database, "rw") as line:
        if line is not None:
            line.execute("DELETE FROM installer_identities WHERE account = ?", (account,))


@contextmanager
def _table(database: str, mode: str) -> Iterator[sqlite3.Connection | None]:
    """The database, where it has that table."""
    if not Path(database).exists():
        yield None
        return
    with closing(sqlite3.connect(f"file:{database}?mode={mode}", uri=True, timeout=SECONDS)) as line, line:
        found = line.execute("SELECT 1 FROM sqlite_master WHERE name = 'installer_identities'").fetchone()
        yield line if found else None


def main() -> None:
    """Do the one thing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--moved", nargs=2, metavar=("ACCOUNT", "NEW"))
    parser.add_argument("--gone", metavar="ACCOUNT")
    parser.add_argument("database")
    given = parser.parse_args()
    if given.moved:
        moved(given.database, *given.moved)
    elif given.gone:
        gone(given.database, given.gone)
    else:
        print(json.dumps(owners(given.database)))  # noqa: T201


if __name__ == "__main__":
    main()
