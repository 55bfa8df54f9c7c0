"""installer user: people come and go, and nobody else notices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, CHECKOUT, add_person
from tests.system.machine_process import Result
from tests.system.visitor import Visitor

pytestmark = pytest.mark.only_on("trixie")

GRACE, MEMBERS, DISABLED = "grace", "jupyterhub-users", "jupyterhub-disabled"
PASSWORD = "a very fine password 4711"
FAILED, USAGE, DEGRADED = 1, 2, 3


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        yield machine


@pytest.fixture(scope="module", autouse=True)
def grace(campus: Machine) -> Iterator[Visitor]:
    """Somebody who is at work all the while, and is to notice nothing of it."""
    add_person(campus, GRACE, PASSWORD, groups=[MEMBERS])
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.start_server()
        yield visitor


@pytest.fixture(scope="module")
def began(campus: Machine, grace: Visitor) -> tuple[str, str]:
    return running(campus)


def running(machine: Machine) -> tuple[str, str]:
    """The hub's process, and that of grace's server."""
    hub = machine.run(["systemctl", "show", "--property=MainPID", "jupyterhub"]).stdout
    return hub, machine.run(["pgrep", "--uid", GRACE, "--full", "jupyterhub-singleuser"]).stdout


def user(machine: Machine, *words: str, stdin: str | None = None, check: bool = True) -> Result:
    return machine.run(
        ["python3", "-m", "installer", "user", *words], cwd=CHECKOUT, stdin=stdin, check=check, timeout=120
    )


def refused(machine: Machine, *words: str, code: int = FAILED) -> str:
    """What is said to a command that can't be; nothing has changed then."""
    before = accounts(machine)
    result = user(machine, *words, check=False)
    assert result.code == code, result
    assert "Traceback" not in result.output
    assert re.search("^error: .+\n(  .*\n)*hint: .+$", result.stderr.strip()), result.stderr
    assert accounts(machine) == before
    return result.stderr


def accounts(machine: Machine) -> list[str]:
    return [machine.read(f"/etc/{file}") for file in ("passwd", "shadow", "group", "gshadow")]


def password_in(result: Result) -> str:
    found = re.search(r"password: ([a-z0-9-]{23}) ", result.stdout)
    assert found, result
    return found[1]


def logs_in(machine: Machine, name: str, password: str) -> bool:
    with Visitor(machine) as visitor:
        return visitor.login(name, password).status_code == httpx.codes.FOUND


def line_of(machine: Machine, name: str, *options: str) -> dict[str, Any] | None:
    listed: list[dict[str, Any]] = json.loads(user(machine, "list", "--json", *options).stdout)
    return next((line for line in listed if line["name"] == name), None)


# --- coming and going ---------------------------------------------------------------------------------


def test_from_the_first_day_to_the_last(campus: Machine, began: tuple[str, str]) -> None:
    """Added, at work, disabled, enabled, archived and gone; the hub goes on, and so does grace's server."""
    user(campus, "group", "add", "physics", GRACE)
    first = password_in(user(campus, "add", "otto", "--group", "physics"))
    assert campus.run(["stat", "--format=%U %a", "/home/otto"]).stdout.strip() == "otto 700"
    accounts_before = accounts(campus)
    assert "nothing to do" in user(campus, "add", "otto", "--group", "physics").stdout
    assert accounts(campus) == accounts_before
    with Visitor(campus) as otto:
        assert otto.login("otto", first).status_code == httpx.codes.FOUND
        otto.start_server()
        line = line_of(campus, "otto", "--disk")
        assert line is not None
        assert (line["state"], line["server"], line["groups"], line["admin"]) == (
            "member",
            "running",
            ["physics"],
            False,
        )
        assert line["last_activity"]
        assert line["disk"] > 0

        user(campus, "disable", "otto")
        assert campus.run(["pgrep", "--uid", "otto", "--full", "singleuser"], check=False).stdout == ""
        assert not otto.server_answers()
        assert not logs_in(campus, "otto", first)
        line = line_of(campus, "otto")
        assert line is not None
        assert (line["state"], line["server"]) == ("disabled", "stopped")
        assert "disabled" in refused(campus, "add", "otto")

        user(campus, "enable", "otto")
        second = password_in(user(campus, "reset-password", "otto"))
        assert not logs_in(campus, "otto", first)
        assert logs_in(campus, "otto", second)

        campus.run("echo mine > /home/otto/notes; ln -s /etc/shadow /home/otto/link; touch /tmp/ottos", user="otto")
        campus.run("touch /var/mail/otto && echo '0 0 * * * true' | crontab -u otto - || touch /var/spool/cron/otto")
        user(campus, "remove", "otto", "--archive-home", "/root/otto.tar.gz")
        assert otto.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
    archived = campus.run(["tar", "--list", "--verbose", "--file=/root/otto.tar.gz"]).stdout
    assert "./notes" in archived
    assert "link -> /etc/shadow" in archived
    assert campus.run(["stat", "--format=%a %U", "/root/otto.tar.gz"]).stdout.strip() == "600 root"
    assert line_of(campus, "otto") is None
    left = "getent passwd otto; grep -r otto /etc/passwd* /etc/group /etc/gshadow /etc/shadow /etc/subuid; ls -d " \
           "/home/otto /tmp/ottos /var/mail/otto /var/spool/cron/crontabs/otto"  # fmt: skip
    assert re.sub("/etc/passwd-:.*\n", "", campus.run(left, check=False).stdout) == ""
    assert running(campus) == began


def test_account_that_is_there_is_let_in(campus: Machine) -> None:
    person = add_person(campus, "edsger", PASSWORD)
    assert "with the password of the account" in user(campus, "add", person.name).stdout
    assert logs_in(campus, person.name, PASSWORD)
    user(campus, "remove", person.name)
    assert "/home/edsger" in campus.run(["ls", "-d", "/home/edsger"]).stdout
    assert "/home/edsger is there already" in refused(campus, "add", person.name)


def test_password_comes_from_a_file_or_a_pipe(campus: Machine) -> None:
    assert "password" not in user(campus, "add", "pipe", "--password-file", "-", stdin=f"{PASSWORD}\n").stdout
    assert logs_in(campus, "pipe", PASSWORD)
    campus.put("/root/word", "another one 4712\nsecond line\n", mode="0600")
    user(campus, "reset-password", "pipe", "--password-file", "/root/word")
    assert logs_in(campus, "pipe", "another one 4712")
    campus.put("/root/word", "\n")
    refused(campus, "reset-password", "pipe", "--password-file", "/root/word", code=USAGE)
    refused(campus, "reset-password", "pipe", "--password-file", "/nowhere", code=USAGE)
    seen = campus.journal() + user(campus, "list").output
    assert "another one 4712" not in seen
    user(campus, "remove", "pipe", "--delete-home")
    assert "No such file" in campus.run(["ls", "/home/pipe"], check=False).stderr


def test_somebody_has_another_name(campus: Machine, began: tuple[str, str]) -> None:
    """With home, groups and all that the system has by name; nothing goes by the old one."""
    user(campus, "group", "add", "physics", GRACE)
    user(campus, "add", "marie", "--group", "physics", "--password-file", "-", stdin=f"{PASSWORD}\n")
    with Visitor(campus) as visitor:
        visitor.login("marie", PASSWORD)
        visitor.start_server()
        campus.run("echo mine > ~/notes", user="marie")
        uid, ranges = campus.run(["id", "-u", "marie"]).stdout, campus.read("/etc/subuid").replace("marie:", "curie:")
        user(campus, "rename", "marie", "curie")
        assert not visitor.server_answers()
    assert not logs_in(campus, "marie", PASSWORD)
    assert logs_in(campus, "curie", PASSWORD)
    assert campus.run(["id", "-u", "curie"]).stdout == uid
    assert campus.run(["id", "--groups", "--name", "curie"]).stdout.split() == ["curie", MEMBERS, "physics"]
    assert campus.run(["stat", "--format=%U %G %a", "/home/curie", "/home/curie/notes"]).stdout.split()[:3] == [
        "curie", "curie", "700",
    ]  # fmt: skip
    assert sorted(campus.read("/etc/subuid").splitlines()) == sorted(ranges.splitlines())
    assert "marie" not in "".join(accounts(campus))
    assert line_of(campus, "marie") is None
    for name, new, why in (
        ("curie", GRACE, "there is an account"),
        ("curie", "physics", "there is a group"),
        ("curie", "root", "can't be an account"),
        (ADMIN.name, "someone", "looks after this machine"),
    ):
        assert why in user(campus, "rename", name, new, check=False).stderr
    user(campus, "remove", "curie", "--delete-home")
    assert running(campus) == began


# --- what it doesn't do -------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [["disable"], ["reset-password"], ["remove", "--yes", "--delete-home"]], ids=" ".join)
@pytest.mark.parametrize("name", ["root", "jupyter", ADMIN.name])
def test_accounts_of_the_machine_are_left(campus: Machine, verb: Sequence[str], name: str) -> None:
    refused(campus, verb[0], name, *verb[1:])


@pytest.mark.parametrize("name", ["root", "../x", "Ada", ""])
def test_what_is_no_name_is_refused(campus: Machine, name: str) -> None:
    assert "can't be an account" in refused(campus, "add", name, code=USAGE)


@pytest.mark.parametrize("group", ["sudo", "adm", MEMBERS])
def test_groups_with_power_are_left(campus: Machine, group: str) -> None:
    refused(campus, "add", "newcomer", "--group", group)
    refused(campus, "group", "add", group, GRACE)


def test_group_that_is_not_there_is_named(campus: Machine) -> None:
    assert "there is no group 'chemistry'" in refused(campus, "add", "newcomer", "--group", "chemistry")


def test_home_that_is_a_link_is_not_followed(campus: Machine) -> None:
    user(campus, "add", "linked")
    campus.run("mv /home/linked /srv/linked && ln -s /srv/linked /home/linked")
    told = refused(campus, "remove", "linked", "--delete-home")
    assert "/home/linked is a symbolic link" in told
    campus.run("rm /home/linked && mkdir /home/linked")
    assert "does not belong to linked" in refused(campus, "remove", "linked", "--delete-home")
    campus.run(["rmdir", "/home/linked"])
    user(campus, "remove", "linked", "--delete-home")
    assert campus.run(["ls", "-A", "/srv/linked"]).stdout


def test_home_that_is_not_all_archived_is_kept(campus: Machine) -> None:
    user(campus, "add", "partly")
    campus.run("echo secret > /home/partly/roots && chmod 600 /home/partly/roots")
    told = user(campus, "remove", "partly", "--archive-home", "/root/partly.tar.gz", check=False)
    assert told.code == FAILED
    assert "it was kept, and so was the account" in told.stderr
    assert campus.read("/home/partly/roots") == "secret\n"
    assert "No such file" in campus.run(["ls", "/root/partly.tar.gz"], check=False).stderr
    user(campus, "remove", "partly", "--delete-home")


def test_homes_that_root_can_not_make(campus: Machine) -> None:
    """As on NFS with root_squash: no half of an account is left."""
    campus.run("mount --bind /home /home && mount -o remount,bind,ro /home")
    assert "could not be made" in refused(campus, "add", "squashed")
    campus.run(["umount", "/home"])
    user(campus, "add", "squashed")
    user(campus, "remove", "squashed", "--delete-home")


# --- many ---------------------------------------------------------------------------------------------


def test_table_of_people(campus: Machine, began: tuple[str, str]) -> None:
    """With a byte order mark, quotes and semicolons, as spreadsheets save it; a second time nothing is done."""
    campus.put("/root/course.csv", '\ufeffname;groups\r\n"ines";physics\r\n" jan ";\r\n"kim";"physics"\r\n')
    before = accounts(campus)
    assert "3 accounts to make" in user(campus, "import", "/root/course.csv", "--dry-run").stdout
    assert "say where their passwords go" in refused(campus, "import", "/root/course.csv", code=USAGE)
    assert accounts(campus) == before
    user(campus, "import", "/root/course.csv", "--passwords", "/root/words.csv")
    words = dict(line.split(",") for line in campus.read("/root/words.csv").splitlines())
    assert sorted(words) == ["ines", "jan", "kim", "name"]
    assert logs_in(campus, "jan", words["jan"])
    assert campus.run(["stat", "--format=%a", "/root/words.csv"]).stdout.strip() == "600"
    before = accounts(campus)
    assert "3 in already" in user(campus, "import", "/root/course.csv", "--passwords", "/root/more.csv").stdout
    assert accounts(campus) == before
    for name in ("ines", "jan", "kim"):
        user(campus, "remove", name, "--delete-home")
    assert running(campus) == began


def test_table_with_mistakes_changes_nothing(campus: Machine) -> None:
    campus.put("/root/bad.csv", f"name,groups\nlena,sudo\nlena2,\nlena2,\nroot,\n{ADMIN.name},physics\nx y,\nm,a,b\n")
    told = refused(campus, "import", "/root/bad.csv", "--passwords", "/root/no.csv", code=USAGE)
    for line, what in (
        (2, "gives power"),
        (4, "in line 3 already"),
        (5, "can't be an account"),
        (8, "more or fewer cells"),
    ):
        assert re.search(f"line {line}: .*{what}", told), told
    campus.put("/root/bad.csv", "login,groups\nx,\n")
    assert "'login' is no column" in refused(campus, "import", "/root/bad.csv", code=USAGE)
    campus.put("/root/bad.csv", b"name\n\xff\xfe\n")
    assert "not UTF-8 (line 2)" in refused(campus, "import", "/root/bad.csv", code=USAGE)


def test_ten_thousand_rows_are_looked_at_in_seconds(campus: Machine) -> None:
    campus.put("/root/all.csv", "name\n" + "".join(f"student{number}\n" for number in range(10_000)))
    result = user(campus, "import", "/root/all.csv", "--dry-run")
    assert "10000 accounts to make" in result.stdout
    assert result.seconds < 30


def test_without_the_hub(campus: Machine) -> None:
    """What the machine knows is told all the same, and nobody is half removed."""
    user(campus, "add", "late")
    campus.run(["systemctl", "stop", "jupyterhub"])
    assert "API doesn't answer" in refused(campus, "remove", "late", "--delete-home")
    told = user(campus, "list", check=False)
    assert told.code == DEGRADED
    assert "late" in told.stdout
    campus.run(["systemctl", "start", "jupyterhub"])
    user(campus, "remove", "late", "--delete-home")


def test_nothing_failed(campus: Machine, grace: Visitor) -> None:
    assert grace.server_answers()
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
