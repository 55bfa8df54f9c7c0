"""Names and passwords of the hub's own: what is kept of them, which are refused, and who gets in."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installer.config.models import Config
from installer.features.everything import desired
from installer.host import paths
from installer.hub.attempts import MOST, Attempts
from installer.hub.names import Naming
from installer.hub.password_rules import too_easy
from installer.hub.passwords import NOBODYS, hashed, is_right
from installer.hub.people import MOST_WAITING, People, StoreTrouble, person_of
from installer.hub.rules import Decision, Rules, decide
from installer.hub.sign_up import unfit_name
from tests.unit.test_features import site, text_of

REPOSITORY = Path(__file__).parents[2]
WORD = "three old bicycles"
KEPT = hashed(WORD)


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path / "people.sqlite")


# --- passwords -------------------------------------------------------------------------------------


def test_what_is_kept_tells_nothing_and_is_never_twice_the_same() -> None:
    assert WORD not in KEPT
    assert hashed(WORD) != KEPT
    assert is_right(WORD, KEPT)
    assert not is_right(WORD + " ", KEPT)
    assert not is_right("", KEPT)


def test_a_letter_is_the_same_from_every_keyboard() -> None:
    assert is_right("Mu\u0308ller's bicycle", hashed("M\u00fcller's bicycle"))


@pytest.mark.parametrize(
    "damaged",
    ["", "x", "$" * 5, KEPT[:-4], KEPT + "$", KEPT.replace("scrypt", "plain"), KEPT.replace("$15$", "$40$"),
     KEPT.replace("$8$", "$-8$"), KEPT.replace("$15$", "$0$"), "scrypt$15$8$3$@@@@$@@@@", NOBODYS],
)  # fmt: skip
def test_what_is_damaged_is_nobodys_password(damaged: str) -> None:
    assert not is_right(WORD, damaged)


@pytest.mark.parametrize(
    "password",
    ["short", "123456789", "1234567890", "password12", "Password123!", "P@ssw0rd2026", "passwordpassword", "qwertzuiop",
     "1q2w3e4r5t6y", "abcdefghijkl", "aaaaaaaaaaaaa", "abababababab", "iloveyou2026", "helloworld!!", "jupyterhub1",
     "0987654321", "letmein!!!!", "grace-is-here", "  GRACE   hopper", "x" * 257, "three old\x00bicycles",
     "three old\nbicycles", "!!!password!!!", "welcome-student-1"],
)  # fmt: skip
def test_easy_ones_are_refused_in_words(password: str) -> None:
    why = too_easy(password, "grace")
    assert why is not None
    assert why.endswith(".")


@pytest.mark.parametrize(
    "password", [WORD, "kq7-Vx!p2zR", "drei alte Räder", "correct horse battery", "🚲 sind 3 alte"]
)
def test_others_are_taken(password: str) -> None:
    assert too_easy(password, "grace") is None


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.text(max_size=40))
def test_any_password_is_judged(password: str, name: str) -> None:
    assert too_easy(password, name) is None or len(password) <= 300


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grace", "g", "grace-hopper-2", "a" * 31])
def test_names(name: str) -> None:
    assert unfit_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "-", "-rf", "Grace", "1grace", "grace_h", "grace.h", "a" * 32, "grace hopper", "../etc", "grace\x00", "räuber",
     "root", "jupyter", "jupyterhub-selftest", "sudo", "docker", "systemd-x", "_apt", "grace-xabcdefgh", "$(id)"],
)  # fmt: skip
def test_names_that_nobody_can_have(name: str) -> None:
    assert unfit_name(name) is not None


# --- who is there ----------------------------------------------------------------------------------


def test_whoever_asks_waits_until_an_administrator_answers(people: People) -> None:
    assert people.ask("grace", KEPT, "third row")
    assert people.ask("eve", KEPT, "")
    assert not people.ask("grace", hashed("another password"), "the real one"), "the first has it"
    assert {(entry.name, entry.about) for entry in people.waiting()} == {("grace", "third row"), ("eve", "")}
    assert not people.change("grace", hashed("a new password!")), "nothing of theirs counts before"
    assert people.approve(["grace", "nobody", "grace"]) == ["grace"]
    assert people.approve(["grace"]) == []
    assert people.reject(["grace", "eve"]) == ["eve"], "who is in isn't turned down"
    assert people.waiting() == []
    grace = people.find("grace")
    assert grace is not None
    assert is_right(WORD, grace.password)
    assert people.find("eve") is None


def test_a_given_password_is_for_once(people: People) -> None:
    people.give("grace", KEPT, 1001, once=True)
    entry = people.find("grace")
    assert entry is not None
    assert (entry.approved, entry.once, entry.given_uid) == (True, True, 1001)
    people.change("grace", hashed("a new password!"))
    people.give("grace", hashed("forgotten again"), None, once=True)
    entry = people.find("grace")
    assert entry is not None
    assert (entry.once, entry.given_uid) == (True, 1001), "the account stays theirs"
    assert people.rename("grace", "hopper", 1001)
    assert people.find("grace") is None
    assert people.forget(["hopper"]) == ["hopper"]


def test_two_at_once_get_one_name_once(people: People) -> None:
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda number: people.ask("grace", KEPT, str(number)), range(16)))
    assert sum(won) == 1
    assert [entry.about for entry in people.everybody()] == [str(won.index(True))]


def test_a_flood_ends_at_a_number(people: People, tmp_path: Path) -> None:
    people.everybody()
    line = sqlite3.connect(tmp_path / "people.sqlite")
    rows = [(f"x{number}", KEPT, "", "", 0, 0, None) for number in range(MOST_WAITING)]
    line.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    line.commit()
    assert not people.ask("grace", KEPT, "")
    people.approve(["x1"])
    assert people.ask("grace", KEPT, "")


def test_it_is_for_nobody_elses_eyes(people: People, tmp_path: Path) -> None:
    people.ask("grace", KEPT, "")
    assert stat.S_IMODE((tmp_path / "people.sqlite").stat().st_mode) == 0o600


def test_trouble_is_told_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "people.sqlite"
    file.write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(StoreTrouble, match=f"{file}: file is not a database"):
        People(file).find("grace")
    with pytest.raises(StoreTrouble, match="No such file"):
        People(tmp_path / "no" / "people.sqlite").find("grace")
    link = tmp_path / "link.sqlite"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreTrouble, match="Too many levels"):
        People(link).ask("grace", KEPT, "")
    assert not (tmp_path / "elsewhere").exists()


def test_one_that_is_full_keeps_what_it_has(people: People, tmp_path: Path) -> None:
    people.ask("grace", KEPT, "")
    line = sqlite3.connect(tmp_path / "people.sqlite")
    [pages] = line.execute("PRAGMA page_count").fetchone()
    line.close()
    with pytest.raises(StoreTrouble, match="full"):
        FullPeople(tmp_path / "people.sqlite", pages).ask("eve", KEPT, "x" * 100_000)
    assert [entry.name for entry in people.everybody()] == ["grace"]


class FullPeople(People):
    """On a disk that takes no page more."""

    def __init__(self, file: Path, pages: int) -> None:
        super().__init__(file)
        self._pages = pages

    def ask(self, name: str, password: str, about: str) -> bool:
        with self._opened(write=True) as line:
            line.execute(f"PRAGMA max_page_count = {self._pages}")
            line.execute("INSERT INTO people VALUES (?, ?, ?, '', 0, 0, NULL)", (name, password, about))
        return True


# --- who gets in -----------------------------------------------------------------------------------


def judged(people: People, name: str, rules: Rules) -> Decision:
    entry = people.find(name)
    assert entry is not None
    return decide(person_of(entry), rules, Naming())


def test_an_administrators_word_is_what_lets_people_in(people: People) -> None:
    people.ask("grace-no-such", KEPT, "")
    rules = Rules(approval=True)
    refused = judged(people, "grace-no-such", rules)
    assert (refused.allowed, refused.why) == (
        False, "no administrator has let them in (installer user approve, or add)",
    )  # fmt: skip
    people.approve(["grace-no-such"])
    assert judged(people, "grace-no-such", rules) == Decision(allowed=True, why="an administrator has let them in")
    assert not judged(people, "grace-no-such", Rules()).allowed, "where people are known by other means, it is none"
    assert not judged(people, "grace-no-such", Rules(approval=True, blocked=frozenset({"Grace-No-Such"}))).allowed
    people.give("root", KEPT, 0, once=False)
    assert not judged(people, "root", rules).allowed


def test_an_account_that_was_given_is_that_one_alone(people: People) -> None:
    people.give("nobody", KEPT, 65534, once=False)
    entry = people.find("nobody")
    assert entry is not None
    assert person_of(entry).added
    people.give("nobody", KEPT, 65533, once=False)
    entry = people.find("nobody")
    assert entry is not None
    assert not person_of(entry).added


def test_user_allowed_says_so(people: People, tmp_path: Path) -> None:
    rules = tmp_path / "auth.json"
    allow = {"users": [], "groups": [], "organizations": [], "email_domains": [], "admin_groups": [], "all": False}
    told: dict[str, Any] = {
        "provider": "native", "people": str(tmp_path / "people.sqlite"), "allow": {**allow, "file": None},
        "issuer": None, "url": None,
        "blocked": [], "admins": ["grace-no-such"], "members": False, "members_group": "jupyterhub-users",
        "names": {"rule": "lowercase", "prefix": None, "domain": None, "map": None}, "existing_accounts": False,
    }  # fmt: skip
    rules.write_text(json.dumps(told))

    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "installer.hub.allowed", *words]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    people.ask("grace-no-such", KEPT, "")
    answer = json.loads(asked(str(rules), "", "grace-no-such").stdout)
    assert (answer["allowed"], answer["account"]) == (False, "grace-no-such")
    assert json.loads(asked(str(rules), "", "eve-no-such").stdout)["allowed"] is False
    people.approve(["grace-no-such"])
    answer = json.loads(asked(str(rules), "", "grace-no-such").stdout)
    assert (answer["allowed"], answer["admin"], answer["why"]) == (True, True, "an administrator has let them in")
    assert asked("--check", str(rules)).returncode == 0
    (tmp_path / "people.sqlite").write_bytes(b"x" * 5000)
    assert "file is not a database" in asked("--check", str(rules)).stderr


def test_wishes_of_installer_user(people: People, tmp_path: Path) -> None:
    def wish(**said: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "installer.hub.people_command", str(tmp_path / "people.sqlite")]
        return subprocess.run(
            command, cwd=REPOSITORY, input=json.dumps(said), capture_output=True, text=True, check=False
        )

    people.ask("eve", KEPT, "who?")
    assert wish(wish="give", name="grace", password=WORD, uid=None).returncode == 0
    [eve, grace] = json.loads(wish(wish="list").stdout)
    assert (eve["name"], eve["approved"], eve["about"]) == ("eve", False, "who?")
    assert (grace["name"], grace["once"]) == ("grace", True)
    assert "password" not in eve
    assert json.loads(wish(wish="approve", names=["eve", "x"]).stdout) == ["eve"]
    (tmp_path / "people.sqlite").write_bytes(b"x" * 5000)
    failed = wish(wish="list")
    assert (failed.returncode, failed.stderr) == (1, f"{tmp_path / 'people.sqlite'}: file is not a database\n")


def test_who_is_wrong_too_often_waits() -> None:
    attempts = Attempts()
    assert [attempts.begin("grace") for _ in range(MOST)] == [0] * MOST, "counted before they are looked at"
    assert 0 < attempts.begin("grace") <= 600
    assert attempts.begin("eve") == 0
    attempts.take_back("grace")
    assert attempts.begin("grace") == 0
    assert attempts.begin("grace") > 0
    attempts.forget("grace")
    assert attempts.begin("grace") == 0


def test_each_provider_has_what_it_needs_and_no_more() -> None:
    """Nobody can have passwords of the machine changed where people don't log in with them."""
    sockets = (paths.CHANGE_SOCKET_UNIT, paths.ACCOUNT_SOCKET_UNIT)
    for provider, wanted in (("pam", [True, False]), ("native", [False, True])):
        asked = site(Config.model_validate({"auth": {"provider": provider}}))
        names = {resource.name for resource in desired(asked)}
        assert [socket in names for socket in sockets] == wanted
        text = text_of(desired(asked), paths.HUB_CONFIG)
        assert ("NativeAuthenticator" in text, "SocketPAMAuthenticator" in text) == (not wanted[0], wanted[0])
        rules = json.loads(text_of(desired(asked), paths.AUTH_RULES))
        assert (rules["members"], rules["admins"]) == ((True, ["ada"]) if wanted[0] else (False, []))
