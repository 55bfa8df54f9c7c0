"""What all checks start from: the config and what earlier runs did, as far as they can be read."""

from __future__ import annotations

import grp
import pwd
from dataclasses import dataclass

from installer.commands.situation import Situation, seen
from installer.config.load import load_file
from installer.engine.store import Store
from installer.host import paths
from installer.host.errors import Problem
from installer.host.invoker import groups_of
from installer.resources.kinds import KINDS


@dataclass(frozen=True)
class Server:
    """One machine, and what is to be on it.

    situation: None where it can't be known; trouble: why.
    begun: whether any apply has changed anything here, be it that it was killed.
    """

    situation: Situation | None
    trouble: Problem | None
    begun: bool

    @property
    def known(self) -> Situation:
        """The situation. Raises the Problem for which there is none."""
        if self.situation is None:
            raise self.trouble or Problem("nothing is known of this server", "run: sudo python3 -m installer plan")
        return self.situation


def look() -> Server:
    """Read the config and the state; whatever is wrong with them is kept, not raised."""
    begun = _begun()
    try:
        return Server(seen(load_file(paths.CONFIG_FILE)), None, begun)
    except Problem as problem:
        return Server(None, problem, begun)


def _begun() -> bool:
    store = Store(paths.INSTALLER_STATE, KINDS)
    try:
        return bool(store.numbers() or store.interrupted())
    except (Problem, OSError):
        return True


@dataclass(frozen=True)
class Member:
    """Somebody in the group of those who may log in; entry is None where there is no such account."""

    name: str
    entry: pwd.struct_passwd | None
    groups: frozenset[str]


def members() -> list[Member]:
    """Everybody in the members' group, by their name. Raises KeyError where there is no such group."""
    group = grp.getgrnam(paths.MEMBERS_GROUP)
    primary = [entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == group.gr_gid]
    return [_member(name) for name in sorted({*group.gr_mem, *primary})]


def _member(name: str) -> Member:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return Member(name, None, frozenset())
    return Member(name, entry, frozenset(groups_of(name, entry.pw_gid)))
