"""`auth.ldap`: where the directory is, and how people and their groups are found in it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from installer.config.auth_values import Word
from installer.config.ldap_values import DistinguishedName, DistinguishedNameOfOne, LdapFilter, LdapUrl
from installer.config.section import Section, setting
from installer.config.tls_values import Switch
from installer.host import paths

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Ldap(Section):
    """For `ldap`: where the directory is, and how people and their groups are found in it."""

    url: LdapUrl | None = setting(
        None,
        "The server: `ldaps://` with TLS from the start, `ldap://` with StartTLS. Nothing is ever sent in the clear.",
        example="ldaps://ldap.example.org",
        unset="none: needed for ldap",
    )
    plain: Switch = setting(
        False,
        "No TLS with `ldap://`: only where the server is this machine (`localhost`, `127.0.0.1`, `[::1]`).",
        example=False,
    )
    base: DistinguishedName | None = setting(
        None,
        "The entry that people are searched below.",
        example="ou=people,dc=example,dc=org",
        unset="none: needed, or user_dn in its place",
    )
    filter: LdapFilter = setting(
        "(uid={name})",
        "Which entry there is somebody's: `{name}` is what they typed. Whom it doesn't find doesn't get in.",
        example="(&(uid={name})(objectClass=person))",
    )
    user_dn: DistinguishedNameOfOne | None = setting(
        None,
        "Where everybody's entry has a place that follows from their name: that place, in place of `base` and "
        "`filter`. Without a `bind_dn`, people have to log in anew once a day.",
        example="uid={name},ou=people,dc=example,dc=org",
        unset="none: people are searched",
    )
    bind_dn: DistinguishedName | None = setting(
        None,
        f"Whom the hub logs in as to search. The password is put into `{paths.LDAP_PASSWORD}`.",
        example="cn=jupyterhub,ou=services,dc=example,dc=org",
        unset="nobody: it searches without logging in",
    )
    name_attribute: Word = setting(
        "uid", "What of an entry is somebody's name; for Active Directory `sAMAccountName`.", example="uid"
    )
    groups_base: DistinguishedName | None = setting(
        None,
        "The entry that groups are searched below. They go by their `cn`, and have people as `member`, `uniqueMember` "
        "or `memberUid`.",
        example="ou=groups,dc=example,dc=org",
        unset="that of base",
    )
    accounts: Literal["create", "existing"] = setting(
        "create",
        "`create` makes a Linux account for whoever is let in and has none. With `existing`, the machine knows the "
        f"directory's accounts itself (sssd, nslcd): people get the one of their name, if it is in "
        f"`{paths.MEMBERS_GROUP}`.",
        example="existing",
    )

    @property
    def missing(self) -> tuple[str, str] | None:
        """The first key that is wanting or one too many, with what is expected; None where it can be worked with."""
        if self.url is None:
            return "without ldap.url", "ldap: {url: ...} beside it"
        if self.plain and (self.url.startswith("ldaps:") or urlsplit(self.url).hostname not in _LOOPBACK):
            return "with ldap.plain for a server that is not this machine", "ldap.plain: false"
        if (self.base is None) == (self.user_dn is None):
            wrong = "without ldap.base" if self.base is None else "with both ldap.base and ldap.user_dn"
            return wrong, "one of ldap.base and ldap.user_dn"
        return None

    @property
    def searches_groups(self) -> bool:
        """Whether groups can be found."""
        return self.groups_base is not None or self.base is not None
