"""The people of a hub with names and passwords of its own: who asked to come, who may, what is kept of passwords.

A small database beside the hub's, of the hub's account alone: it doesn't change with JupyterHub's versions, and goes
into backups by itself. Each step is one transaction of milliseconds, be it the hub's or `installer user`'s.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from installer.hub.linux_accounts import uid_of
from installer.hub.rules import Person

MOST_WAITING = 500
"""Requests that may wait at a time: who fills the list up fills no disk."""

_PATIENCE = 5.0
_TABLE = """
CREATE TABLE IF NOT EXISTS people (
    name TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    about TEXT NOT NULL,
    since TEXT NOT NULL,
    approved INTEGER NOT NULL,
    once INTEGER NOT NULL,
    given_uid INTEGER
)
"""
_ONE = "SELECT name, password, about, since, approved, once, given_uid FROM people WHERE name = ?"
_ALL = "SELECT name, password, about, since, approved, once, given_uid FROM people ORDER BY approved, since, name"


class StoreTrouble(Exception):  # noqa: N818 - reads as what it is
    """It can't be read or written; the message is one line that names the file."""


@dataclass(frozen=True)
class Entry:
    """Somebody.

    password: what is kept of it. about: what they said of themselves. since: when they asked, or were added.
    approved: whether an administrator has let them in. once: whether the password has to be changed at the next login.
    given_uid: of the Linux account that an administrator gave them; None where they get a new one.
    """

    name: str
    password: str
    about: str
    since: str
    approved: bool
    once: bool
    given_uid: int | None


class People:
    """The database."""

    def __init__(self, file: Path) -> None:
        self._file = file

    # --- reading ---------------------------------------------------------------------------------
    def find(self, name: str) -> Entry | None:
        """Somebody by name. Raises StoreTrouble."""
        with self._opened() as line:
            row = line.execute(_ONE, (name,)).fetchone()
        return _entry(row) if row else None

    def everybody(self) -> list[Entry]:
        """All of them, who waits longest first. Raises StoreTrouble."""
        with self._opened() as line:
            rows = line.execute(_ALL).fetchall()
        return [_entry(row) for row in rows]

    def waiting(self) -> list[Entry]:
        """Those who asked to come, and have no answer yet. Raises StoreTrouble."""
        return [entry for entry in self.everybody() if not entry.approved]

    # --- who comes -------------------------------------------------------------------------------
    def ask(self, name: str, password: str, about: str) -> bool:
        """Note that somebody wants to come; whether that could be: the name is nobody's yet. Raises StoreTrouble."""
        with self._opened(write=True) as line:
            [many] = line.execute("SELECT count(*) FROM people WHERE NOT approved").fetchone()
            if many >= MOST_WAITING:
                return False
            row = (name, password, about, _now())
            done = line.execute("INSERT OR IGNORE INTO people VALUES (?, ?, ?, ?, 0, 0, NULL)", row)
            return done.rowcount == 1

    def approve(self, names: Sequence[str]) -> list[str]:
        """Let people in who asked; returns who had been waiting. Raises StoreTrouble."""
        return self._each(names, "UPDATE people SET approved = 1 WHERE name = ? AND NOT approved")

    def reject(self, names: Sequence[str]) -> list[str]:
        """Forget people who asked; returns who had been waiting. Raises StoreTrouble."""
        return self._each(names, "DELETE FROM people WHERE name = ? AND NOT approved")

    def forget(self, names: Sequence[str]) -> list[str]:
        """Forget people, whatever became of them; returns who was known. Raises StoreTrouble."""
        return self._each(names, "DELETE FROM people WHERE name = ?")

    def give(self, name: str, password: str, uid: int | None, *, once: bool) -> None:
        """Let somebody in, with a password.

        uid: of the Linux account that they get with it; None leaves that as it is. Raises StoreTrouble.
        """
        with self._opened(write=True) as line:
            line.execute(
                "INSERT INTO people VALUES (?, ?, '', ?, 1, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "password = excluded.password, approved = 1, once = excluded.once, "
                "given_uid = coalesce(excluded.given_uid, given_uid)",
                (name, password, _now(), once, uid),
            )

    def change(self, name: str, password: str) -> bool:
        """Note a password that somebody has chosen; whether they may come. Raises StoreTrouble."""
        words = "UPDATE people SET password = ?, once = 0 WHERE name = ? AND approved"
        with self._opened(write=True) as line:
            return line.execute(words, (password, name)).rowcount == 1

    def rename(self, name: str, new: str, uid: int) -> bool:
        """Give somebody, who has that Linux account, another name; whether they were known. Raises StoreTrouble."""
        with self._opened(write=True) as line:
            line.execute("DELETE FROM people WHERE name = ? AND NOT approved", (new,))
            words = "UPDATE OR IGNORE people SET name = ?, given_uid = ? WHERE name = ?"
            return line.execute(words, (new, uid, name)).rowcount == 1

    def _each(self, names: Sequence[str], words: str) -> list[str]:
        with self._opened(write=True) as line:
            return [name for name in dict.fromkeys(names) if line.execute(words, (name,)).rowcount == 1]

    @contextmanager
    def _opened(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. Whatever goes wrong in it takes all of it back."""
        try:
            # SQLite would make it as the umask has it.
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            address = f"file:{quote(str(self._file))}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)) as line:
                line.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                line.execute(_TABLE)
                yield line
                line.execute("COMMIT")
        except OSError as error:
            raise StoreTrouble(f"{self._file}: {error.strerror}") from None
        except sqlite3.Error as error:
            raise StoreTrouble(f"{self._file}: {error}") from None


def person_of(entry: Entry) -> Person:
    """Somebody as the rules see them."""
    given = entry.given_uid is not None and entry.given_uid == uid_of(entry.name)
    return Person(entry.name, entry.name, approved=entry.approved, added=given)


def _entry(row: tuple[str, str, str, str, int, int, int | None]) -> Entry:
    name, password, about, since, approved, once, given_uid = row
    return Entry(name, password, about, since, bool(approved), bool(once), given_uid)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
