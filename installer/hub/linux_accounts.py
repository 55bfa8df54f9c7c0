"""What this machine knows of an account."""

from __future__ import annotations

import grp
import os
import pwd


def uid_of(account: str) -> int | None:
    """The uid of an account of this machine; None where there is no such account."""
    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        return None


def is_group(name: str) -> bool:
    """Whether this machine has a group of that name."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def groups_of(account: str) -> frozenset[str]:
    """The names of the groups that an account is in; none where there is no such account."""
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        return frozenset()
    names = set()
    for number in os.getgrouplist(account, entry.pw_gid):
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(names)


def own_group_of(account: str) -> str:
    """The name of an account's own group; "" where there is none."""
    try:
        return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name
    except KeyError:
        return ""
