"""The files that signing in goes by, and what `user allowed` answers from them."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from installer.cli.user_allowed import lines
from installer.commands import sign_in
from installer.commands.allowed import Answer
from installer.host.errors import Problem
from installer.hub.sign_in import SignIn, Unreadable, load

REPOSITORY = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "provider": "github",
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
    command = [sys.executable, "-m", "installer.hub.allowed", *words[1:], "--", str(rules), "", words[0]]
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
    assert (answer["allowed"], answer["why"]) == (False, "not a member of jupyterhub-users")


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
