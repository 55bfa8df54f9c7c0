"""People: who may log in, and whether they can; who administers the hub."""

from __future__ import annotations

import grp
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from installer.commands import login_provider
from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Member, Server, members
from installer.host import paths
from installer.host.invoker import AS_GOOD_AS_ROOT, has_password, sudo_without_password
from installer.host.paths import FIRST_PERSON_UID

AREA = "people"
_NO_SHELLS = {"nologin", "false", "sync"}
_MAY = {paths.NOTIFY_USER: {"systemd-journal"}}


@dataclass(frozen=True)
class Person:
    """A member as judged. home_is: what is at the path of the home."""

    name: str
    uid: int | None
    shell: str = ""
    home: Path | None = None
    home_is: str = "a directory"
    password: bool = True
    groups: frozenset[str] = frozenset()


def look(server: Server) -> list[Finding]:
    """Look at everybody in the group, and at the accounts of our services."""
    try:
        people = [_person(member) for member in members()]
    except KeyError:
        return [problem(AREA, f"there is no group {paths.MEMBERS_GROUP}: nobody may log in", APPLY)]
    site = server.situation.site if server.situation else None
    if site is not None and not site.checks_passwords:
        people = [replace(person, password=True) for person in people]  # of another kind than the account's
    missing = login_provider.groups_not_here(site) if site is not None else ()
    return judge(people, site.admin_users if site else (), _groups_of_services(), missing)


def look_deep(_: Server) -> list[Finding]:
    """Ask sudo of every member, which takes a while where there are many."""
    entries = [member for member in members() if member.entry is not None]
    return judge_sudo([member.name for member in entries if sudo_without_password(member.name)])


def judge_sudo(unasked: Sequence[str]) -> list[Finding]:
    """Judge members whom sudo lets do something without a password: the hub starts programs as members."""
    return [
        warning(
            AREA,
            f"{name} may use sudo without a password: whoever breaks into the hub becomes root by that",
            f"take the rule out (sudo visudo), or: sudo gpasswd --delete {name} {paths.MEMBERS_GROUP}",
        )
        for name in unasked
    ] or [ok(AREA, "no member may use sudo without a password")]


def judge(
    people: Sequence[Person], admins: Sequence[str], services: Mapping[str, set[str]], missing: Sequence[str] = ()
) -> list[Finding]:
    """Judge them. services: for the account of each service, the groups that it is in besides its own.

    missing: groups that auth.allow names, and that this machine doesn't have.
    """
    found = [finding for person in people for finding in _judged(person)]
    names = {person.name for person in people}
    group = paths.MEMBERS_GROUP
    if not people:
        found.append(
            problem(
                AREA,
                f"nobody is in {group}, and so nobody may log in",
                "add the first: sudo python3 -m installer user add NAME",
            )
        )
    for admin in admins:
        if admin not in names:
            what = f"{admin} administers the hub, and can't log in: not in {group}"
            found.append(warning(AREA, what, f"sudo gpasswd --add {admin} {group}"))
    for account, groups in services.items():
        for extra in sorted(groups):
            what = f"{account}, an account of the hub's own, is in the group {extra}"
            found.append(problem(AREA, what, f"sudo gpasswd --delete {account} {extra}"))
    for group in missing:
        what = login_provider.no_group(group, "this machine has no such group")
        found.append(warning(AREA, what, f"make it: sudo python3 -m installer user group add {group} NAME"))
    return found or [ok(AREA, f"{len(people)} may log in; admins: {', '.join(admins) or 'none'}")]


def _judged(person: Person) -> list[Finding]:
    out = f"sudo gpasswd --delete {person.name} {paths.MEMBERS_GROUP}"
    who = f"{person.name} is in {paths.MEMBERS_GROUP}"
    if person.uid is None:
        return [warning(AREA, f"{who}, and there is no such account", out)]
    if person.uid < FIRST_PERSON_UID:
        what = f"{who}, and is a system account: the hub may start programs as it"
        return [problem(AREA, what, out)]
    found = []
    if person.name != person.name.lower():
        found.append(warning(AREA, f"{who}, and can't log in: JupyterHub makes all names lower-case", out))
    if not person.password:
        found.append(
            warning(AREA, f"{who}, and can't log in: no password, or a locked one", f"sudo passwd {person.name}")
        )
    if Path(person.shell).name in _NO_SHELLS:
        what = f"{who}, and {person.shell} is no shell: no terminals, and some PAM rules refuse the login"
        found.append(warning(AREA, what, f"sudo usermod --shell /bin/bash {person.name}"))
    if person.home_is == "nothing":
        what = f"{who}, and has no home ({person.home}): no server of theirs starts"
        found.append(problem(AREA, what, f"sudo mkhomedir_helper {person.name} 0077"))
    elif person.home_is == "another's":
        what = f"{person.home} is the home of {person.name}, and belongs to somebody else: no server of theirs starts"
        found.append(problem(AREA, what, f"sudo chown {person.name}: {person.home}"))
    for group in sorted(person.groups.intersection(AS_GOOD_AS_ROOT)):
        what = f"{who}, and in {group}: whoever breaks into the hub can become root by that"
        found.append(warning(AREA, what, f"sudo gpasswd --delete {person.name} {group}"))
    return found


def _person(member: Member) -> Person:
    entry = member.entry
    if entry is None:
        return Person(member.name, None)
    return Person(
        member.name,
        entry.pw_uid,
        entry.pw_shell,
        Path(entry.pw_dir),
        _home_is(Path(entry.pw_dir), entry.pw_uid),
        has_password(member.name),
        member.groups,
    )


def _home_is(home: Path, uid: int) -> str:
    try:
        # Followed: an admin may keep homes behind links; who is asked for is only who it belongs to.
        status = home.stat()
    except FileNotFoundError:
        return "nothing"
    except OSError:
        return "out of sight"  # another machine's, whose root isn't ours
    if not stat.S_ISDIR(status.st_mode):
        return "nothing"
    return "a directory" if status.st_uid == uid else "another's"


def _groups_of_services() -> dict[str, set[str]]:
    return {
        account: {group.gr_name for group in grp.getgrall() if account in group.gr_mem} - _MAY.get(account, set())
        for account in paths.SERVICE_USERS
    }
