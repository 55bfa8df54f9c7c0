"""Tables of people, as spreadsheets save them and as people mistype them."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.commands import user_import
from installer.commands.user_import import Row
from installer.config.auth import Allow, Auth, Names
from installer.host.errors import UsageProblem


def table(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "people.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(
    "text",
    [
        "name,groups\nada,users\ngrace,\n",
        "name,groups\r\nada,users\r\ngrace,\r\n",
        "\ufeffname,groups\nada,users\ngrace,\n",
        "name;groups\nada;users\ngrace;\n",
        '"name","groups"\n"ada","users"\n"grace",""\n',
        "name,groups\n ada , users \n\ngrace,\n",
        "groups,name\nusers,ada\n,grace\n",
    ],
    ids=["plain", "windows", "bom", "semicolons", "quotes", "blanks", "other-order"],
)
def test_it_is_read_as_spreadsheets_save_it(tmp_path: Path, text: str) -> None:
    rows = user_import.read(table(tmp_path, text))
    assert [(row.name, row.groups) for row in rows] == [("ada", ("users",)), ("grace", ())]


def test_a_column_of_names_is_enough(tmp_path: Path) -> None:
    assert user_import.read(table(tmp_path, "name\nada\n")) == [Row(2, "ada", ())]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("ada\ngrace\n", "line 1: 'ada' is no column"),
        ("name,group\nada,users\n", "did you mean groups?"),
        ("groups\nusers\n", "one column called name"),
        ("name,name\nada,ada\n", "one column called name"),
        ("name\nada\nada\n", "line 3: ada is in line 2 already"),
        ("name\nada,users\n", "line 2: it has more or fewer cells"),
        ("name,groups\nada\n", "line 2: it has more or fewer cells"),
        ("name\nroot\n", "line 2: 'root' can't be an account"),
        ("name\nada;id\n", "line 2: 'ada;id' can't be an account"),
        ("name,groups\nada,sudo\n", "line 2: the group sudo gives power"),
        ("name,groups\nada,no-such-group\n", "line 2: there is no group"),
        ('name\n"ada\n', "unexpected end of data"),
        ("name\na\0da\n", "line 2"),
        (b"name\nad\xe9\n", "not UTF-8 (line 2)"),
        (b"\xff\xfen\0a\0m\0e\0", "not UTF-8 (line 1)"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        user_import.read(table(tmp_path, text))
    assert said in f"{caught.value.what}\n{caught.value.detail}"


def test_all_mistakes_are_told_at_once_but_not_thousands(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as caught:
        user_import.read(table(tmp_path, "name\n" + "X Y\n" * 100))
    assert "has 100 lines that can't be" in caught.value.what
    assert caught.value.detail.splitlines()[-1] == "and 80 more"


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(UsageProblem, match="can't be read"):
            user_import.read(path)


def elsewhere(tmp_path: Path, *, listed: bool = True) -> Auth:
    """People log in with Google; names and list are files there."""
    return Auth(
        provider="google",
        client_id="hub",
        names=Names(map=str(tmp_path / "names")),
        allow=Allow(file=str(tmp_path / "userlist")) if listed else Allow(all=True),
    )


PEOPLE = (
    "name,groups,identity\nada-of-tests,,Ada@Example.org\ngrace-of-tests,users,grace@example.org\nlinus-of-tests,,\n"
)


def test_an_address_gets_its_account_and_its_line(tmp_path: Path) -> None:
    wished = user_import.prepare(table(tmp_path, PEOPLE), elsewhere(tmp_path))
    assert wished.pairs == ("Ada@Example.org ada-of-tests", "grace@example.org grace-of-tests")
    assert wished.admitted == ("Ada@Example.org", "grace@example.org")
    assert [row.name for row in wished.with_password] == ["linus-of-tests"]
    assert user_import.prepare(table(tmp_path, PEOPLE), elsewhere(tmp_path, listed=False)).admitted == ()


def test_what_is_in_the_files_is_left(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("\ufeffada@example.ORG ada-of-tests # since 2024\n")
    (tmp_path / "userlist").write_text("ada@example.org admin\n")
    wished = user_import.prepare(table(tmp_path, PEOPLE), elsewhere(tmp_path))
    assert wished.pairs == ("grace@example.org grace-of-tests",)
    assert wished.admitted == ("grace@example.org",)


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("name,identity\nada,x y\n", "", "'x y' is no name at a login provider"),
        ("name,identity\nada,x#y\n", "", "is no name at a login provider"),
        ("name,identity\nada,a@b.c\ngrace,A@B.C\n", "", "line 3: A@B.C is in line 2 already"),
        ("name,identity\nada,a@b.c\n", "a@b.c grace\n", "line 2: a@b.c has the account grace already"),
        ("name,identity\nada,A@b.c\n", "\ufeffa@B.c grace\n", "line 2: A@b.c has the account grace already"),
        ("name,identity\nada,jos\u00e9\ngrace,Jose\u0301\n", "", "line 3: Jose\u0301 is in line 2 already"),
        ("name,identity\nada,a@b.c\n", "x@y.z ada\n", "line 2: the account ada is x@y.z's"),
        ("name,identities\nada,\n", "", "did you mean identity?"),
    ],
)
def test_two_never_get_one_account(tmp_path: Path, text: str, names: str, said: str) -> None:
    (tmp_path / "names").write_text(names)
    with pytest.raises(UsageProblem) as caught:
        user_import.prepare(table(tmp_path, text), elsewhere(tmp_path))
    assert said in f"{caught.value.what} {caught.value.detail}"


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (Auth(), "with auth.provider pam, people log in by their account's name"),
        (Auth(provider="google", client_id="hub", allow=Allow(all=True)), "names no file for that"),
    ],
    ids=["pam", "no file"],
)
def test_identities_need_a_place(tmp_path: Path, auth: Auth, said: str) -> None:
    with pytest.raises(UsageProblem, match=f"line 2: ada@example.org can be given no account: .*{said}"):
        user_import.prepare(table(tmp_path, "name,identity\nada,ada@example.org\n"), auth)
