"""People of the hub: add, disable, enable, remove; their passwords and groups. Nobody else's server is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands import allowed, native_people, part, user_elsewhere, user_hub, user_lists, user_mentions
from installer.commands import user_accounts as accounts
from installer.commands.situation import unchecked
from installer.engine.executor import Reporter
from installer.host import paths
from installer.host.errors import Problem, UsageProblem
from installer.host.process import run
from installer.hub.names import can_be_made
from installer.resources.secret import new_password


@dataclass(frozen=True)
class Added:
    """What adding somebody came to.

    made: whether the account was made, rather than found. password: the one that was set, if any.
    changed: whether anything was.
    """

    name: str
    made: bool
    changed: bool
    password: str | None = None


def add(name: str, groups: Sequence[str] = (), password: str | None = None, *, once: bool = False) -> Added:
    """Have a person be a member, with an account. Raises Problem.

    password: for an account that has to be made; one that is made up, where None.
    once: whether another has to be chosen at the first login.
    """
    accounts.checked_name(name)
    groups = accounts.checked_groups(groups)
    if accounts.find(name) is None:
        accounts.create(name, groups)
        word = password or new_password()
        accounts.set_passwords({name: word}, once=once)
        return Added(name, made=True, changed=True, password=None if password else word)
    # With names of the hub's own, the account may be there, and no password that is for the hub.
    lacking = native_people.are_kept() and not getattr(native_people.find(name), "approved", False)
    if password is not None and not lacking:
        raise Problem(f"there is an account {name} already, with its password", f"installer user reset-password {name}")
    accounts.existing(name)
    if name in accounts.members(paths.DISABLED_GROUP):
        raise Problem(f"{name} is disabled", f"let them in again: installer user enable {name}")
    changed = [accounts.put_into(group, name) for group in (paths.MEMBERS_GROUP, *groups)]
    if lacking:
        word = password or new_password()
        accounts.set_passwords({name: word}, once=once)
        return Added(name, made=False, changed=True, password=None if password else word)
    return Added(name, made=False, changed=any(changed))


@dataclass(frozen=True)
class Reset:
    """A new password. password: the one that was made up, if any. trouble: why logins with the old one go on, if so."""

    password: str | None
    trouble: Problem | None


def disable(name: str) -> bool:
    """Let somebody in no more, and end their server and logins; account and files stay. Raises Problem.

    Returns whether they were in.
    """
    person = accounts.existing(name)
    _refuse_first_admin(name)
    if name not in accounts.members(paths.MEMBERS_GROUP) | accounts.members(paths.DISABLED_GROUP):
        raise Problem(f"{name} is not a member of {paths.MEMBERS_GROUP}", "see who is: installer user list")
    accounts.put_into(paths.DISABLED_GROUP, name)
    changed = accounts.take_out(paths.MEMBERS_GROUP, name)
    accounts.stop_server(person)
    with user_hub.connect() as hub:
        user_hub.stop(hub, name)
        user_hub.end_logins(hub, name)
    return changed


def _refuse_first_admin(name: str) -> None:
    if name == unchecked().site.admin.name:
        raise Problem(
            f"{name} is the hub's first admin, whom every apply lets in",
            "leave the account, and give it another password: installer user reset-password",
        )


def enable(name: str) -> bool:
    """Let somebody in again. Whether they were out. Raises Problem."""
    accounts.existing(name)
    if name not in accounts.members(paths.DISABLED_GROUP):
        if name in accounts.members(paths.MEMBERS_GROUP):
            return False
        raise Problem(f"{name} was not disabled, but never a member", f"installer user add {name}")
    accounts.put_into(paths.MEMBERS_GROUP, name)
    return accounts.take_out(paths.DISABLED_GROUP, name)


def add_without_password(name: str, groups: Sequence[str]) -> None:
    """Make the account of somebody who logs in elsewhere. Raises Problem."""
    accounts.create(accounts.checked_name(name), accounts.checked_groups(groups))


def reset_password(name: str, password: str | None, *, once: bool = False) -> Reset:
    """Set a password, and end what somebody was logged in by with the old one; servers go on. Raises Problem.

    password: the one that is set; one that is made up, where None. once: whether another has to be chosen at the next
    login.
    """
    word = password or new_password()
    # Of the hub's own names, somebody may not have been here yet.
    if accounts.find(name) is not None or native_people.find(name) is None:
        person = accounts.existing(name)
        if name not in accounts.members(paths.MEMBERS_GROUP) | accounts.members(paths.DISABLED_GROUP):
            raise Problem(
                f"{name} is not a member of {paths.MEMBERS_GROUP}", f"set it by hand: sudo passwd {person.name}"
            )
    accounts.set_passwords({name: word}, once=once)
    return Reset(None if password else word, _trouble_ending_logins(name))


def _trouble_ending_logins(name: str) -> Problem | None:
    """End them; why that can't be, since a password that was made up has to be shown all the same."""
    try:
        with user_hub.connect() as hub:
            user_hub.end_logins(hub, name)
    except Problem as trouble:
        return Problem(
            f"{name} has the new password, and who is logged in stays so: {trouble.what}",
            f"once the hub answers: sudo python3 -m installer user reset-password {name}",
        )
    return None


@dataclass(frozen=True)
class Removed:
    """What is left of somebody. home: whether theirs is. coming_back: why they get in again, a sentence each."""

    home: bool
    coming_back: tuple[str, ...]


def remove(name: str, by: str, told: Reporter, *, archive: Path | None = None, delete_home: bool = False) -> Removed:
    """Take somebody away: server, what the hub has of them, account, their lines in the lists. Raises Problem.

    archive: where the home goes before it is deleted.
    """
    if archive is not None and (archive.exists() or not archive.parent.is_dir()):
        what = "is there already" if archive.exists() else "would be in a directory that isn't there"
        raise UsageProblem(f"{archive} {what}", "give the name of a new file, in a directory that is there")
    person = accounts.find(name)
    wanted, has_home = archive is not None or delete_home, False
    if person is not None:
        accounts.existing(name)
        _refuse_first_admin(name)
        has_home = accounts.checked_home(person) if wanted else person.home.exists()
    # An admin who is named there is made anew when the hub starts; limits for nobody are refused. Unchecked: what is
    # said there of an account that was deleted by hand is to go as well.
    situation = unchecked()
    auth = situation.site.config.auth
    without = user_mentions.given(situation, accounts.checked_name(name), None)
    identities = user_elsewhere.identities(auth, name)
    struck = user_mentions.bring_about(situation, user_mentions.edit_of(without, f"user {name}: removed", by), told)
    with user_hub.connect() as hub:
        if person is None:
            found = [struck, native_people.forget(name), user_elsewhere.strike(auth, name, identities)]
            if not user_hub.forget(hub, name) and not any(found):
                raise Problem(f"there is no account {name!r}, and the hub knows nobody of that name",
                              "see who there is: installer user list")  # fmt: skip
            allowed.disown(name)
            return Removed(home=False, coming_back=user_elsewhere.still_let_in(auth, identities))
        # Before anything is changed: it may be away.
        user_hub.knows(hub, name)
        # From here on nobody of that name gets in; what is stopped stays so.
        for group in (paths.MEMBERS_GROUP, paths.DISABLED_GROUP):
            accounts.take_out(group, name)
        user_hub.forget(hub, name)
    accounts.stop_server(person)
    if has_home and archive is not None:
        accounts.end_all(person)
        accounts.archive_home(person, archive)
    if has_home and wanted:
        accounts.end_all(person)
        accounts.delete_home(person)
    # By now nothing keeps the account; while it was there, it kept them from having another one made.
    user_elsewhere.strike(auth, name, identities)
    accounts.delete(person)
    # Or whoever gets an account of that name one day would have it taken by the one who had it before.
    allowed.disown(name)
    return Removed(home=has_home and not wanted, coming_back=user_elsewhere.still_let_in(auth, identities))


def rename(name: str, new: str, by: str, told: Reporter) -> None:
    """Give somebody another name. Their server is ended, and what the hub has of the old name goes. Raises Problem."""
    person = accounts.existing(name)
    accounts.checked_name(new)
    situation = unchecked()
    site = situation.site
    _refuse_first_admin(name)
    if person.gid == accounts.gid_of(paths.ACCOUNTS_GROUP) and name not in allowed.owners():
        raise Problem(
            f"the account {name} was made for who logs in under that name", "change the name where they log in"
        )
    if person.gid == accounts.gid_of(paths.ACCOUNTS_GROUP) and not can_be_made(new):
        raise Problem(
            f"the account {name} is one of the hub's making, and it lets nobody in as {new[:64]}",
            "lower-case letters, digits, - and _, a letter first, at most 31; none that the system or its packages use",
        )
    if name not in accounts.members(paths.MEMBERS_GROUP):
        raise Problem(f"{name} is not a member of {paths.MEMBERS_GROUP}", "see who is: installer user list")
    user_mentions.refuse(site.config, name, new)
    renamed = user_mentions.edit_of(user_mentions.given(situation, name, new), f"user {name}: {new} now", by)
    accounts.refuse_taken(new)
    accounts.checked_home(person)
    if renamed.text != situation.config_text:
        # It comes last, when what is named there exists; whatever is in its way has to be told before the rest.
        part.refuse_impossible(situation, renamed)
    with user_hub.connect() as hub:
        user_hub.knows(hub, new)
        # First: a hub that forgets somebody forgets their password, too.
        native_people.rename(name, new)
        accounts.take_out(paths.MEMBERS_GROUP, name)
        user_hub.forget(hub, name)
    accounts.stop_server(person)
    try:
        accounts.rename(person, new)
        if native_people.are_kept():
            allowed.disown(name)  # there the name is all that somebody is known by, and the uid what is theirs
        else:
            allowed.hand_over(name, new)
        if site.config.auth.names.map:
            user_lists.rename_account(Path(site.config.auth.names.map), name, new)
    finally:
        if accounts.find(new) is None:
            native_people.rename(new, name)
        accounts.put_into(paths.MEMBERS_GROUP, new if accounts.find(new) else name)
    user_mentions.bring_about(situation, renamed, told)


def group_add(group: str, names: Sequence[str]) -> list[str]:
    """Put people into a group, which is made where there is none. Returns who was not in it. Raises Problem."""
    accounts.checked_groups([group], made=True)
    people = [accounts.existing(name).name for name in names]
    if accounts.gid_of(group) is None:
        run(["groupadd", group])
    return [name for name in people if accounts.put_into(group, name)]


def group_remove(group: str, names: Sequence[str]) -> list[str]:
    """Take people out of a group. Returns who was in it. Raises Problem."""
    accounts.checked_groups([group])
    people = [accounts.existing(name).name for name in names]
    return [name for name in people if accounts.take_out(group, name)]
