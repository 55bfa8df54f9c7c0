"""Whose an account is: the one identity at a login provider that it was given to, by the id that never changes there.

Names at a provider change hands: who gives one up may see it taken by somebody else, and that somebody would find the
account. Kept in the hub's own database, and so in its copies and backups; a row lasts as long as the Linux account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from installer.hub.linux_accounts import uid_of
from installer.hub.owners import LDAP, THEIRS

_LONGEST_NAME = 255
_TABLE = """
CREATE TABLE IF NOT EXISTS installer_identities (
    account VARCHAR(255) PRIMARY KEY,
    provider VARCHAR(500) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    UNIQUE (provider, subject)
)
"""


def as_noted(name: str) -> str:
    """A name at a provider, as long as one can be noted."""
    return name[:_LONGEST_NAME]


@dataclass(frozen=True)
class Identity:
    """Somebody at a login provider, by the id that never changes."""

    provider: str
    subject: str


class Identities:
    """The table, through a session of the hub's database."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - SQLAlchemy's, in whatever version the hub has
        self._session = session
        session.execute(text(_TABLE))
        session.commit()

    def account_of(self, identity: Identity) -> str | None:
        """The account that an identity has, as long as that is there."""
        row = self._row_of(identity)
        return row[0] if row else None

    def name_of(self, identity: Identity) -> str:
        """The name that an identity was let in by last, as long as the account is there; "" where there is none."""
        row = self._row_of(identity)
        return row[1] if row else ""

    def _row_of(self, identity: Identity) -> tuple[str, str] | None:
        wanted = f"SELECT account, name FROM installer_identities WHERE {THEIRS} AND subject = :subject"  # noqa: S608 - ours
        row = self._session.execute(text(wanted), vars(identity)).first()
        return (str(row[0]), str(row[1])) if row and uid_of(row[0]) is not None else None

    def owner_of(self, account: str) -> Identity | None:
        """The identity that has an account, as long as that is there."""
        row = self._session.execute(
            text("SELECT provider, subject FROM installer_identities WHERE account = :account"), {"account": account}
        ).first()
        if row is None or uid_of(account) is None:
            return None
        provider, subject = row
        return Identity(LDAP if provider.startswith(("ldap://", "ldaps://")) else provider, subject)

    def forget(self, account: str) -> None:
        """Note that an account is nobody's."""
        self._session.execute(text("DELETE FROM installer_identities WHERE account = :account"), {"account": account})
        self._session.commit()

    def give(self, account: str, identity: Identity, name: str) -> None:
        """Note that an account is an identity's, who is called so, and nobody else's."""
        row = {"account": account, "name": as_noted(name), **vars(identity)}
        self._session.execute(
            text(
                "DELETE FROM installer_identities WHERE account = :account "  # noqa: S608 - ours
                f"OR ({THEIRS} AND subject = :subject)"
            ),
            row,
        )
        self._session.execute(
            text("INSERT INTO installer_identities VALUES (:account, :provider, :subject, :name)"), row
        )
        self._session.commit()
