"""Who ran sudo, and whether that account may be made a hub admin."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from installer.host.paths import FIRST_PERSON_UID
from installer.host.process import run

_SHADOW = Path("/etc/shadow")
AS_GOOD_AS_ROOT = ("docker", "lxd", "incus-admin", "libvirt", "disk")
"""Groups of Debian and Ubuntu whose members become root without a password (disk: base-passwd's users-and-groups)."""


@dataclass(frozen=True)
class Invoker:
    """The person behind this run.

    name: None for root itself.
    unfit: why the account can't be a hub admin (one clause), None where it can.
    """

    name: str | None
    unfit: str | None


def asking() -> str:
    """The account that ran sudo, or root, for the records."""
    name = os.environ.get("SUDO_USER", "")
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return "root"


def invoker() -> Invoker:
    """Look at SUDO_USER. Reads only, except that sudo is asked (and logs) whether it wants a password."""
    name = os.environ.get("SUDO_USER", "")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return Invoker(None, "nobody ran sudo")
    if entry.pw_uid < FIRST_PERSON_UID:
        return Invoker(None, f"{name} is a system account")
    if not has_password(name):
        return Invoker(name, f"{name} has no password to log in with")
    if sudo_without_password(name):
        return Invoker(name, f"{name} may use sudo without a password: whoever broke into the hub would be root")
    powerful = groups_of(name, entry.pw_gid).intersection(AS_GOOD_AS_ROOT)
    if powerful:
        group = min(powerful)
        return Invoker(name, f"{name} is in the group {group}: whoever broke into the hub could become root by it")
    return Invoker(name, None)


def groups_of(name: str, primary: int) -> set[str]:
    """The names of all groups that an account is in; a group without a name has no power here."""
    named = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    return {named[gid] for gid in os.getgrouplist(name, primary) if gid in named}


def has_password(name: str) -> bool:
    """Whether the account has a password hash of its own, or none here at all because a directory service keeps it."""
    field = password_field(name)
    # shadow(5): "!" or "*" in front is no valid hash; an empty field is no password.
    return field is None or field[:1] not in {"", "!", "*"}


def password_field(name: str) -> str | None:
    """The second field of the account's line in /etc/shadow, None where there is no such line."""
    for line in _SHADOW.read_text(encoding="utf-8", errors="replace").splitlines():
        account, _, rest = line.partition(":")
        if account == name:
            return rest.partition(":")[0]
    return None


def sudo_without_password(name: str) -> bool:
    """Whether sudo lets the account run anything without asking: seen in its rules, or by trying it."""
    if "NOPASSWD" in run(["sudo", "-l", "-U", name], check=False).stdout:
        return True
    # Rules may come from places that -l -U doesn't show under every sudo; -k: a cached ticket doesn't count.
    return run(["sudo", "-k", "-n", "true"], user=name, check=False).ok
