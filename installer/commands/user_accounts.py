"""The Linux side of people: their accounts, groups, passwords and homes. Accounts of the system are never touched."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands import native_people
from installer.config.kinds import Unfit
from installer.config.values import account_name
from installer.host import files, paths, uids
from installer.host.errors import Problem, UsageProblem
from installer.host.invoker import AS_GOOD_AS_ROOT, groups_of
from installer.host.process import CommandFailed, run
from installer.resources.leftovers import end_processes

HOMES = Path("/home")
NOBODY = 65534
"""Not a person's, though its number is that high."""

_CLOSED = {
    *AS_GOOD_AS_ROOT, "root", "sudo", "admin", "wheel", "adm", "shadow", "staff", "kmem", "tty", "mail",
    "systemd-journal", paths.NGINX_GROUP, paths.ACCOUNTS_GROUP, *paths.SERVICE_USERS,
}  # fmt: skip
"""Groups that give power over the machine or the hub: their members, and who becomes one, are not this command's."""

_OURS = {paths.MEMBERS_GROUP, paths.DISABLED_GROUP}

_BY_NAME = ("/var/mail", "/var/spool/cron/crontabs", "/var/lib/systemd/linger", "/run/faillock", "/var/lib/faillock")
"""Where the system keeps a file for each account, called like it."""

_SUBORDINATE = {"subuids": Path("/etc/subuid"), "subgids": Path("/etc/subgid")}
"""usermod's options, and the files that they are about."""

_SCRATCH = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - searched, as the person, for what is theirs
HOURS = 3600.0


@dataclass(frozen=True)
class Person:
    """An account that is a person's."""

    name: str
    uid: int
    gid: int
    home: Path


def checked_name(name: str) -> str:
    """A name that an account may have. Raises UsageProblem."""
    try:
        return account_name(name)
    except Unfit as unfit:
        raise UsageProblem(
            f"{name[:64]!r} can't be an account: {unfit}",
            "lower-case letters, digits, _, . and -, at most 32; not digits alone, not the system's",
        ) from None


def find(name: str) -> Person | None:
    """The person's account of that name; None where there is none. Raises Problem where it is the system's."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    if entry.pw_uid < paths.FIRST_PERSON_UID or entry.pw_uid == NOBODY or name in paths.SERVICE_USERS:
        raise Problem(f"{name} is an account of the system's", "give the name of a person's account")
    return Person(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))


def existing(name: str) -> Person:
    """The person's account of that name, which may be changed. Raises Problem."""
    person = find(name)
    if person is None:
        raise Problem(f"there is no account {name[:64]!r}", "see who there is: installer user list")
    powerful = sorted(groups_of(name, person.gid) & _CLOSED - {paths.ACCOUNTS_GROUP})
    if powerful:
        raise Problem(
            f"{name} is in the group {powerful[0]}, and so looks after this machine",
            f"do it by hand if you mean it, or first: sudo gpasswd --delete {name} {powerful[0]}",
        )
    return person


def members(group: str) -> frozenset[str]:
    """Who is in a group; nobody where there is no such group."""
    try:
        return frozenset(grp.getgrnam(group).gr_mem)
    except KeyError:
        return frozenset()


# --- groups --------------------------------------------------------------------------------------
def checked_groups(groups: Iterable[str], *, made: bool = False) -> tuple[str, ...]:
    """Groups that a person may be put into. Raises Problem.

    made: whether those that are not there yet will be.
    """
    given = tuple(dict.fromkeys(groups))
    for group in given:
        if group in _CLOSED:
            raise Problem(f"the group {group} gives power over this machine", "do that by hand if you mean it: gpasswd")
        if group in _OURS:
            raise Problem(f"the group {group} is the hub's own", "see: installer user enable, installer user disable")
        try:
            checked_name(group)
        except UsageProblem as bad:
            raise UsageProblem(bad.what.replace("an account", "a group"), bad.hint) from None
        try:
            grp.getgrnam(group)
        except KeyError:
            if not made:
                raise Problem(
                    f"there is no group {group!r}", f"make it first: installer user group add {group} NAME"
                ) from None
    return given


def gid_of(group: str) -> int | None:
    """The number of a group; None where there is no such group."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def groups_of_members() -> dict[str, list[str]]:
    """The groups that members are in, with the members in each; but for those with power, and the hub's."""
    people = members(paths.MEMBERS_GROUP) | members(paths.DISABLED_GROUP)
    return {
        entry.gr_name: sorted(people.intersection(entry.gr_mem))
        for entry in grp.getgrall()
        if entry.gr_name not in _CLOSED | _OURS and people.intersection(entry.gr_mem)
    }


def put_into(group: str, name: str) -> bool:
    """Whether somebody had to be put into a group."""
    if name in members(group):
        return False
    run(["gpasswd", "--add", name, group])
    return True


def take_out(group: str, name: str) -> bool:
    """Whether somebody had to be taken out of a group."""
    if name not in members(group):
        return False
    run(["gpasswd", "--delete", name, group])
    return True


# --- accounts ------------------------------------------------------------------------------------
def refuse_taken(name: str) -> None:
    """Raise Problem where an account of that name can't be made."""
    if find(name) is not None:
        raise Problem(f"there is an account {name} already", "choose another name")
    if gid_of(name) is not None:
        raise Problem(f"there is a group {name} already", "choose another name")
    if os.path.lexists(HOMES / name):
        raise Problem(f"{HOMES / name} is there already, and may be somebody else's", "move it away")


def create(name: str, groups: Sequence[str]) -> None:
    """Make an account: a member, its home closed to others, no password yet. Raises Problem; there is none then."""
    home = HOMES / name
    if os.path.lexists(home):
        raise Problem(
            f"{home} is there already, and may be somebody else's",
            f"move it away; or, if it is theirs, make the account by hand: useradd --uid $(stat -c %u {home}) {name}",
        )
    _refuse_closed_skeleton()
    words = [
        "--create-home",
        "--home-dir",
        str(home),
        "--user-group",
        "--key",
        "HOME_MODE=0700",
        "--shell",
        "/bin/bash",
        *uids.for_newcomer(HOMES),
    ]
    try:
        run(["useradd", *words, "--groups", ",".join((paths.MEMBERS_GROUP, *groups)), "--", name])
    except CommandFailed as failed:
        # Where root can't make homes (NFS with root_squash), useradd fails when the account is there already.
        if find(name) is not None:
            run(["userdel", "--", name], check=False)
        said = failed.completed.stderr.strip().splitlines()
        raise Problem(
            f"the account {name} could not be made: {said[-1] if said else failed.what}",
            "mend that, and run the same command again; nothing was left of it",
        ) from None
    _copy_skeleton(name, home)


def _refuse_closed_skeleton() -> None:
    """Raise Problem where there is something in the skeleton that not everybody may read, as its copies are made."""
    if not paths.SKELETON.is_dir():
        return
    words = ["find", str(paths.SKELETON), "!", "-readable", "-o", "-type", "d", "!", "-executable"]
    closed = run(words, user="nobody", check=False).stdout.splitlines()
    if closed:
        raise Problem(
            f"{closed[0]}, which new homes get a copy of, can't be read by everybody",
            f"sudo chmod -R a+rX {paths.SKELETON}",
        )


def _copy_skeleton(name: str, home: Path) -> None:
    """Put the admin's files into a new home: as the person, since what is in a home is never root's to write."""
    # One by one: a copy of the directory itself would have the home open to whom that is.
    given = [str(path) for path in sorted(paths.SKELETON.iterdir())] if paths.SKELETON.is_dir() else []
    if given:
        words = ["cp", "--recursive", "--no-dereference", "--preserve=mode,timestamps", "--", *given, "."]
        run(words, user=name, cwd=home, what=f"{name} was added, but {paths.SKELETON} can't be copied to {home}")


def set_passwords(passwords: Mapping[str, str], *, once: bool) -> None:
    """Set passwords, which go through a pipe: those of the hub's own, where it has some, else the accounts'.

    once: whether they are good for one login, at which another is chosen; those of the hub's own always are.
    """
    if native_people.give(passwords):
        return
    run(["chpasswd"], stdin="".join(f"{name}:{word}\n" for name, word in passwords.items()), timeout=HOURS)
    for name in passwords if once else ():
        run(["chage", "--lastday", "0", "--", name])


def stop_server(person: Person) -> None:
    """End what runs of a person in the hub's slice."""
    run(["systemctl", "stop", f"{paths.USERS_SLICE.removesuffix('.slice')}-{person.uid}.slice"], check=False)


def end_all(person: Person) -> None:
    """End every process of a person, wherever it came from."""
    run(["loginctl", "terminate-user", person.name], check=False)
    end_processes(Path("/"), person.uid)


def delete(person: Person) -> None:
    """Delete the account with all that the system keeps for it, but for its home."""
    native_people.forget(person.name)
    end_all(person)
    run(["find", *_SCRATCH, "-xdev", "-user", str(person.uid), "-delete"], user=person.name, check=False)
    # Before the account goes: from then on useradd would give its uid, and all that it owns, to the next one.
    uids.retire(person.uid)
    run(["userdel", "--", person.name])
    for place in _BY_NAME:
        # Root's directories, or of a group of the system's: a link in there is removed, not followed.
        Path(place, person.name).unlink(missing_ok=True)


def rename(person: Person, name: str) -> None:
    """Give an account another name, and its own group, its home and what the system keeps by its name with it."""
    end_all(person)
    ranges = {option: _subordinate(file, person.name) for option, file in _SUBORDINATE.items()}
    if any(ranges.values()):
        # By name in files of their own, of which usermod doesn't think: the next of the old name would have them, too.
        words = [word for option, found in ranges.items() for each in found for word in (f"--del-{option}", each)]
        run(["usermod", *words, "--", person.name])
    # It takes the memberships and the mailbox along.
    home = ["--home", str(HOMES / name), "--move-home"] if person.home == HOMES / person.name else []
    run(["usermod", "--login", name, *home, "--", person.name], timeout=HOURS)
    words = [word for option, found in ranges.items() for each in found for word in (f"--add-{option}", each)]
    if words:
        run(["usermod", *words, "--", name])
    if grp.getgrgid(person.gid).gr_name == person.name:
        run(["groupmod", "--new-name", name, person.name])
    for place in _BY_NAME:
        if os.path.lexists(Path(place, person.name)):
            Path(place, person.name).rename(Path(place, name))


def _subordinate(file: Path, name: str) -> list[str]:
    """The ranges of ids that an account may give to containers, as usermod takes them."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found = [line.split(":") for line in lines if line.startswith(f"{name}:")]
    return [f"{first}-{int(first) + int(count) - 1}" for _, first, count in found]


# --- homes ---------------------------------------------------------------------------------------
def checked_home(person: Person) -> bool:
    """Whether there is a home that may be archived or deleted. Raises Problem where what is there isn't one."""
    home = person.home
    try:
        there = home.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Problem(f"{home} can't be looked at: {error.strerror}", "see why: ls -ld, mount") from error
    what = "is a symbolic link" if stat.S_ISLNK(there.st_mode) else ""
    if not what and not stat.S_ISDIR(there.st_mode):
        what = "is not a directory"
    if not what and there.st_uid != person.uid:
        what = f"does not belong to {person.name}, but to uid {there.st_uid}"
    if not what and home.resolve() != home:
        what = f"is reached by a symbolic link ({home.resolve()})"
    if what:
        raise Problem(f"the home {home} {what}", "leave it where it is (no option), and remove it by hand")
    return True


def archive_home(person: Person, archive: Path) -> None:
    """Put a home into a .tar.gz of root's, read as the person: no link in there leads to what isn't theirs."""
    words = ["tar", "--create", "--gzip", "--one-file-system", f"--directory={person.home}", "."]
    with files.appearing(archive, mode=0o600) as stream:
        run(
            words, user=person.name, stdout=stream, timeout=24 * HOURS,
            what=f"not all of {person.home} could be put into {archive}; it was kept, and so was the account",
        )  # fmt: skip


def delete_home(person: Person) -> None:
    """Delete a home: by the person, who may do so where root may not (NFS); what is left in it then, by root."""
    # Not from within: root would have to get in there first.
    inside = ["find", str(person.home), "-mindepth", "1", "-delete"]
    run(inside, user=person.name, cwd=Path("/"), check=False, timeout=HOURS)
    if not shutil.rmtree.avoids_symlink_attacks:
        raise Problem(f"{person.home} can't be removed safely on this machine", "remove it by hand")
    try:
        shutil.rmtree(person.home)
    except OSError as error:
        raise Problem(
            f"the home {person.home} can't be removed: {error.strerror} ({error.filename})",
            "where root may not (NFS), remove it on the machine that it is on; the account is still there",
        ) from error
