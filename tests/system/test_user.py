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
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.machine_process import Result
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("sid")

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
        assert re.search(r"^otto +\d+ +member +\S+ \S+ +running +0 MB +physics$",
                         user(campus, "list", "--disk").stdout, re.MULTILINE)  # fmt: skip
        token = token_of(otto)
        assert otto.as_program("/hub/api/user", token).status_code == httpx.codes.OK

        user(campus, "disable", "otto")
        assert otto.as_program("/hub/api/user", token).status_code == httpx.codes.FORBIDDEN
        assert otto.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
        assert campus.run(["pgrep", "--uid", "otto", "--full", "singleuser"], check=False).stdout == ""
        assert not otto.server_answers()
        assert not logs_in(campus, "otto", first)
        line = line_of(campus, "otto")
        assert line is not None
        assert (line["state"], line["server"]) == ("disabled", "stopped")
        assert "disabled" in refused(campus, "add", "otto")

        user(campus, "enable", "otto")
        assert otto.get("/hub/home", follow=False).status_code == httpx.codes.FOUND, "that one has ended"
        assert otto.login("otto", first).status_code == httpx.codes.FOUND
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


def test_groups(campus: Machine) -> None:
    assert "grace: in chess now." in user(campus, "group", "add", "chess", GRACE).stdout
    assert "Nothing to do." in user(campus, "group", "add", "chess", GRACE).stdout
    assert re.search("^chess +grace$", user(campus, "group", "list").stdout, re.MULTILINE)
    assert "grace: out of chess now." in user(campus, "group", "remove", "chess", GRACE).stdout
    assert "chess" not in json.loads(user(campus, "group", "list", "--json").stdout)
    assert "there is no account 'nobody-there'" in refused(campus, "group", "add", "chess", "nobody-there")


def test_account_that_is_there_is_let_in(campus: Machine) -> None:
    person = add_person(campus, "edsger", PASSWORD)
    assert "with the password of the account" in user(campus, "add", person.name).stdout
    assert logs_in(campus, person.name, PASSWORD)
    user(campus, "remove", person.name)
    assert "/home/edsger" in campus.run(["ls", "-d", "/home/edsger"]).stdout
    assert "/home/edsger is there already" in refused(campus, "add", person.name)


def test_nobody_inherits_what_somebody_left(campus: Machine) -> None:
    """A home, files elsewhere, and the uid that all of that is of; nor that of an account that was deleted by hand."""
    user(campus, "add", "leaver")
    uid = int(campus.run(["id", "-u", "leaver"]).stdout)
    campus.run("echo mine >/home/leaver/notes; echo mine >/srv/leavers")
    campus.run("chown leaver: /home/leaver/notes /srv/leavers && chmod 600 /srv/leavers")
    assert "the home stays" in user(campus, "remove", "leaver").stdout
    user(campus, "add", "comer")
    assert int(campus.run(["id", "-u", "comer"]).stdout) > uid
    for file in ("/home/leaver/notes", "/srv/leavers"):
        assert not campus.run(["cat", file], user="comer", check=False).ok
    campus.run("rm -r /home/leaver && userdel comer")
    user(campus, "add", "later")
    assert int(campus.run(["id", "-u", "later"]).stdout) > uid + 1
    retired = campus.read("/var/lib/jupyterhub-installer/retired-uids").split()
    assert str(uid) in retired
    user(campus, "remove", "later", "--delete-home")
    campus.run(["rm", "-r", "/home/comer", "/srv/leavers"])


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


SQUASHED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
"""root as a file server with root_squash takes it: somebody without rights to what is others'. (A real NFS server needs
the machine's kernel, which a container hasn't got to itself; this is what the commands meet where they use one.)"""


def test_homes_where_root_is_nobody(campus: Machine) -> None:
    """The person's own rights are enough to archive and to delete what is in it; the directory's, to remove it, not."""
    words = [*SQUASHED, "python3", "-m", "installer", "user"]
    user(campus, "add", "remote", "--password-file", "-", stdin=f"{PASSWORD}\n")
    campus.run("mkdir /home/remote/thesis && echo mine >/home/remote/thesis/notes", user="remote")
    campus.run("chmod 1777 /home && chown games /home")
    try:
        archived = ["remove", "remote", "--archive-home", "/root/remote.tar.gz"]
        kept = campus.run([*words, *archived], cwd=CHECKOUT, check=False, timeout=120)
        assert kept.code == FAILED
        assert "the home /home/remote can't be removed" in kept.stderr
        assert "where root may not (NFS), remove it on the machine that it is on; the account is still" in kept.stderr
        assert "./thesis/notes" in campus.run(["tar", "--list", "--file=/root/remote.tar.gz"]).stdout
        assert campus.run(["ls", "-A", "/home/remote"], user="remote").stdout == ""
        assert campus.run(["getent", "passwd", "remote"]).ok
    finally:
        campus.run("chown root /home && chmod 755 /home")
    user(campus, "remove", "remote", "--delete-home")


@pytest.mark.parametrize("way", ["missing", "a link"])
def test_a_home_that_is_not_where_it_should_be(campus: Machine, way: str) -> None:
    """One that is a link is a home; without one, no server starts, and doctor says what to do."""
    user(campus, "add", "homer", "--password-file", "-", stdin=f"{PASSWORD}\n")
    campus.run("mv /home/homer /srv/homer")
    if way == "a link":
        campus.run(["ln", "-s", "/srv/homer", "/home/homer"])
    with Visitor(campus) as visitor:
        visitor.login("homer", PASSWORD)
        if way == "a link":
            visitor.start_server()
        else:
            visitor.get("/hub/spawn")
            until("the refusal", lambda: "Spawn failed" in visitor.get("/hub/spawn-pending/homer").text)
    doctor = campus.run(["python3", "-m", "installer", "doctor"], cwd=CHECKOUT, check=False).stdout
    assert ("homer is in jupyterhub-users, and has no home (/home/homer)" in doctor) is (way == "missing")
    campus.run("rm -f /home/homer")
    user(campus, "remove", "homer")
    campus.run("rm -r /srv/homer")


def test_a_password_for_one_login(campus: Machine) -> None:
    """It is right, and nobody gets in by it before another one is chosen; then that one is like any other."""
    first = password_in(user(campus, "add", "once", "--one-time"))
    assert "password must be changed" in campus.run("LC_ALL=C chage --list once").stdout
    with Visitor(campus) as visitor:
        # On to the page where another one is chosen (see test_passwords).
        assert visitor.login("once", first).headers["Location"] == "/hub/change-password"
        assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
    campus.run(["chpasswd"], stdin=f"once:{PASSWORD}\n")
    assert logs_in(campus, "once", PASSWORD)
    user(campus, "reset-password", "once", "--one-time", "--password-file", "-", stdin="another 4711 one\n")
    with Visitor(campus) as visitor:
        visitor.login("once", "another 4711 one")
        assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
    user(campus, "remove", "once", "--delete-home")


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
    assert "password must be changed" not in campus.run("LC_ALL=C chage --list jan").stdout
    words = dict(line.split(",") for line in campus.read("/root/words.csv").splitlines())
    assert sorted(words) == ["ines", "jan", "kim", "name"]
    assert logs_in(campus, "jan", words["jan"])
    assert campus.run(["stat", "--format=%a", "/root/words.csv"]).stdout.strip() == "600"
    before = accounts(campus)
    assert "3 in already" in user(campus, "import", "/root/course.csv", "--passwords", "/root/more.csv").stdout
    assert accounts(campus) == before
    campus.put("/root/more.csv", "name\nlou\n")
    user(campus, "import", "/root/more.csv", "--passwords", "/root/once.csv", "--one-time")
    once = campus.read("/root/once.csv").splitlines()[1].partition(",")[2]
    with Visitor(campus) as visitor:
        assert visitor.login("lou", once).headers["Location"] == "/hub/change-password"
    for name in ("ines", "jan", "kim", "lou"):
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


# --- hub admins ---------------------------------------------------------------------------------------

CONFIGURED = "# ours\nhub: # the site\n  admin_users: [ada] # the first\n"
TAKES_OVER: tuple[tuple[str, str, object], ...] = (
    ("POST", "/users/grace/tokens", {}),
    ("GET", "/users/grace/tokens", None),
    ("PATCH", "/users/grace", {"name": "hopper"}),
    ("PATCH", "/users/dora", {"name": "grace2"}),
    ("PATCH", "/users/grace", {"admin": True}),
    ("POST", "/users/newone", {"admin": True}),
    ("POST", "/services/door", {"admin": True}),
    ("POST", "/shares/grace/", {"user": "dora"}),
    ("GET", "/proxy", None),
)
"""What an admin of JupyterHub's own could do to be somebody else."""


def server_of_grace(machine: Machine) -> str:
    return machine.run(["pgrep", "--uid", GRACE, "--full", "jupyterhub-singleuser"]).stdout


def token_of(visitor: Visitor) -> str:
    answer = visitor.api("POST", f"/hub/api/users/{visitor.name}/tokens", {"note": "a program's"})
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.json()["token"])


def visits(machine: Machine) -> int:
    """How often the hub has told that dora opened grace's server."""
    return machine.journal("--unit=jupyterhub.service").count("dora opens grace's server")


def is_admin(machine: Machine, name: str) -> bool:
    line = line_of(machine, name)
    assert line is not None
    return bool(line["admin"])


@pytest.fixture(scope="module")
def dora(campus: Machine) -> Iterator[Visitor]:
    """A hub admin, who is logged in all the while."""
    campus.put(CONFIG, CONFIGURED.replace("ada", ADMIN.name) + NO_KERNELS)
    assert apply_as_root(campus).ok
    before = server_of_grace(campus)
    added = user(campus, "add", "dora", "--admin", "--password-file", "-", stdin=f"{PASSWORD}\n")
    assert "dora is an admin of the hub" in added.stdout
    assert server_of_grace(campus) == before
    with Visitor(campus) as visitor:
        visitor.login("dora", PASSWORD)
        visitor.get("/hub/home")
        yield visitor


def test_an_admin_is_one_at_once_and_for_good(campus: Machine, dora: Visitor) -> None:
    assert campus.read(CONFIG).startswith(CONFIGURED.replace("[ada]", f"[{ADMIN.name}, dora]"))
    assert dora.hub_user()["admin"] is True
    assert dora.get("/hub/admin").status_code == httpx.codes.OK
    assert dora.api("GET", "/hub/api/users/grace").json()["name"] == GRACE
    assert "already: nothing to do" in user(campus, "admin", "dora", "on").stdout
    campus.run(["systemctl", "restart", "jupyterhub"])
    until("the hub", lambda: dora.get("/hub/health", follow=False).status_code == httpx.codes.OK)
    assert dora.hub_user()["admin"] is True
    assert is_admin(campus, "dora")


def test_an_admin_is_let_into_no_server(campus: Machine, dora: Visitor, grace: Visitor) -> None:
    """Nor does becoming somebody else work; stopping a server, and starting it, does."""
    assert dora.get("/user/grace/lab").status_code == httpx.codes.FORBIDDEN
    assert dora.as_program("/user/grace/api/status", token_of(dora)).status_code == httpx.codes.FORBIDDEN
    for method, path, content in TAKES_OVER:
        answer = dora.api(method, f"/hub/api{path}", content)
        assert answer.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}, (method, path, answer.text)
    assert not visits(campus)
    assert grace.server_answers()


def test_an_admin_by_hand_is_none_after_the_next_apply(campus: Machine, dora: Visitor) -> None:
    """And where the config says so, admins are let into servers, each visit being a line in the journal."""
    text = campus.read(CONFIG).replace(", dora]", "]").replace("hub: # the site\n", "hub:\n  admin_access: true\n")
    campus.put(CONFIG, text)
    refused = user(campus, "admin", "dora", "on", check=False)
    assert "was changed since the last apply" in refused.stderr
    assert apply_as_root(campus).ok
    assert dora.hub_user()["admin"] is False
    assert dora.get("/hub/admin").status_code == httpx.codes.FORBIDDEN
    token = token_of(dora)
    assert dora.as_program("/user/grace/api/status", token).status_code == httpx.codes.FORBIDDEN
    assert not visits(campus)

    assert "is an admin of the hub" in user(campus, "admin", "dora", "on").stdout
    assert dora.as_program("/user/grace/api/status", token_of(dora)).status_code == httpx.codes.OK
    assert visits(campus) == 1
    for method, path, content in TAKES_OVER:
        assert not dora.api(method, f"/hub/api{path}", content).is_success, (method, path)


def test_an_admins_browser_is_noted_as_well(campus: Machine, dora: Visitor) -> None:
    before = visits(campus)
    page = dora.get("/user/grace/lab")
    form = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
    assert form, page.text
    opened = dora.submit(str(page.url), {"_xsrf": form[1], "scopes": "access:servers!server=grace/"})
    assert "<title>JupyterLab</title>" in opened.text, opened.text
    assert visits(campus) == before + 1


def test_an_admin_is_none_at_once_and_for_good(campus: Machine, dora: Visitor, grace: Visitor) -> None:
    before = server_of_grace(campus)
    assert "is no admin any more" in user(campus, "admin", "dora", "off").stdout
    assert dora.hub_user()["admin"] is False
    assert dora.as_program("/user/grace/api/status", token_of(dora)).status_code == httpx.codes.FORBIDDEN
    assert "nothing to do" in user(campus, "admin", "dora", "off").stdout
    assert not is_admin(campus, "dora")
    assert server_of_grace(campus) == before
    assert grace.server_answers()


def test_who_can_not_be_an_admin(campus: Machine, dora: Visitor) -> None:
    assert "there is no account nobody-there" in refused(campus, "admin", "nobody-there", "on")
    user(campus, "disable", "dora")
    assert "dora may not log in" in refused(campus, "admin", "dora", "on")
    user(campus, "enable", "dora")
    assert "can't be an account" in refused(campus, "admin", "jupyter", "on", code=USAGE)
    assert "invalid choice" in user(campus, "admin", "dora", "perhaps", check=False).stderr
    assert dora.name


def test_an_admin_has_another_name_and_goes(campus: Machine, dora: Visitor) -> None:
    user(campus, "admin", dora.name, "on")
    user(campus, "rename", "dora", "theodora")
    assert f"admin_users: [{ADMIN.name}, theodora] # the first" in campus.read(CONFIG)
    assert logs_in(campus, "theodora", PASSWORD)
    assert is_admin(campus, "theodora")
    user(campus, "remove", "theodora", "--delete-home")
    assert f"admin_users: [{ADMIN.name}] # the first" in campus.read(CONFIG)
    assert line_of(campus, "theodora") is None


def test_what_the_config_grants_somebody_has_their_new_name_and_goes_with_them(campus: Machine) -> None:
    add_person(campus, "mina", PASSWORD, groups=[MEMBERS])
    was = campus.read(CONFIG)
    campus.put(CONFIG, f"{was}limits:\n  users:\n    mina: # hers\n      tasks: 777\nculler: {{exempt: [mina]}}\n")
    assert apply_as_root(campus).ok
    with Visitor(campus) as mina:
        mina.login("mina", PASSWORD)
        mina.start_server()
        user(campus, "rename", "mina", "murray")
    assert "    murray: # hers\n      tasks: 777\nculler: {exempt: [murray]}\n" in campus.read(CONFIG)
    assert json.loads(campus.read("/etc/jupyterhub/culler.json"))["exempt"] == ["murray"]
    uid = campus.run(["id", "-u", "murray"]).stdout.strip()
    with Visitor(campus) as murray:
        murray.login("murray", PASSWORD)
        murray.start_server()
        shown = campus.run(["systemctl", "show", "--property=TasksMax", f"jupyterusers-{uid}.slice"]).stdout
    assert shown == "TasksMax=777\n"
    # By hand, and so without what the config says of them.
    campus.run(f"systemctl stop jupyterusers-{uid}.slice; userdel --remove murray 2>&1; ! id murray")
    told = campus.run(["python3", "-m", "installer", "status"], cwd=CHECKOUT, check=False)
    assert told.code == USAGE
    assert "limits.users.murray in /etc/jupyterhub/installer.yaml: this machine has no account murray" in told.stderr
    assert "take it out (user remove murray)" in told.stderr
    user(campus, "remove", "murray")
    assert campus.read(CONFIG) == was
    assert apply_as_root(campus).ok


def test_whoever_was_deleted_by_hand_is_in_nobodys_way(campus: Machine) -> None:
    """Two of them, both named in the config: each can be taken out, and somebody else can be kept out, or let in."""
    was = campus.read(CONFIG)
    for name in ("ida", "ivo", "dina"):
        user(campus, "add", name)
    text = f"{was}limits: {{users: {{ida: {{tasks: 700}}, ivo: {{tasks: 701}}}}}}\nculler: {{exempt: [ida, ivo]}}\n"
    campus.put(CONFIG, text)
    assert apply_as_root(campus).ok
    campus.run("userdel --remove ida 2>&1; userdel --remove ivo 2>&1; ! id ida && ! id ivo")
    user(campus, "disable", "dina")
    user(campus, "enable", "dina")
    assert "limits.users of /etc/jupyterhub/installer.yaml names ivo" in refused(campus, "rename", "dina", "ivo")
    user(campus, "rename", "dina", "diana")
    user(campus, "remove", "ida")
    assert "limits: {users: {ivo: {tasks: 701}}}\nculler: {exempt: [ivo]}\n" in campus.read(CONFIG)
    user(campus, "remove", "ivo")
    assert campus.read(CONFIG) == was
    user(campus, "remove", "diana", "--delete-home")


def test_what_would_keep_a_new_name_out_of_the_config_is_told_before_anything_is_renamed(campus: Machine) -> None:
    was = campus.read(CONFIG)
    add_person(campus, "nell", PASSWORD, groups=[MEMBERS])
    campus.put(CONFIG, f"{was}culler: {{exempt: [nell]}}\n")
    assert apply_as_root(campus).ok
    campus.put(CONFIG, f"{was}culler: {{timeout: 3h, exempt: [nell]}}\n")
    assert "was changed since the last apply" in refused(campus, "rename", "nell", "nelly")
    assert logs_in(campus, "nell", PASSWORD)
    assert apply_as_root(campus).ok
    user(campus, "rename", "nell", "nelly")
    assert "culler: {timeout: 3h, exempt: [nelly]}\n" in campus.read(CONFIG)
    user(campus, "remove", "nelly", "--delete-home")
    campus.put(CONFIG, was)
    assert apply_as_root(campus).ok


def test_a_new_password_ends_logins_and_tokens_but_no_server(campus: Machine, grace: Visitor) -> None:
    """The hub has been restarted since it started hers."""
    before, token = server_of_grace(campus), token_of(grace)
    told = user(campus, "reset-password", GRACE, "--password-file", "-", stdin=f"{PASSWORD}\n").stdout
    assert "grace has a new password, and is logged in nowhere any more" in told
    assert grace.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
    assert grace.as_program("/hub/api/user", token).status_code == httpx.codes.FORBIDDEN
    assert server_of_grace(campus) == before
    grace.login(GRACE, PASSWORD)
    assert grace.get("/user/grace/lab").status_code == httpx.codes.OK
    assert grace.server_answers(), "its own token is good as before"


def test_without_the_hub(campus: Machine) -> None:
    """What the machine knows is told all the same, and nobody is half removed."""
    user(campus, "add", "late")
    campus.run(["systemctl", "stop", "jupyterhub"])
    assert "API doesn't answer" in refused(campus, "remove", "late", "--delete-home")
    told = user(campus, "list", check=False)
    assert told.code == DEGRADED
    assert "late" in told.stdout
    reset = user(campus, "reset-password", "late", check=False)
    assert reset.code == DEGRADED
    assert password_in(reset)
    assert "who is logged in stays so" in reset.stderr
    campus.run(["systemctl", "start", "jupyterhub"])
    user(campus, "remove", "late", "--delete-home")


def test_nothing_failed(campus: Machine, grace: Visitor) -> None:
    assert grace.server_answers()
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
