"""How somebody's name at a login provider becomes the name of a Linux account. Pure; nothing is looked up.

Never are two names given one account: what useradd takes as it is stays as it is, all else becomes a name that can be
read, with a digest of the whole at its end.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST = 31
"""One less than useradd's limit, as userdel, ps and others go about it."""

_FIT = re.compile(rf"[a-z][a-z0-9-]{{0,{LONGEST - 1}}}")
_DIGEST = 8
_MADE = re.compile(rf".*-x[a-z2-7]{{{_DIGEST}}}")
"""A name with a digest: none but ours may look like that, or somebody could call themselves what another is called."""

_DISTRIBUTIONS = """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody messagebus sshd
    syslog polkitd avahi rtkit colord pulse dnsmasq uuidd tcpdump tss landscape fwupd-refresh usbmux lxd
    adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev
    staff users nogroup input sgx kvm render crontab netdev admin wheel docker libvirt ssl-cert
"""
_PACKAGES = """
    postgres mysql mariadb mongodb redis memcache nginx apache httpd postfix dovecot exim bind named ntp chrony
    slurm munge ldap openldap sssd git gitlab jenkins tomcat elasticsearch rabbitmq grafana prometheus haproxy caddy
    jupyter jupyterhub hubadmin
"""
SYSTEM = frozenset((*_DISTRIBUTIONS.split(), *_PACKAGES.split()))
"""Accounts and groups that distributions and well-known packages have, or would take if they found them there."""

_SYSTEM_BEGINNINGS = ("systemd-", "jupyterhub-", "_")


class NoAccount(Exception):  # noqa: N818 - an answer, not an error
    """There is no account for that name; the message says why, in one line."""


@dataclass(frozen=True)
class Naming:
    """The one rule.

    fold: whether names that differ in case alone are one. prefix: what all begin with. domain: the one that is cut off.
    mapped: accounts that are given by name.
    """

    fold: bool = True
    prefix: str = ""
    domain: str = ""
    mapped: Mapping[str, str] = field(default_factory=dict)

    def folded(self, name: str) -> str:
        """A name as it is compared with others."""
        return folded(name, fold=self.fold)


def folded(name: str, *, fold: bool) -> str:
    """A name as it is compared with others. fold: whether case counts for nothing."""
    plain = unicodedata.normalize("NFC", name)
    return plain.lower() if fold else plain


def is_mapped(name: str, naming: Naming) -> bool:
    """Whether the file of names has somebody."""
    return naming.folded(name) in {naming.folded(there) for there in naming.mapped}


def account_of(name: str, naming: Naming) -> str:
    """The account's name. Raises NoAccount."""
    wanted = naming.folded(name)
    mapped = {naming.folded(there): account for there, account in naming.mapped.items()}
    if wanted in mapped:
        return mapped[wanted]
    account = _by_rule(wanted, naming)
    if account in mapped.values():
        raise NoAccount(f"the account {account} is somebody else's, in the file of names")
    return account


def _by_rule(name: str, naming: Naming) -> str:
    wanted = name
    if naming.domain:
        local, at, domain = name.rpartition("@")
        if not at or domain.lower() != naming.domain or not local:
            raise NoAccount(f"only names of @{naming.domain} have accounts here")
        wanted = local
    account = naming.prefix + wanted
    if is_systems(account):
        raise NoAccount(f"{account} is a name of the system's")
    if _FIT.fullmatch(account) and not _MADE.fullmatch(account) and not account.endswith("-"):
        return account
    return _made(naming.prefix, wanted)


def is_systems(account: str) -> bool:
    """Whether a name is one that the system has, or may come to have, for itself."""
    possible = re.fullmatch(r"[a-z_][a-z0-9_-]*", account) is not None
    return account in SYSTEM or (possible and account.startswith(_SYSTEM_BEGINNINGS))


def _made(prefix: str, wanted: str) -> str:
    """A name that can be read, and is nobody else's: what is left of the letters, and a digest of all."""
    digest = base64.b32encode(hashlib.sha256(wanted.encode()).digest()).decode().lower()[:_DIGEST]
    plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode().lower()
    readable = prefix + re.sub("[^a-z0-9]+", "-", plain).strip("-")
    if not readable[:1].isalpha():
        readable = f"u-{readable}" if readable else "u"
    return f"{readable[: LONGEST - _DIGEST - 2].rstrip('-')}-x{digest}"


def read_map(text: str, *, fold: bool = True) -> dict[str, str]:
    """Names and their accounts, out of the text of a file. Raises ValueError with the line.

    fold: whether names that differ in case alone are one.
    """
    mapped: dict[str, str] = {}
    names: dict[str, str] = {}
    # Editors put a byte order mark in front: it is no part of the first name.
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2:  # noqa: PLR2004 - a pair
            raise ValueError(f"line {number}: expected a name and an account, found {line.strip()!r}")
        name, account = words
        if not re.fullmatch(r"[a-z_][a-z0-9_.-]{0,31}", account) or account == "root":
            raise ValueError(f"line {number}: {account!r} is not the name of a person's account")
        other = names.setdefault(folded(name, fold=fold), name)
        if name in mapped or account in mapped.values():
            raise ValueError(f"line {number}: {name if name in mapped else account} is there twice")
        if other != name:
            # One of the two accounts it would be, and nobody could say which.
            raise ValueError(f"line {number}: {name} is the same name as {other} (auth.names.rule)")
        mapped[name] = account
    return mapped
