"""Passwords on the hub's pages: of Linux accounts, and of the hub's own with sign-up and approval."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.machine_process import Result
from tests.system.password_pages import (
    ANSWERS,
    CHANGE,
    SIGN_UP,
    SOCKET,
    ask_helper,
    change,
    is_in,
    said,
    send_form,
    sign_up,
)
from tests.system.visitor import Visitor

pytestmark = pytest.mark.only_on("bookworm")

OLD, NEW, NEWER = "the old one 4711", "three old bicycles", "four new bicycles"
PEOPLE = "/var/lib/jupyterhub/people.sqlite"
NATIVE = f"auth: {{provider: native}}\nhub: {{admin_users: [teacher]}}\n{NO_KERNELS}"
# What a broken hub could do to its file.
LET_IN = """if True:
    import sqlite3, sys
    line = sqlite3.connect(sys.argv[1])
    line.execute("UPDATE people SET approved = 1 WHERE name = 'ivan'")
    line.commit()
"""
GONE = "Invalid username or password"


def installer(machine: Machine, *words: str, check: bool = True) -> Result:
    return machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=check, timeout=300)


def journal(machine: Machine) -> str:
    return machine.run("journalctl --unit=jupyterhub.service --output=cat --no-pager").stdout


def given(done: Result) -> str:
    """The password that a command has made up."""
    found = re.search(r"password: (\S+)", done.stdout)
    assert found, done
    return found[1]


@pytest.fixture(scope="module")
def bare(applied_server: Applied) -> Iterator[Machine]:
    """An applied machine as it is by default: people log in with their Linux accounts."""
    with Machine(applied_server[0]) as machine:
        for name in ("pia", "otto", "max"):
            add_person(machine, name, OLD, groups=["jupyterhub-users"])
        add_person(machine, "eve", OLD)
        machine.run("useradd --system --groups=jupyterhub-users backupd && echo 'backupd:the old one 4711' | chpasswd")
        yield machine


# --- Linux accounts --------------------------------------------------------------------------------


def test_a_member_changes_the_password_of_their_account(bare: Machine) -> None:
    with Visitor(bare) as visitor, Visitor(bare) as elsewhere:
        for each in (visitor, elsewhere):
            assert each.login("pia", OLD).status_code == httpx.codes.FOUND
        assert 'href="/hub/change-password"' in visitor.get("/hub/home").text
        before = bare.read("/etc/shadow")
        assert said(change(visitor, "not it", NEW)) == "The current password is wrong."
        assert said(change(visitor, OLD, NEW, NEWER)) == "The new password is not the same in both fields."
        assert said(change(visitor, OLD, OLD)) == "The new password is the old one."
        assert said(change(visitor, OLD, "x1y")) == "The new password is not taken: You must choose a longer password."
        assert "too long" in said(change(visitor, OLD, "x" * 5000))
        assert bare.read("/etc/shadow") == before
        page = change(visitor, OLD, NEW)
        assert "Your password is changed." in page.text, page.text
        assert is_in(visitor)
        assert not is_in(elsewhere), "with the old password, somebody else may have been there"
        assert elsewhere.login("pia", NEW).status_code == httpx.codes.FOUND
    with Visitor(bare) as late:
        assert late.login("pia", OLD).status_code == httpx.codes.FORBIDDEN
    status = bare.run("stat --format='%U:%G %a' /etc/shadow").stdout.strip()
    assert status == "root:shadow 640"
    lines = journal(bare) + bare.journal("--unit=jupyterhub-password@*")
    assert "pia has a new password" in lines
    assert not [word for word in (OLD, NEW, NEWER) if word in lines]


def test_whose_password_has_run_out_is_led_to_the_page(bare: Machine) -> None:
    bare.run(["chage", "--lastday", "0", "otto"])
    with Visitor(bare) as visitor:
        assert visitor.login("otto", "not it").status_code == httpx.codes.FORBIDDEN
        answer = visitor.login("otto", OLD)
        assert (answer.status_code, answer.headers["Location"]) == (httpx.codes.FOUND, CHANGE)
        assert not is_in(visitor), "the ticket opens nothing else"
        page = visitor.get(CHANGE)
        assert "Password of otto" in page.text
        assert "counts no longer" in page.text
        assert said(change(visitor, "not it", NEW)) == "The current password is wrong."
        visitor.name = "otto"
        assert change(visitor, OLD, NEW).url.path.startswith(("/hub/spawn", "/user/otto"))
        assert visitor.hub_user()["name"] == "otto"
    with Visitor(bare) as again:
        assert again.login("otto", NEW).status_code == httpx.codes.FOUND


def test_nobody_changes_anything_by_another_page(bare: Machine) -> None:
    fields = {"current": NEW, "new": NEWER, "again": NEWER}
    with Visitor(bare) as visitor:
        assert visitor.get(CHANGE, follow=False).headers["Location"].startswith("/hub/login")
        assert visitor.submit(CHANGE, fields).status_code == httpx.codes.FORBIDDEN
        visitor.login("pia", NEW)
        assert visitor.submit(CHANGE, fields).status_code == httpx.codes.FORBIDDEN, "without its token"
        assert visitor.submit(CHANGE, {**fields, "_xsrf": "2|x|y|z"}).status_code == httpx.codes.FORBIDDEN
        forged = visitor.send("GET", CHANGE, Cookie="jupyterhub-change-password=max")
        assert "Password of max" not in forged.text
    with Visitor(bare) as again:
        assert again.login("pia", NEW).status_code == httpx.codes.FOUND


@pytest.mark.parametrize(
    "question",
    [
        {"username": "root", "password": "x", "new": NEWER},
        {"username": "backupd", "password": OLD, "new": NEWER},
        {"username": "eve", "password": OLD, "new": NEWER},
        {"username": "jupyter", "password": OLD, "new": NEWER},
        {"username": "max", "password": None, "new": NEWER},
        {"username": "max", "password": "", "new": NEWER},
        {"username": "max", "new": NEWER},
        {"username": "max", "password": OLD},
        {"username": "max", "password": OLD, "new": ""},
        {"username": "max", "password": OLD, "new": None},
        {"username": "max", "password": OLD, "new": "four\0bicycles"},
        {"username": "max", "password": OLD, "new": ["four new bicycles"]},
        {"username": "max", "password": OLD, "new": "x" * 9000},
        {"username": "MAX", "password": OLD, "new": NEWER},
        {"username": "max:x", "password": OLD, "new": NEWER},
        {"username": "max\n", "password": OLD, "new": NEWER},
        {"username": ["max"], "password": OLD, "new": NEWER},
        [], 7, "{", "", "\n", '{"username": "max", "password": "the old one 4711", "new": "four new bicycles"',
    ],
)  # fmt: skip
def test_the_helper_changes_nothing_else(bare: Machine, question: object) -> None:
    before = bare.read("/etc/shadow")
    assert ask_helper(bare, question).get("ok") in (False, None)
    assert bare.read("/etc/shadow") == before


def test_nobody_but_the_hub_asks_it(bare: Machine) -> None:
    assert ask_helper(bare, {"username": "max", "password": OLD, "new": NEWER}, user="max") == {}
    assert bare.run(["stat", "--format=%U %a", SOCKET]).stdout.strip() == "jupyter 600"


def test_guessing_ends_after_a_few(bare: Machine) -> None:
    """Also for whoever has the hub, and asks four at a time."""
    with ThreadPoolExecutor(4) as threads:
        guesses = [{"username": "max", "password": f"guess {number}", "new": NEWER} for number in range(6)]
        answers = list(threads.map(lambda guess: ask_helper(bare, guess), guesses))
    assert not [answer for answer in answers if answer.get("ok")]
    right = ask_helper(bare, {"username": "max", "password": OLD, "new": NEWER})
    assert (right["ok"], right["tell"]) == (False, "Too many wrong passwords. Try again in ten minutes.")
    assert ask_helper(bare, {"username": "pia", "password": NEW, "new": NEWER})["ok"] is True, "others aren't kept out"
    with Visitor(bare) as visitor:
        assert visitor.login("max", OLD).status_code == httpx.codes.FOUND, "nor is max from the hub"


# --- names and passwords of the hub's own ----------------------------------------------------------


@pytest.fixture(scope="module")
def campus(bare: Machine) -> Machine:
    """The same, where people ask the hub for a name."""
    bare.put(CONFIG, NATIVE.replace("native}", "native, allow: {all: true}}"))
    assert "auth.allow.all has no say: people are let in one by one" in apply_as_root(bare).stderr
    bare.put(CONFIG, NATIVE)
    applied = apply_as_root(bare)
    assert applied.ok, applied
    assert "names and passwords of the hub's own" in applied.stdout
    return bare


@pytest.fixture(scope="module")
def teacher(campus: Machine) -> Iterator[Visitor]:
    """The hub's admin: added by root, and has chosen a password at the first login."""
    once = given(installer(campus, "user", "add", "teacher"))
    with Visitor(campus) as visitor:
        assert visitor.login("teacher", once).headers["Location"] == CHANGE
        assert not is_in(visitor)
        assert said(change(visitor, once, "teacher-teacher")) == "Your name is the first that others would try."
        assert said(change(visitor, once, "Password2026!")) == "That is one of the passwords that others try first."
        change(visitor, once, NEW)
        assert visitor.hub_user()["admin"] is True
        yield visitor
    assert once not in journal(campus)


def test_linux_accounts_are_out_of_it(campus: Machine, teacher: Visitor) -> None:
    assert is_in(teacher)
    assert campus.run(["systemctl", "is-active", "jupyterhub-password.socket"], check=False).stdout == "inactive\n"
    assert not campus.run("ls --directory /run/jupyterhub-password*", check=False).stdout
    with Visitor(campus) as visitor:
        assert GONE in visitor.login("pia", NEWER).text
    assert campus.run(f"stat --format='%U %a' {PEOPLE}").stdout.strip() == "jupyter 600"


def test_asking_and_being_let_in(campus: Machine, teacher: Visitor) -> None:
    with Visitor(campus) as visitor:
        assert 'href="/hub/signup"' in visitor.get("/hub/login").text
        page = sign_up(visitor, " Grace ", OLD, about="<b>third row</b>")
        assert "<strong>grace</strong>" in page.text
        assert GONE in visitor.login("grace", NEW).text, "a stranger isn't told that she waits"
        assert "hasn&#39;t answered your request yet" in visitor.login("grace", OLD).text
        assert not is_in(visitor)
        for method in ("GET", "POST"):
            assert visitor.send(method, ANSWERS).status_code == httpx.codes.FORBIDDEN
    shown = teacher.get(ANSWERS).text
    assert "&lt;b&gt;third row&lt;/b&gt;" in shown
    assert teacher.submit(ANSWERS, {"name": "grace", "answer": "approve"}).status_code == httpx.codes.FORBIDDEN
    assert "Approved: grace" in send_form(teacher, ANSWERS, name=["grace", "nobody"], answer="approve").text
    assert "Nobody is waiting" in teacher.get(ANSWERS).text
    with Visitor(campus) as visitor:
        assert visitor.login("grace", OLD).status_code == httpx.codes.FOUND
        assert visitor.hub_user()["admin"] is False
        assert "/hub/sign-ups" not in visitor.get("/hub/home").text
        assert visitor.get(ANSWERS).status_code == httpx.codes.FORBIDDEN
        visitor.start_server()
        assert "Your password is changed." in change(visitor, OLD, NEW).text
    assert campus.run("id --name --groups grace").stdout.split() == ["jupyterhub-accounts", "jupyterhub-users"]
    lines = journal(campus)
    assert "teacher: sign-up of grace: approve" in lines
    assert not [word for word in (OLD, NEW) if word in lines]


def test_nobody_learns_who_is_here(campus: Machine, teacher: Visitor) -> None:
    """A free name, one that is taken, an account of the machine's, and the admin's: the same words, as late."""
    names = ("nobody-yet", "grace", "pia", "teacher")
    answers, seconds = {}, {}
    for name in names:
        with Visitor(campus) as visitor:
            started = time.monotonic()
            page = sign_up(visitor, name, OLD, about="eve").text.replace(f"<strong>{name}</strong>", "NAME")
            seconds[name] = time.monotonic() - started
            answers[name] = re.sub(r'xsrf_token: "[^"]*"|\?v=\w+', "", page)
    assert len(set(answers.values())) == 1
    assert max(seconds.values()) - min(seconds.values()) < 1.5, seconds
    assert "nobody-yet" in teacher.get(ANSWERS).text
    assert not re.search(r'value="(grace|pia|teacher)"', teacher.get(ANSWERS).text)
    late: dict[str, float] = {}
    for name in ("grace", "nobody-there", "nobody-yet"):
        with Visitor(campus) as visitor:
            visitor.get("/hub/login")
            started = time.monotonic()
            assert GONE in visitor.login(name, "not the password").text
            late[name] = time.monotonic() - started
    assert min(late.values()) > 2.9
    assert max(late.values()) - min(late.values()) < 1.5, late
    with Visitor(campus) as visitor:
        assert visitor.login("grace", NEW).status_code == httpx.codes.FOUND, "it is hers as before"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("root", OLD, OLD, ""), "one of the system's"),
        (("jupyterhub-selftest", OLD, OLD, ""), "one of the system's"),
        (("", OLD, OLD, ""), "A name is a letter"),
        (("-rf", OLD, OLD, ""), "A name is a letter"),
        (("räuber", OLD, OLD, ""), "A name is a letter"),
        (("a" * 32, OLD, OLD, ""), "A name is a letter"),
        (("x" * 100_000, OLD, OLD, ""), "A name is a letter"),
        (("an\0n", OLD, OLD, ""), "A name is a letter"),
        (("../../etc", OLD, OLD, ""), "A name is a letter"),
        (("ann", "short", "short", ""), "10 characters or more"),
        (("ann", "x" * 400_000, "x" * 400_000, ""), "at most"),
        (("ann", OLD, NEW, ""), "not the same in both"),
        (("ann", "1234567890", "1234567890", ""), "row of keys"),
        (("ann", OLD, OLD, "y" * 1000), "in 200 characters"),
    ],
)  # fmt: skip
def test_bad_requests_are_told_in_words(campus: Machine, asked: tuple[str, str, str, str], why: str) -> None:
    """asked: name, password, the same again, and who they say they are."""
    with Visitor(campus) as visitor:
        page = sign_up(visitor, *asked)
        assert page.status_code == httpx.codes.BAD_REQUEST
        assert why in said(page)
        bare_form = visitor.submit(SIGN_UP, {"username": "ann", "password": OLD, "again": OLD})
        assert bare_form.status_code == httpx.codes.FORBIDDEN, "without its token"


@pytest.mark.parametrize("name", ["grace\0", "x" * 100_000, "räuber\n", "-", "' OR 1=1 --", "../../etc/passwd"])
def test_odd_names_and_passwords_at_the_login(campus: Machine, name: str) -> None:
    with Visitor(campus) as visitor:
        assert GONE in visitor.login(name, "x" * 500_000).text


def test_guessing_is_slowed_here_too(campus: Machine) -> None:
    def guess(number: int) -> int:
        with Visitor(campus) as visitor:
            return visitor.login("nobody-at-all", f"guess {number}").status_code

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(guess, range(8)))
    assert answers == [*[httpx.codes.FORBIDDEN] * 5, *[httpx.codes.TOO_MANY_REQUESTS] * 3]
    assert journal(campus).count("'nobody-at-all': too many wrong passwords") == 3


def test_two_who_ask_for_one_name_at_once(campus: Machine) -> None:
    def ask(number: int) -> str:
        with Visitor(campus) as visitor:
            return sign_up(visitor, "hedy", f"password {number} of hers").text

    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(ask, range(4)))
    assert all("<strong>hedy</strong>" in page for page in pages)
    assert journal(campus).count("Sign-up as hedy waits") == 1
    assert journal(campus).count("Sign-up as 'hedy' not taken") == 3


def test_on_the_command_line(campus: Machine) -> None:
    listed = {line["name"]: line["state"] for line in json.loads(installer(campus, "user", "list", "--json").stdout)}
    assert {listed["grace"], listed["hedy"]} == {"member", "waiting"}
    assert installer(campus, "user", "allowed", "hedy", check=False).code == 1
    assert (
        "nobody has asked for the name 'nobody'" in installer(campus, "user", "approve", "nobody", check=False).stderr
    )
    assert "NAME" in installer(campus, "user", "approve", check=False).stderr
    assert "hedy may log in." in installer(campus, "user", "approve", "hedy").stdout
    assert "an administrator has let them in" in installer(campus, "user", "allowed", "hedy").stdout
    assert "forgotten" in installer(campus, "user", "reject", "nobody-yet").stdout
    assert "is in already" in installer(campus, "user", "reject", "grace", check=False).stderr
    doctor = installer(campus, "doctor", check=False).stdout
    assert "people log in with names and passwords of the hub's own\n" in doctor
    assert "grace is in jupyterhub-users, and can't log in" not in doctor, "the account has no password, and needs none"
    # Somebody who has not been here yet, and has forgotten it.
    once = given(installer(campus, "user", "reset-password", "hedy"))
    with Visitor(campus) as visitor:
        assert visitor.login("hedy", once).headers["Location"] == CHANGE
        change(visitor, once, NEWER)
        assert visitor.hub_user()["name"] == "hedy"


def test_an_account_of_the_machine_is_nobodys_unless_it_is_given(campus: Machine) -> None:
    """Approved before, it had no account; one came to be there since."""
    with Visitor(campus) as visitor:
        sign_up(visitor, "ivan", OLD)
    add_person(campus, "ivan", NEW, groups=["jupyterhub-users"])
    refused = installer(campus, "user", "approve", "ivan", check=False)
    assert "there is an account ivan on this machine, which whoever asked for the name doesn't get" in refused.stderr
    campus.run(["python3", "-c", LET_IN, PEOPLE], user="jupyter", cwd="/")
    with Visitor(campus) as visitor:
        assert visitor.login("ivan", OLD).status_code == httpx.codes.FORBIDDEN
        assert "the account ivan was there before" in journal(campus)
    once = given(installer(campus, "user", "add", "pia"))
    with Visitor(campus) as visitor:
        assert visitor.login("pia", once).headers["Location"] == CHANGE
        change(visitor, once, NEW)
        assert visitor.hub_user()["name"] == "pia"
    assert NEW not in campus.read("/etc/shadow")
    assert "gives power" in installer(campus, "user", "add", "pia", "--group", "sudo", check=False).stderr


def test_a_new_password_and_a_new_name(campus: Machine) -> None:
    with Visitor(campus) as before:
        before.login("grace", NEW)
        assert is_in(before)
        once = given(installer(campus, "user", "reset-password", "grace"))
        assert not is_in(before)
    with Visitor(campus) as visitor:
        assert GONE in visitor.login("grace", NEW).text
        assert visitor.login("grace", once).headers["Location"] == CHANGE
        change(visitor, once, NEWER)
    installer(campus, "user", "rename", "pia", "piet")
    with Visitor(campus) as visitor:
        assert GONE in visitor.login("pia", NEW).text
        assert visitor.login("piet", NEW).status_code == httpx.codes.FOUND
    installer(campus, "user", "remove", "piet", "--delete-home", "--yes")
    with Visitor(campus) as visitor:
        assert GONE in visitor.login("piet", NEW).text
    installer(campus, "user", "disable", "hedy")
    with Visitor(campus) as visitor:
        assert visitor.login("hedy", NEWER).status_code == httpx.codes.FORBIDDEN
        assert not is_in(visitor)


def test_guesses_at_the_old_one_are_counted_before_they_are_looked_at(campus: Machine) -> None:
    once = given(installer(campus, "user", "add", "nina"))
    with Visitor(campus) as visitor:
        visitor.login("nina", once)
        change(visitor, once, NEW)
        with ThreadPoolExecutor(12) as threads:
            told = Counter(threads.map(lambda number: said(change(visitor, f"guess {number}", NEWER)), range(12)))
    assert told.pop("The current password is wrong.") == 5
    assert sum(told.values()) == 7
    assert all(why.startswith("Too many wrong passwords. Try again in") for why in told)


def test_who_deletes_somebody_in_the_hub_deletes_the_password(campus: Machine, teacher: Visitor) -> None:
    assert teacher.api("DELETE", "/hub/api/users/hedy").status_code == httpx.codes.NO_CONTENT
    with Visitor(campus) as visitor:
        assert GONE in visitor.login("hedy", NEWER).text


def test_a_damaged_file_is_told_and_a_backup_brings_it_back(campus: Machine, teacher: Visitor) -> None:
    installer(campus, "backup", "/root/b.tar.gz")
    assert "hub/people.sqlite" in campus.run("tar --list --file=/root/b.tar.gz").stdout.split()
    campus.run(f"head --bytes=20000 /dev/zero > {PEOPLE}")
    with Visitor(campus) as visitor:
        page = visitor.login("grace", NEWER)
        assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "Nobody can log in at the moment" in page.text
        assert sign_up(visitor, "late", OLD).status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert is_in(teacher), "who is in stays in"
    assert f"{PEOPLE}: file is not a database" in journal(campus)
    assert f"nobody can log in: {PEOPLE}: file is not a database" in installer(campus, "doctor", check=False).stdout
    failed = installer(campus, "user", "reset-password", "grace", check=False)
    assert failed.code == 1
    assert "file is not a database" in failed.stderr
    assert "Traceback" not in failed.stderr
    campus.run(f"rm {PEOPLE}")
    restored = installer(campus, "restore", "/root/b.tar.gz", "--replace", "--yes")
    assert restored.ok, restored
    with Visitor(campus) as visitor:
        assert visitor.login("grace", NEWER).status_code == httpx.codes.FOUND


def test_closed(campus: Machine) -> None:
    campus.put(CONFIG, NATIVE.replace("native}", "native, sign_up: closed}"))
    assert apply_as_root(campus).ok
    with Visitor(campus) as visitor:
        assert visitor.get(SIGN_UP).status_code == httpx.codes.NOT_FOUND
        assert "signup" not in visitor.get("/hub/login").text
        assert visitor.login("grace", NEWER).status_code == httpx.codes.FOUND
