"""Who gets in, and why: the one place that decides. Pure; asked at every login, and by `installer user allowed`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from installer.hub.names import Naming, is_systems

FIRST_PERSON = 1000
"""Lower uids are root's and the accounts' of services (UID_MIN of login.defs)."""

_SYSTEMDS_AND_NOBODYS = range(61184, 65536)
"""What systemd gives to units for as long as they run, and nobody."""


@dataclass(frozen=True)
class Rules:
    """What the config says of it, and the file of names that it leads to.

    listed: the people of that file; whether each is an admin. admins: accounts. members: whether all are let in whom
    the password check takes (`pam`, with no other rule). approval: whether an administrator's word for each is what
    lets people in (`native`).
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    email_domains: frozenset[str] = frozenset()
    admin_groups: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    listed: Mapping[str, bool] = field(default_factory=dict)
    everybody: bool = False
    members: bool = False
    approval: bool = False
    workspaces: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody who has shown who they are.

    name: at the provider. account: here. uid: that account's, None where there is none yet. emails: verified ones.
    unverified: those that the provider only repeats. before: the name that they were let in by last; "" where never.
    workspace: the domain of the organisation that manages the person's account at Google.
    approved: whether an administrator has let them in. added: whether with the very account that they have here.
    """

    name: str
    account: str
    uid: int | None = None
    groups: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    unverified: frozenset[str] = frozenset()
    before: str = ""
    workspace: str = ""
    approved: bool = False
    added: bool = False


@dataclass(frozen=True)
class Decision:
    """What comes of it. why: one line. named: whether it is for the name itself, not for what the person belongs to."""

    allowed: bool
    why: str
    admin: bool = False
    named: bool = False


def decide(person: Person, rules: Rules, naming: Naming) -> Decision:
    """Hold a person against the rules."""
    if _is_systems(person):
        return Decision(allowed=False, why=f"{person.account} is root or an account of the system's")
    # Broader than the rules that let somebody in: a block that a capital letter, or a new name, gets around would be
    # none. An address counts unverified, too: at worst people shut themselves out.
    theirs = {person.name, person.before, person.account, *person.emails, *person.unverified} - {""}
    if {word.casefold() for word in theirs} & {name.casefold() for name in rules.blocked}:
        return Decision(allowed=False, why="blocked (auth.blocked)")
    why, named = _let_in(person, rules, naming)
    if not why and rules.approval:
        return Decision(allowed=False, why="no administrator has let them in (installer user approve, or add)")
    if not why:
        return Decision(allowed=False, why="no rule of auth.allow lets them in")
    return Decision(allowed=True, why=why, admin=_is_admin(person, rules, naming), named=named)


def _is_systems(person: Person) -> bool:
    if person.uid is None:
        return is_systems(person.account)
    return person.uid < FIRST_PERSON or person.uid in _SYSTEMDS_AND_NOBODYS


def _let_in(person: Person, rules: Rules, naming: Naming) -> tuple[str, bool]:
    """The first rule that lets a person in, and whether it names them; "" where none does."""
    name = naming.folded(person.name)
    groups = rules.groups & person.groups
    organizations = _shared(rules.organizations, person.organizations)
    domain = _domain(person, rules)
    found = (
        (name in {naming.folded(user) for user in rules.users}, "named in auth.allow.users", True),
        (name in {naming.folded(user) for user in rules.listed}, "named in the file of auth.allow.file", True),
        (groups, f"in the group {min(groups, default='')} (auth.allow.groups)", False),
        (organizations, f"in {min(organizations, default='')} (auth.allow.organizations)", False),
        (domain, f"of {domain} (auth.allow.email_domains)", False),
        (rules.everybody, "everybody is let in (auth.allow.all)", False),
        (rules.members, "a member of the group that may use the hub", False),
        (rules.approval and person.approved, "an administrator has let them in", person.added),
    )
    return next(((why, named) for fits, why, named in found if fits), ("", False))


def _shared(one: frozenset[str], other: frozenset[str]) -> set[str]:
    """What both have, as GitHub compares names."""
    return {name.lower() for name in one} & {name.lower() for name in other}


def _domain(person: Person, rules: Rules) -> str:
    # Anybody can have an address of a company as that of a private account at Google, and keeps it on leaving.
    if rules.workspaces:
        return person.workspace if person.workspace in rules.email_domains else ""
    found = {email.rpartition("@")[2].lower() for email in person.emails if "@" in email} & rules.email_domains
    return min(found, default="")


def _is_admin(person: Person, rules: Rules, naming: Naming) -> bool:
    listed = {naming.folded(name) for name, admin in rules.listed.items() if admin}
    return bool(
        person.account in rules.admins or naming.folded(person.name) in listed or rules.admin_groups & person.groups
    )


def read_list(text: str) -> dict[str, bool]:
    """People, and whether each is an admin, out of the text of a file: a name a line, `admin` behind it.

    Raises ValueError with the line.
    """
    listed: dict[str, bool] = {}
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        words = re.split(r"[ \t]#|^#", line)[0].split()
        if not words:
            continue
        if words[1:] not in ([], ["admin"]):
            raise ValueError(f"line {number}: expected a name, or a name and admin, found {line.strip()!r}")
        listed[words[0]] = listed.get(words[0], False) or bool(words[1:])
    return listed
