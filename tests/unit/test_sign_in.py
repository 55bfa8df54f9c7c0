"""The files that signing in goes by, and what `user allowed` answers from them."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from installer.cli.user_allowed import lines
from installer.commands import sign_in
from installer.commands.allowed import Answer
from installer.host.errors import Problem
from installer.hub import allowed
from installer.hub.identities import Identities, Identity
from installer.hub.owners import owners_at
from installer.hub.rules import Person
from installer.hub.sign_in import SignIn, Unreadable, load

REPOSITORY = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "provider": "github",
    "issuer": None,
    "url": None,
    "ldap": {"url": "ldaps://ldap.example.org"},
    "allow": {
        "users": ["ada"], "groups": [], "organizations": ["lab"], "email_domains": ["example.org"],
        "admin_groups": [], "all": False, "file": None,
    },
    "blocked": ["eve"],
    "admins": ["ada"],
    "members": False,
    "members_group": "jupyterhub-users",
    "existing_accounts": False,
    "names": {"rule": "lowercase", "prefix": None, "domain": None, "map": None},
}  # fmt: skip


def asked(directory: Path, settings: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
    """Ask as `installer user allowed` does."""
    rules = directory / "auth.json"
    rules.write_text(json.dumps(settings))
    database = str(directory / "hub.sqlite")
    command = [sys.executable, "-m", "installer.hub.allowed", *words[1:], "--", str(rules), database, words[0]]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "gets_in", "account", "why"),
    [
        (["ADA"], "as admin", "ada", "named in auth.allow.users"),
        (["bob-no-such", "--organization=lab"], "yes", "bob-no-such", "in lab (auth.allow.organizations)"),
        (["bob-no-such", "--email=b@Example.org"], "yes", "bob-no-such", "of example.org"),
        (["bob-no-such"], "no", "bob-no-such", "no rule of auth.allow lets them in"),
        (["eve", "--organization=lab"], "no", "eve", "blocked (auth.blocked)"),
        (["root", "--organization=lab"], "no", None, "root is a name of the system's"),
        (["--group", "--organization=lab"], "yes", "group-x", "in lab"),
    ],
)
def test_answers(words: list[str], gets_in: str, account: str | None, why: str, tmp_path: Path) -> None:
    answer = json.loads(asked(tmp_path, SETTINGS, *words).stdout)
    assert (answer["allowed"], answer["admin"]) == (gets_in != "no", gets_in == "as admin")
    assert why in answer["why"]
    assert answer["account"] == account or answer["account"].startswith(account)


def test_with_pam_the_group_counts_as_well(tmp_path: Path) -> None:
    me = getpass.getuser()
    allow = {**SETTINGS["allow"], "users": [me, "nobody"]}
    answer = json.loads(asked(tmp_path, {**SETTINGS, "provider": "pam", "allow": allow}, me).stdout)
    assert answer["allowed"] is False, "this is run as root, or by somebody who isn't a member"


def test_so_it_does_where_the_machine_has_accounts_from_the_directory(tmp_path: Path) -> None:
    settings = {**SETTINGS, "provider": "ldap", "existing_accounts": True}
    answer = json.loads(asked(tmp_path, settings, "ada").stdout)
    assert (answer["allowed"], answer["why"]) == (False, "this machine knows no account ada")


ME = getpass.getuser()
OTHERS = "somebody else's, who had that name before"


@pytest.mark.parametrize(
    ("owner", "asked", "answer"),
    [
        (None, (ME, []), (ME, "was there before; name them in auth.allow.users")),
        (None, (ME, [ME]), (ME, f"{ME} is not a member of jupyterhub-users")),
        (("https://github.test", "Grace"), ("grace", []), (ME, f"{ME} is not a member of jupyterhub-users")),
        (("https://github.test", "Grace"), (ME, [ME]), (ME, "somebody else's, who had that name before")),
        (("https://other.test", "Grace"), ("grace", []), ("grace", "")),
    ],
    ids=["was there", "given by name", "has another name here", "another's", "of another provider"],
)
def test_whose_the_account_is_counts(
    owner: tuple[str, str] | None, asked: tuple[str, list[str]], answer: tuple[str, str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With an account of this machine's, whoever runs this; as if that were a person's (root is never let in).

    owner: of that account: the provider, and the name there. asked: about whom, and auth.allow.users.
    """
    database = tmp_path / "hub.sqlite"
    if owner:
        Identities(Session(create_engine(f"sqlite:///{database}"))).give(ME, Identity(owner[0], "7"), owner[1])
    monkeypatch.setattr(allowed, "uid_of", lambda account: 1001 if account == ME else None)
    monkeypatch.setattr(allowed, "account_of", lambda name, _: name)
    allow = {**SETTINGS["allow"], "users": asked[1], "all": True}
    sign_in = SignIn({**SETTINGS, "url": "https://github.test/", "allow": allow})
    found = allowed.answer(sign_in, Person(asked[0], ""), owners_at(str(database), sign_in.vouching))
    assert (found["account"], found["allowed"]) == (answer[0], not answer[1])
    assert answer[1] in str(found["why"])


def test_owners_of_a_directory_are_found_by_any_of_its_addresses(tmp_path: Path) -> None:
    database = tmp_path / "hub.sqlite"
    session = Session(create_engine(f"sqlite:///{database}"))
    for account, provider in (("a", "ldap://l"), ("b", "ldaps://m:636"), ("c", "ldap"), ("d", "https://ldap.test")):
        Identities(session).give(account, Identity(provider, account), account)
    sign_in = SignIn({**SETTINGS, "provider": "ldap"})
    assert owners_at(str(database), sign_in.vouching) == {"a": "a", "b": "b", "c": "c"}
    assert owners_at(str(database), "https://ldap.test") == {"d": "d"}


def test_a_list_is_read_anew(tmp_path: Path) -> None:
    listed = tmp_path / "userlist"
    settings = {**SETTINGS, "allow": {**SETTINGS["allow"], "file": str(listed)}}
    said = asked(tmp_path, settings, "carol")
    assert (said.returncode, said.stderr) == (1, f"{listed}: No such file or directory\n")
    listed.write_text("carol admin\n")
    assert json.loads(asked(tmp_path, settings, "carol").stdout)["admin"] is True
    listed.write_bytes(b"\xff\n")
    with pytest.raises(Unreadable, match="not UTF-8"):
        SignIn(settings).rules()


def test_a_map_that_is_none(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("ada\n")
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({**SETTINGS, "names": {**SETTINGS["names"], "map": str(names)}}))
    with pytest.raises(Unreadable, match=f"{names}: line 1: expected a name and an account"):
        load(file).naming()


def test_a_map_with_one_name_twice(tmp_path: Path) -> None:
    """In whatever case: it would be one of the two accounts, as it happens."""
    names = tmp_path / "names"
    names.write_text("\ufeffada x\nAda y\n")
    settings = {**SETTINGS, "names": {**SETTINGS["names"], "map": str(names)}}
    with pytest.raises(Unreadable, match=f"{names}: line 2: Ada is the same name as ada"):
        SignIn(settings).naming()
    exact = {**settings["names"], "rule": "exact"}
    assert SignIn({**settings, "names": exact}).naming().mapped == {"ada": "x", "Ada": "y"}


def test_the_answer_in_words() -> None:
    answer = Answer("Ada", "ada", allowed=True, admin=True, why="named", owner="countess")
    assert lines(answer) == [
        "[bold]Ada[/] gets in as the account [bold]ada[/], a hub admin: named",
        "that account is the one's who came as countess",
    ]
    refused = Answer("[x]", None, allowed=False, admin=False, why="blocked", owner="")
    assert lines(refused) == [r"[bold]\[x][/] does not get in: blocked"]


@pytest.mark.parametrize(
    ("data", "mode", "wrong"),
    [
        (None, 0o600, "can't be read: No such file"),
        (b"", 0o600, "is not one line"),
        (b"\n\n", 0o600, "is not one line"),
        (b"a\nb\n", 0o600, "is not one line"),
        (b"x" * 5000, 0o600, "is not one line"),
        (b"secret\n", 0o640, "can be read by others than root"),
        (b"secret\n", 0o604, "can be read by others than root"),
    ],
)
def test_a_secret_that_is_none(data: bytes | None, mode: int, wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "client_secret"
    if data is not None:
        file.write_bytes(data)
        file.chmod(mode)
    with pytest.raises(Problem, match=wrong):
        sign_in.refuse_unfit_secret(file, "the secret")
