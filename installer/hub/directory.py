"""Ask an LDAP directory whether somebody is who they say they are, and what they belong to. It blocks.

Connections are encrypted and the server's certificate is looked at, unless the config says that the server is this
machine. Referrals are not followed: they would send people's passwords to whom a server names.
"""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ldap3 import ANONYMOUS, BASE, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

SECONDS = 10
"""How long the server may take for one answer; people wait for several."""

LONGEST_NAME = 254

NAME = "{name}"
"""In filters and names of entries: what somebody typed."""

_NOBODY = "jupyterhub-asks-for-nobody"

# RFC 4511, 4.1.9.
_SUCCESS, _SIZE_EXCEEDED, _REFERRAL, _NO_SUCH_OBJECT, _WRONG_PASSWORD = 0, 4, 10, 32, 49
_CLEAR_REFUSED = (8, 13)
_AWAY = (3, 11, 51, 52)
_IDS = ("entryuuid", "objectguid", "nsuniqueid")
"""What a directory never gives to another entry (RFC 4530; Active Directory; 389 Directory Server)."""


class NotThem(Exception):  # noqa: N818 - an answer, not an error
    """Name and password don't go together; the message says why, in one line."""


class Unusable(Exception):  # noqa: N818 - an answer, not an error
    """The password is right, but the directory tells too little of them; the message says what, in one line."""


class Trouble(Exception):  # noqa: N818 - told to a person
    """Nobody can be looked for; the message says why, in one line."""


class Away(Trouble):
    """The server doesn't answer: it may do so later."""


@dataclass(frozen=True)
class Entry:
    """Somebody. identity: the id that never changes."""

    dn: str
    name: str
    identity: str
    groups: frozenset[str]


class _Verified(Tls):  # type: ignore[misc]
    """TLS as the standard library has it by default: ldap3 would take old versions, and compare names by itself."""

    def __init__(self, ca_file: str | None) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context(cafile=ca_file)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401 - ldap3's
        """Encrypt, and see that it is the server that was meant."""
        del do_handshake
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


class Directory:
    """The one that the config names.

    settings: `ldap` of the rules, and `ca_file`. password: that of bind_dn.
    """

    def __init__(self, settings: Mapping[str, Any], ca_file: str | None, password: str) -> None:
        self._settings = settings
        self._ca_file = ca_file
        self._password = password
        self.url = str(settings["url"])

    @property
    def answers_later(self) -> bool:
        """Whether it can be asked about somebody who isn't there to type their password."""
        return bool(self._settings["bind_dn"] or self._settings["base"])

    def log_in(self, name: str, password: str, found_as: Callable[[str], None] = lambda _: None) -> Entry:
        """Who somebody is whose password is right. Raises NotThem, Unusable, Trouble.

        found_as: told which entry it is about, before the password is looked at; what it raises comes through.
        """
        # Without a password, servers take a bind for one of nobody's, and say yes.
        if not password or "\0" in password:
            raise NotThem("an empty password, or one with a NUL in it")
        if self._settings["user_dn"]:
            return self._log_in_at(self._place_of(name), name, password)
        with self._asking() as asking:
            found = self._find(asking, name)
            if found is None:
                raise NotThem("nobody of that name")
            found_as(str(found["dn"]).casefold())
            with _closed(self._connect(found["dn"], password)):
                return self._entry(asking, found)

    def look(self, name: str) -> Entry | None:
        """Who somebody is; None where nobody is called so (any more). Raises NotThem, Unusable, Trouble."""
        with self._asking() as asking:
            found = self._find(asking, name)
            return None if found is None else self._entry(asking, found)

    def check(self) -> None:
        """Whether people can be looked for. Raises Trouble."""
        places = [self._settings[key] for key in ("base", "groups_base") if self._settings[key]]
        with self._asking() as asking:
            for place in places if self.answers_later else ():
                if not self._search(asking, place, BASE, "(objectClass=*)", ["1.1"]):
                    raise Trouble(f"{self.url} has no entry {place}, or doesn't show it to {self._who}")
            if self._settings["base"]:
                self._find(asking, _NOBODY)

    def lacks(self, groups: Sequence[str]) -> list[str]:
        """Those of the groups that nobody is in, as far as is shown: a typing mistake, mostly. Raises Trouble."""
        base = self._settings["groups_base"] or self._settings["base"]
        if not base or not self.answers_later:
            return []
        lacking = []
        with self._asking() as asking:
            for group in groups:
                wanted = f"(&(cn={escape_filter_chars(group)})(|(member=*)(uniqueMember=*)(memberUid=*)))"
                found = self._search(asking, base, SUBTREE, wanted, ["cn"])
                # Directories take names that differ in case alone for one; the rules don't.
                names = {value.decode(errors="replace") for each in found for value in each["raw_attributes"]["cn"]}
                lacking += [] if group in names else [group]
        return lacking

    # --- people ------------------------------------------------------------------------------------

    def _log_in_at(self, place: str, name: str, password: str) -> Entry:
        with _closed(self._connect(place, password)) as theirs:
            if self._settings["bind_dn"]:
                with self._asking() as asking:
                    return self._entry(asking, self._find(asking, name))
            return self._entry(theirs, self._only(theirs, place, BASE, "(objectClass=*)"))

    def _place_of(self, name: str) -> str:
        _refuse_impossible(name)
        return str(self._settings["user_dn"]).replace(NAME, escape_rdn(name))

    def _find(self, asking: Connection, name: str) -> Mapping[str, Any] | None:
        if self._settings["user_dn"]:
            return self._only(asking, self._place_of(name), BASE, "(objectClass=*)")
        _refuse_impossible(name)
        wanted = str(self._settings["filter"]).replace(NAME, escape_filter_chars(name))
        return self._only(asking, self._settings["base"], SUBTREE, wanted)

    def _only(self, asking: Connection, base: str, scope: str, wanted: str) -> Mapping[str, Any] | None:
        """The one entry that is found; None where none is."""
        names = [self._settings["name_attribute"], *_IDS]
        found = self._search(asking, base, scope, wanted, names, most=2)
        if len(found) > 1:
            raise NotThem(f"more than one entry is found by {wanted[:200]!r}")
        return found[0] if found else None

    def _entry(self, asking: Connection, found: Mapping[str, Any] | None) -> Entry:
        """What is told of somebody. Raises Unusable where that is too little."""
        if found is None:
            raise Unusable(f"their entry is not shown to {self._who}")
        told = {name.lower(): values for name, values in found["raw_attributes"].items()}
        names = told.get(str(self._settings["name_attribute"]).lower(), [])
        if len(names) != 1:
            raise Unusable(f"their entry has {len(names)} values of {self._settings['name_attribute']}, not one")
        ids = [(kind, told[kind][0]) for kind in _IDS if told.get(kind)]
        if not ids:
            raise Unusable("their entry is shown without an id that never changes (entryUUID, objectGUID, nsUniqueId)")
        try:
            name = names[0].decode()
        except UnicodeDecodeError:
            raise Unusable(f"their {self._settings['name_attribute']} is not text") from None
        if _impossible(name):
            raise Unusable(f"their {self._settings['name_attribute']} is not a possible name")
        return Entry(found["dn"], name, _identity(*ids[0]), self._groups(asking, found["dn"], name))

    def _groups(self, asking: Connection, dn: str, name: str) -> frozenset[str]:
        base = self._settings["groups_base"] or self._settings["base"]
        if not base:
            return frozenset()
        place, called = escape_filter_chars(dn), escape_filter_chars(name)
        wanted = f"(|(member={place})(uniqueMember={place})(memberUid={called}))"
        found = self._search(asking, base, SUBTREE, wanted, ["cn"])
        names = [value for each in found for value in each["raw_attributes"].get("cn", [])]
        return frozenset(name.decode(errors="replace") for name in names)

    # --- the server --------------------------------------------------------------------------------

    @property
    def _who(self) -> str:
        return str(self._settings["bind_dn"] or "those who don't log in")

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        """A connection to search by. Raises Trouble where there is none to be had."""
        dn = self._settings["bind_dn"]
        try:
            connection = self._connect(dn, self._password)
        except NotThem as why:
            hint = " (is its password right?)" if dn else ""
            raise Trouble(f"{self.url} refuses {self._who}: {why}{hint}") from None
        with _closed(connection):
            yield connection

    def _connect(self, dn: str | None, password: str) -> Connection:
        """A connection as somebody, or as nobody. Raises NotThem where the password isn't theirs, Trouble."""
        with ExitStack() as unless_it_works:
            connection = self._connection(dn, password)
            # Not by `_closed`: what is popped below ends with this block, and a with statement's end with it.
            unless_it_works.callback(_close, connection)
            with _translated(self.url):
                connection.open(read_server_info=False)
                if self.url.startswith("ldap:") and not self._settings["plain"]:
                    connection.start_tls(read_server_info=False)
                connection.bind(read_server_info=False)
            code, said = self._answer_of(connection)
            if code != _SUCCESS:
                raise NotThem("wrong password" if code == _WRONG_PASSWORD else f"the directory says: {said}")
            unless_it_works.pop_all()
        return connection

    def _connection(self, dn: str | None, password: str) -> Connection:
        where = urlsplit(self.url)
        encrypted = where.scheme == "ldaps"
        with _translated(self.url):
            server = Server(
                where.hostname,
                port=where.port or (636 if encrypted else 389),
                use_ssl=encrypted,
                tls=None if self._settings["plain"] else _Verified(self._ca_file),
                get_info=NONE,
                connect_timeout=SECONDS,
            )
            # As bytes, which ldap3 sends as they are: text it would prepare, and of one that is nothing but invisible
            # characters leave an empty password, with which servers say yes to anybody.
            proof = {"user": dn, "password": password.encode(), "authentication": SIMPLE} if dn else {}
            return Connection(
                server,
                **(proof or {"authentication": ANONYMOUS}),
                auto_referrals=False,
                check_names=False,
                read_only=True,
                receive_timeout=SECONDS,
            )

    def _search(
        self, asking: Connection, base: str, scope: str, wanted: str, attributes: list[str], *, most: int = 0
    ) -> list[Mapping[str, Any]]:
        """Entries; none where the base isn't there. most: no more than so many."""
        with _translated(self.url):
            asking.search(base, wanted, scope, attributes=attributes, size_limit=most, time_limit=SECONDS)
        code, said = self._answer_of(asking)
        if code not in (_SUCCESS, _NO_SUCH_OBJECT, _SIZE_EXCEEDED):
            raise Trouble(f"{self.url} doesn't let {self._who} search {base}: {said}")
        return [each for each in asking.response or [] if each["type"] == "searchResEntry"]

    def _answer_of(self, connection: Connection) -> tuple[int, str]:
        """The code and the words of an answer. Raises Trouble for what no password changes."""
        result = connection.result
        code, said = int(result["result"]), " ".join(f"{result['description']} {result['message']}".split())[:200]
        if code in _AWAY:
            raise Away(f"{self.url} can't answer at the moment: {said}")
        if code == _REFERRAL:
            raise Trouble(f"{self.url} refers to another server, which is not asked: name that one in auth.ldap.url")
        if code in _CLEAR_REFUSED:
            raise Trouble(f"{self.url} wants it otherwise: {said}")
        return code, said


def _refuse_impossible(name: str) -> None:
    if _impossible(name):
        raise NotThem("not a possible name")


def _impossible(name: str) -> bool:
    return not name or len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip()


def _identity(kind: str, value: bytes) -> str:
    """An id as text; Active Directory's is binary."""
    if kind == "objectguid" and len(value) == 16:  # noqa: PLR2004 - a UUID's
        return str(uuid.UUID(bytes_le=value))
    return value.decode(errors="backslashreplace")


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Say in one line what went wrong on the way to the server."""
    try:
        yield
    except (LDAPException, OSError) as error:
        said = " ".join(str(error).split())
        if "CERTIFICATE_VERIFY_FAILED" in said:
            why = said.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
            raise Trouble(f"the certificate of {url} is not trusted: {why or 'see auth.ca_file'}") from None
        raise Away(f"{url} doesn't answer: {said[:300] or type(error).__name__}") from None


@contextmanager
def _closed(connection: Connection) -> Iterator[Connection]:
    """A connection that is closed in the end."""
    try:
        yield connection
    finally:
        _close(connection)


def _close(connection: Connection) -> None:
    """End a connection, in good order or not."""
    line = connection.socket
    with suppress(LDAPException, OSError):
        connection.unbind()
    # A line on which something went wrong ldap3 forgets, open as it is.
    if line is not None:
        line.close()
