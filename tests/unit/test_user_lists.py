"""The admin's own files of people, changed by commands: what is there stays as it was written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from installer.commands import user_lists, user_mentions
from installer.config.auth import Allow, Auth, Names
from installer.config.models import Config
from installer.host.errors import Problem
from installer.hub import owners
from installer.hub.names import Naming, read_map
from installer.hub.rules import read_list

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "a@b.c ada\n"), ("# ours\nx y", "# ours\nx y\na@b.c ada\n"), ("x y\n\n", "x y\n\na@b.c ada\n")],
)
def test_a_line_is_added(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "names"
    if before:
        file.write_text(before)
        file.chmod(0o640)
    user_lists.append(file, ["a@b.c ada"])
    assert file.read_text() == after
    assert file.stat().st_mode & 0o777 == (0o640 if before else 0o644)
    user_lists.append(file, [])
    assert file.read_text() == after


def test_an_account_has_another_name(tmp_path: Path) -> None:
    file = tmp_path / "names"
    file.write_text("# ada is Ada\nada\tada # the first\n  x@y.z   adam\nn ada# x\nm ada.b\n")
    user_lists.rename_account(file, "ada", "lovelace")
    assert file.read_text() == "# ada is Ada\nada\tlovelace # the first\n  x@y.z   adam\nn lovelace# x\nm ada.b\n"


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "names"
    assert (user_lists.pairs(file), user_lists.names(file)) == ({}, set())
    file.write_text("ada\n")
    with pytest.raises(Problem, match="no pair of a name and an account"):
        user_lists.pairs(file)
    file.write_bytes(b"\xff x\n")
    with pytest.raises(Problem, match="not UTF-8"):
        user_lists.names(file)


def test_they_are_read_as_the_hub_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "names"
    text = "\ufeffa#b\n# gone\nada admin # she\ngrace\t# too\n"
    file.write_text(text)
    assert user_lists.names(file) == set(read_list(text)) == {"a#b", "ada", "grace"}
    text = "\ufeffada x\ngrace y# she\n"
    file.write_text(text)
    assert user_lists.pairs(file) == read_map(text)
    for name in ("Ada", "Jose\u0301", "\u0130x"):
        for fold in (True, False):
            assert user_lists.folded(name, fold=fold) == Naming(fold=fold).folded(name)


def test_places_that_name_an_account(tmp_path: Path) -> None:
    listed = tmp_path / "userlist"
    listed.write_text("grace admin\nada # she\n")
    local = Config(auth=Auth(blocked=("ada",), allow=Allow(users=("ada",), file=str(listed))))
    assert len(user_mentions.mentions(local, "ada")) == len(["blocked", "users", "file"])
    assert user_mentions.mentions(local, "admin") == []
    with pytest.raises(Problem, match=r"ada is named in auth.blocked of .* and auth.allow.users of .* and .*userlist"):
        user_mentions.refuse(local, "ada")
    away = Auth(provider="google", client_id="x", allow=Allow(users=("ada",)), names=Names(map=str(tmp_path / "names")))
    assert user_mentions.mentions(Config(auth=away), "ada") == [], "there, it is somebody's name at the provider"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "hub.sqlite"
    with closing(sqlite3.connect(file)) as line, line:
        line.execute("CREATE TABLE installer_identities (account PRIMARY KEY, provider, subject, name)")
        line.execute("INSERT INTO installer_identities VALUES ('ada', 'p', '1', 'Ada'), ('grace', 'p', '2', 'Grace')")
    return file


def changed(database: Path, *words: str) -> dict[str, str]:
    """Do it as the command does; who has what after that."""
    command = [sys.executable, "-m", "installer.hub.owners", *words, str(database)]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return owners.owners(str(database))


def test_an_account_goes_and_so_does_whose_it_was(database: Path) -> None:
    assert changed(database, "--gone", "ada") == {"grace": "Grace"}
    assert changed(database, "--gone", "nobody") == {"grace": "Grace"}


def test_whose_an_account_was_keeps_it(database: Path) -> None:
    assert changed(database, "--moved", "ada", "lovelace") == {"lovelace": "Ada", "grace": "Grace"}
    # The row of an account that has gone is in nobody's way.
    assert changed(database, "--moved", "lovelace", "grace") == {"grace": "Ada"}


def test_where_nobody_has_come_from_a_provider(tmp_path: Path) -> None:
    assert changed(tmp_path / "none.sqlite", "--gone", "ada") == {}
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")) as line:
        line.execute("CREATE TABLE users (name)")
    assert changed(tmp_path / "empty.sqlite", "--moved", "ada", "b") == {}
