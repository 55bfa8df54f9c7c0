"""Accounts and groups: system accounts of our services, the members' group, and a person who may log in."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import files
from installer.host.errors import Problem
from installer.host.invoker import password_field
from installer.host.paths import FIRST_PERSON_UID
from installer.host.process import run

NOLOGIN = "/usr/sbin/nologin"


class Group(Resource):
    """A system group."""

    kind: ClassVar[str] = "group"
    kept: ClassVar[bool] = True

    group: str

    @property
    def name(self) -> str:
        """The group's name."""
        return self.group

    def wanted(self) -> Attributes:
        """That it is there."""
        return {"exists": True}

    def probe(self) -> Attributes | None:
        """Whether it is."""
        try:
            grp.getgrnam(self.group)
        except KeyError:
            return None
        return {"exists": True}

    def realize(self, before: Attributes | None) -> None:
        """Create it."""
        _change(["groupadd", "--system", self.group])

    def remove(self) -> None:
        """Delete it; its members stay. So does a group that is some account's own."""
        if self.probe() is not None and not self.is_somebodys_own:
            run(["groupdel", self.group])

    @property
    def is_somebodys_own(self) -> bool:
        """Whether it is the own group of an account (those that are made at first login have one together)."""
        try:
            gid = grp.getgrnam(self.group).gr_gid
        except KeyError:
            return False
        return any(entry.pw_gid == gid for entry in pwd.getpwall())


class Account(Resource):
    """A system account that a service runs as: locked, no shell, a group of its own name."""

    kind: ClassVar[str] = "account"
    # Made anew, it might get another uid, and what it owns would be somebody else's.
    kept: ClassVar[bool] = True

    account: str
    home: Path
    comment: str

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account

    def wanted(self) -> Attributes:
        """A uid of the system's, its home and no shell."""
        return {"uid": "system", "group": self.account, "home": str(self.home), "shell": NOLOGIN}

    def probe(self) -> Attributes | None:
        """The same, as they are."""
        try:
            entry = pwd.getpwnam(self.account)
        except KeyError:
            return None
        try:
            group = grp.getgrgid(entry.pw_gid).gr_name
        except KeyError:
            group = str(entry.pw_gid)
        uid = "system" if 0 < entry.pw_uid < FIRST_PERSON_UID else f"{entry.pw_uid} (a person's)"
        return {"uid": uid, "group": group, "home": entry.pw_dir, "shell": entry.pw_shell}

    def foreign(self, observed: Attributes | None) -> str | None:
        """An account of that name that is a person's, or another service's."""
        if observed is None or observed == self.wanted():
            return None
        whose = "a person's" if observed["uid"] != "system" else "another service's"
        return f"the account {self.account!r} is there already, and is {whose}"

    def realize(self, before: Attributes | None) -> None:
        """Create it, or set home and shell right; a uid is never changed."""
        if before is not None and (before["uid"] != "system" or before["group"] != self.account):
            raise Problem(
                f"the account {self.account!r} was made a person's", f"rename it: usermod --login NAME {self.account}"
            )
        attributes = [
            "--home-dir" if before is None else "--home",
            str(self.home),
            "--shell",
            NOLOGIN,
            "--comment",
            self.comment,
        ]
        if before is None:
            kind = ["--system", "--no-create-home"]
            try:
                grp.getgrnam(self.account)
                kind += ["--gid", self.account]
            except KeyError:
                kind += ["--user-group"]
            _change(["useradd", *kind, *attributes, "--", self.account])
        else:
            _change(["usermod", *attributes, "--", self.account])

    def remove(self) -> None:
        """Delete it with its group; files stay."""
        if self.probe() is not None:
            run(["userdel", "--", self.account])


class Membership(Resource):
    """That an account is in a group."""

    kind: ClassVar[str] = "membership"

    account: str
    group: str

    @property
    def name(self) -> str:
        """ACCOUNT in GROUP."""
        return f"{self.account} in {self.group}"

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """Both of them."""
        return f"account:{self.account}", f"person:{self.account}", f"group:{self.group}"

    def wanted(self) -> Attributes:
        """That it is a member."""
        return {"member": True}

    def probe(self) -> Attributes | None:
        """Whether it is."""
        try:
            return {"member": True} if self.account in grp.getgrnam(self.group).gr_mem else None
        except KeyError:
            return None

    def realize(self, before: Attributes | None) -> None:
        """Add it."""
        _change(["gpasswd", "--add", self.account, self.group])

    def remove(self) -> None:
        """Take it out of the group."""
        if self.probe() is not None:
            run(["gpasswd", "--delete", self.account, self.group])


class Person(Resource):
    """A person's account with a password that we made; the person may change it, and then it stays changed.

    password_file: where the first password is, on one line.
    """

    kind: ClassVar[str] = "person"

    account: str
    comment: str
    password_file: Path

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account

    @property
    def reads(self) -> tuple[str, ...]:
        """The file with the first password."""
        return (str(self.password_file),)

    def wanted(self) -> Attributes:
        """That it is a person's account, with a password."""
        return {"uid": "a person's", "password": "set"}

    def probe(self) -> Attributes | None:
        """Whether it is."""
        try:
            entry = pwd.getpwnam(self.account)
        except KeyError:
            return None
        # What useradd leaves, and a run that was killed behind it; an account that was locked later has "!" and more.
        unset = password_field(self.account) in {"!", "*"}
        uid = "a person's" if entry.pw_uid >= FIRST_PERSON_UID else "system"
        return {"uid": uid, "password": "never set" if unset else "set"}

    def foreign(self, observed: Attributes | None) -> str | None:
        """Any account of that name."""
        return f"the account {self.account!r} is there already, and isn't ours" if observed else None

    def realize(self, before: Attributes | None) -> None:
        """Create it with its home (0700), then set the password, which goes through a pipe."""
        if before is not None and before["uid"] != "a person's":
            raise Problem(
                f"the account {self.account!r} isn't a person's", f"rename it: usermod --login NAME {self.account}"
            )
        if before is None:
            words = ["--create-home", "--user-group", "--key", "HOME_MODE=0700", "--shell", "/bin/bash"]
            _change(["useradd", *words, *self._former_uid(), "--comment", self.comment, "--", self.account])
        password = self.password_file.read_text(encoding="utf-8").strip()
        run(["chpasswd"], stdin=f"{self.account}:{password}\n")

    def _former_uid(self) -> list[str]:
        """The uid of an account of this name that was deleted, while its home stayed; that home is to be its again."""
        home = Path("/home", self.account)
        if not home.is_dir():
            return []
        uid = home.stat().st_uid
        free = uid >= FIRST_PERSON_UID and all(entry.pw_uid != uid for entry in pwd.getpwall())
        return ["--uid", str(uid)] if free else []

    def remove(self) -> None:
        """Delete the account; its home stays, since work may be in it."""
        if self.probe() is not None:
            run(["userdel", "--", self.account])


def _change(argv: list[str]) -> None:
    """Run one of shadow's programs, which sync their files but not the names of those. Raises Problem."""
    run(argv)
    files.fsync_directory(Path("/etc"))
