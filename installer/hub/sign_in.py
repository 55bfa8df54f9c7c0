"""What the config says of signing in, as the hub has it: read from the file that the installer writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from installer.hub.names import Naming, read_map
from installer.hub.owners import LDAP
from installer.hub.rules import Rules, read_list

_Read = TypeVar("_Read")


class Unreadable(Exception):  # noqa: N818 - told to a person
    """A file of the admin's can't be used; the message is one line with file, line and reason."""


@dataclass(frozen=True)
class SignIn:
    """The file's contents.

    The lists of people and of names are files of the admin's own: they are read anew at every login.
    """

    settings: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - JSON's
        return self.settings[name]

    @property
    def vouching(self) -> str:
        """Who vouches for people, as it is noted beside whose an account is."""
        if self.settings["provider"] == "ldap":
            # Not by its address: it has many (another port, another domain controller), and its ids are nobody else's.
            return LDAP
        return str(self.settings["issuer"] or self.settings["url"] or self.settings["provider"]).rstrip("/")

    def rules(self) -> Rules:
        """Who gets in. Raises Unreadable."""
        allow = self.settings["allow"]
        file = allow["file"]
        return Rules(
            users=frozenset(allow["users"]),
            groups=frozenset(allow["groups"]),
            organizations=frozenset(allow["organizations"]),
            email_domains=frozenset(allow["email_domains"]),
            admin_groups=frozenset(allow["admin_groups"]),
            blocked=frozenset(self.settings["blocked"]),
            admins=frozenset(self.settings["admins"]),
            listed=_read(Path(file), read_list) if file else {},
            everybody=allow["all"],
            members=self.settings["members"],
            approval=self.settings["provider"] == "native",
            workspaces=self.settings["provider"] == "google",
        )

    def naming(self) -> Naming:
        """As whom. Raises Unreadable."""
        names = self.settings["names"]
        fold = names["rule"] == "lowercase"
        return Naming(
            fold=fold,
            prefix=names["prefix"] or "",
            domain=names["domain"] or "",
            mapped=_read(Path(names["map"]), lambda text: read_map(text, fold=fold)) if names["map"] else {},
        )


def load(file: Path) -> SignIn:
    """Read the file."""
    return SignIn(json.loads(file.read_text(encoding="utf-8")))


def _read(file: Path, reader: Callable[[str], _Read]) -> _Read:
    try:
        return reader(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{file}: not UTF-8") from None
    except ValueError as error:
        raise Unreadable(f"{file}: {error}") from None
