"""Whom and what `installer user` never touches."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from installer.commands import user_accounts as accounts
from installer.commands.user_accounts import Person
from installer.host import paths
from installer.host.errors import Problem, UsageProblem


@pytest.mark.parametrize(
    "name", ["root", "jupyter", "-G", "--", "../x", "x y", "Ada", "a" * 33, "x;id", "12", "ä", "", "a\n"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageProblem, match="can't be an account"):
        accounts.checked_name(name)


@pytest.mark.parametrize(
    "group",
    ["sudo", "adm", "docker", "shadow", "root", "www-data", "jupyter", paths.ACCOUNTS_GROUP, paths.MEMBERS_GROUP],
)
def test_groups_with_power_are_refused(group: str) -> None:
    for made in (False, True):
        with pytest.raises(Problem, match=r"power over|the hub's own"):
            accounts.checked_groups([group], made=made)


@pytest.mark.parametrize("group", ["-x", "a b", "a,sudo", "a/b", "a:b"])
def test_what_is_no_group_is_refused(group: str) -> None:
    with pytest.raises(UsageProblem, match="can't be a group"):
        accounts.checked_groups([group], made=True)


def test_groups_are_there_once() -> None:
    assert accounts.checked_groups(["users", "games", "users"]) == ("users", "games")


@pytest.mark.parametrize("name", ["root", "daemon", "nobody"])
def test_accounts_of_the_system_are_not_peoples(name: str) -> None:
    with pytest.raises(Problem, match="of the system's"):
        accounts.find(name)


def person(home: Path) -> Person:
    me = pwd.getpwuid(os.getuid())
    return Person(me.pw_name, os.getuid(), grp.getgrgid(os.getgid()).gr_gid, home)


def test_home_is_a_directory_of_the_persons_own(tmp_path: Path) -> None:
    home = tmp_path / "ada"
    assert accounts.checked_home(person(home)) is False
    home.mkdir()
    assert accounts.checked_home(person(home)) is True
    stranger = Person("ada", os.getuid() + 1, 1, home)
    with pytest.raises(Problem, match="does not belong to ada"):
        accounts.checked_home(stranger)


def test_home_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real" / "ada").mkdir(parents=True)
    (tmp_path / "homes").symlink_to("real")
    (tmp_path / "ada").symlink_to("real/ada")
    (tmp_path / "file").touch()
    for home, what in (
        ("ada", "is a symbolic link"),
        ("homes/ada", "reached by a symbolic link"),
        ("file", "not a directory"),
    ):
        with pytest.raises(Problem, match=what):
            accounts.checked_home(person(tmp_path / home))
