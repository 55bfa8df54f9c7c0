"""Who there is: members, those who are disabled, and whom the hub remembers; together, a line each."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from installer.commands import allowed, disk_quotas, native_people, user_hub
from installer.commands import user_accounts as accounts
from installer.commands.user_hub import Known
from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import run

_DU_SECONDS = 3600.0


@dataclass(frozen=True)
class Line:
    """One of them.

    name: in the hub, and of the account. uid: None where there is no account.
    identity: the name that they came with from the login provider; None where they didn't come from one.
    state: member, disabled, "waiting" (signed up, and nobody has let them in yet), "approved" (and not been here yet),
    or "no member": somebody the hub remembers, who may not log in.
    groups: but for their own, and the hub's. admin, last_activity, server: None where the hub was not to be asked.
    disk: bytes in the home; None where they were not added up, or can't be.
    disk_used, disk_limit: bytes that are theirs on the file system of their home, and that they may have at most; None
    where that has no quotas, or the config limits nobody's disk.
    """

    name: str
    uid: int | None
    state: str
    groups: tuple[str, ...]
    admin: bool | None
    last_activity: str | None
    server: str | None
    home: str | None
    identity: str | None = None
    disk: int | None = None
    disk_used: int | None = None
    disk_limit: int | None = None


def lines(*, disk: bool) -> tuple[list[Line], Problem | None]:
    """All of them, and why the hub could not be asked. Reads only."""
    known: dict[str, Known] = {}
    trouble = None
    try:
        with user_hub.connect() as hub:
            known = {each.name: each for each in user_hub.everybody(hub)}
    except Problem as problem:
        trouble = problem
    identities = allowed.owners()
    inside, outside = accounts.members(paths.MEMBERS_GROUP), accounts.members(paths.DISABLED_GROUP)
    signed_up = {each.name: each for each in native_people.everybody()}
    named = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    found = []
    for name in sorted({*inside, *outside, *known, *signed_up} - {paths.SELFTEST_USER}):
        seen = known.get(name) or Known(name, admin=False, last_activity=None, server="stopped")
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            entry = None
        ours = {paths.MEMBERS_GROUP, paths.DISABLED_GROUP, paths.ACCOUNTS_GROUP, name}
        theirs = {named[gid] for gid in os.getgrouplist(name, entry.pw_gid) if gid in named} if entry else set()
        found.append(
            Line(
                name=name,
                uid=entry and entry.pw_uid,
                state=_state(name, inside, outside, signed_up.get(name)),
                groups=tuple(sorted(theirs - ours)),
                admin=None if trouble else seen.admin,
                last_activity=seen.last_activity,
                server=None if trouble else seen.server,
                home=entry and entry.pw_dir,
                identity=identities.get(name),
            )
        )
    found = _with_quotas(found)
    return (_with_disk(found) if disk else found), trouble


def _state(name: str, inside: frozenset[str], outside: frozenset[str], asked: native_people.Known | None) -> str:
    if name in inside or name in outside:
        return "member" if name in inside else "disabled"
    if asked is None:
        return "no member"
    return "approved" if asked.approved else "waiting"


def _with_quotas(found: Sequence[Line]) -> list[Line]:
    quotas = disk_quotas.of(line.name for line in found if line.uid is not None)
    return [
        replace(line, disk_used=quota.bytes, disk_limit=quota.most) if (quota := quotas.get(line.name)) else line
        for line in found
    ]


def _with_disk(found: Sequence[Line]) -> list[Line]:
    homes = sorted({line.home for line in found if line.home and not Path(line.home).is_symlink()})
    words = ["du", "--summarize", "--one-file-system", "--block-size=1", "--null", "--", *homes]
    told = run(words, check=False, timeout=_DU_SECONDS).stdout if homes else ""
    sizes = {home: int(size) for size, _, home in (line.partition("\t") for line in told.split("\0") if line)}
    return [replace(line, disk=sizes.get(line.home or "")) for line in found]
