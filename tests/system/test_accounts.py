"""Accounts at first login: what the helper makes, and what becomes of attempts to make it do something else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("bookworm")

HUB, EVE, GRACE = "jupyter", "eve", "grace"
"""The hub's account, one that is no member, and a member."""
MEMBERS, OWN = "jupyterhub-users", "jupyterhub-accounts"
FIRST, LAST = 50000, 58999
MOST_EXPOSED = 2.0

# A login that lets in whoever comes, as an admin may configure one.
ANYBODY = 'c.JupyterHub.authenticator_class = "dummy"\nc.Authenticator.allow_all = True\n'

# Sends what comes on standard input to the helper, and prints the answer; "open" leaves the sending side open.
TALK = """if True:
    import socket, sys
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect("/run/jupyterhub-account.sock")
        try:
            connection.sendall(sys.stdin.buffer.read())
            if sys.argv[1:] != ["open"]:
                connection.shutdown(socket.SHUT_WR)
            print(connection.makefile().readline().strip())
        except ConnectionError:
            print("{}")
"""
FLOOD = """if True:
    import socket, time
    connections = [socket.socket(socket.AF_UNIX) for _ in range(200)]
    for connection in connections:
        connection.connect("/run/jupyterhub-account.sock")
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """A hub with a login of the admin's own, and people who have accounts already."""
    with Machine(applied_server[0]) as machine:
        add_person(machine, EVE, None)
        add_person(machine, GRACE, None, groups=[MEMBERS])
        machine.put("/etc/jupyterhub/conf.d/login.py", ANYBODY)
        machine.put(CONFIG, f"{NO_KERNELS}auth: {{create_accounts: true}}\n")
        apply_as_root(machine)
        yield machine


def said(machine: Machine, text: str, *words: str, user: str = HUB) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        machine.run(["python3", "-c", TALK, *words], user=user, cwd="/", stdin=text).stdout
    )
    return answer


def ask(machine: Machine, name: object) -> dict[str, Any]:
    return said(machine, json.dumps({"account": name}) + "\n")


def account(machine: Machine, name: str) -> list[str]:
    return machine.run(["getent", "passwd", name]).stdout.strip().split(":")


def passwd(machine: Machine) -> dict[str, str]:
    return {file: machine.read(f"/etc/{file}") for file in ("passwd", "shadow", "group", "gshadow", "sudoers")}


def facts(machine: Machine, path: str) -> str:
    return machine.run(["stat", "--format=%F %a %U %G", path]).stdout.strip()


# --- what it is for -----------------------------------------------------------------------------------


def test_whoever_is_let_in_has_an_account_and_a_server(campus: Machine) -> None:
    campus.put("/etc/skel/welcome/README", "hello\n")
    campus.put("/etc/jupyterhub/skel/welcome/First.ipynb", "{}\n")
    with Visitor(campus) as visitor:
        assert visitor.login("newbie", "whatever").status_code == httpx.codes.FOUND
        visitor.start_server()
    _, _, uid, gid, _, home, shell = account(campus, "newbie")
    assert FIRST <= int(uid) <= LAST
    assert gid == campus.run(["getent", "group", OWN]).stdout.split(":")[2]
    assert (home, shell) == ("/home/newbie", "/bin/bash")
    assert facts(campus, home) == f"directory 700 newbie {OWN}"
    for file in ("README", "First.ipynb"):
        assert facts(campus, f"{home}/welcome/{file}") == f"regular file 644 newbie {OWN}"
    assert campus.run(["id", "--groups", "--name", "newbie"]).stdout.split() == [OWN, MEMBERS]
    assert ":!:" in campus.run(["getent", "shadow", "newbie"]).stdout
    assert "made the account newbie" in campus.journal("--unit=jupyterhub-account@*")


def test_the_second_time_nothing_changes(campus: Machine) -> None:
    ask(campus, "twice")
    campus.run("echo mine > /home/twice/notes && chown twice /home/twice/notes && chmod 750 /home/twice")
    before = passwd(campus)
    assert ask(campus, "twice") == {"ok": True, "created": False}
    assert passwd(campus) == before
    assert facts(campus, "/home/twice") == f"directory 750 twice {OWN}"
    assert campus.read("/home/twice/notes") == "mine\n"


def test_who_is_refused_is_told_why(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        answer = visitor.login(GRACE, "whatever")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert f"there is an account {GRACE} on this machine already, which the hub has not made" in answer.text
    assert f"Login of '{GRACE}' refused" in campus.journal("--unit=jupyterhub")


def test_helper_is_closed_off(campus: Machine) -> None:
    """As closed as it can be: /etc and /home are what it writes, and root is whom useradd wants."""
    words = ["systemd-analyze", "security", "--no-pager", "jupyterhub-account@1.service"]
    overall = campus.run(words).stdout.strip().splitlines()[-1]
    assert float(overall.split(": ")[1].split()[0]) <= MOST_EXPOSED, overall


# --- names --------------------------------------------------------------------------------------------

NAMES = [
    "root", "daemon", "jupyter", "jupyterhub-culler", "jupyterhub-acme", "hubadmin", "systemd-network", "www-data",
    "docker", "sudo", "admin", "ubuntu", "postgres", "-G", "--gid=0", "-o", "--", "#0", "+", "0", "1000", "x;id",
    "$(id)", "../etc", "a/b", ".", "..", ".hidden", "/etc/passwd", "Ada", "ada b", "a\nb", "a\0b", "a:b", "ä", "a" * 32,
    "a" * 900, "", " ada", "ada\n", "_apt", "a,b", "a%b", "a\\b", None, 7, True, ["x"], {"x": 1},
]  # fmt: skip
"""Of system accounts, of groups that are as good as root, options, paths, and what is no name at all."""


def test_no_other_name_gets_an_account(campus: Machine) -> None:
    before = passwd(campus)
    answers = {repr(name): ask(campus, name) for name in (*NAMES, ADMIN.name, EVE, MEMBERS)}
    assert [name for name, answer in answers.items() if set(answer) != {"error"} or "\n" in answer["error"]] == []
    assert passwd(campus) == before
    assert campus.run(["ls", "-A", "/home"]).stdout.count(".new") == 0


def test_nobody_is_called_like_a_group(campus: Machine) -> None:
    campus.run(["groupadd", "physics"])
    assert "that of a group" in ask(campus, "physics")["error"]


# --- what is sent -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("\n", ()),
        ('{"account": "half', ()),
        ('{"account": "slow', ("open",)),
        ("account=ada\n", ()),
        ('["ada"]\n', ()),
        ('{"account": "more", "uid": 0}\n', ()),
        ('{"account": "more", "groups": ["sudo"]}\n', ()),
        ('{"name": "more"}\n', ()),
        ("[" * 1000 + "\n", ()),
        (json.dumps({"account": "a" * 100_000}) + "\n", ()),
        ("\xff\xfe{}\n", ()),
        ('{"account": "first"}\n{"account": "second"}\n', ()),
    ],
    ids=range(13),
)
def test_what_is_no_request_is_refused(campus: Machine, text: str, words: Sequence[str]) -> None:
    before = passwd(campus)
    assert not said(campus, text, *words).get("ok")
    assert passwd(campus) == before


def test_two_at_once_get_one_account(campus: Machine) -> None:
    names = [f"pair{number}" for number in range(4)] * 3
    with ThreadPoolExecutor(len(names)) as threads:
        answers = list(threads.map(lambda name: ask(campus, name), names))
    assert all(answer.get("ok") for answer in answers), answers
    assert sum(answer["created"] for answer in answers) == len(set(names))
    assert len({account(campus, name)[2] for name in names}) == len(set(names))


def test_flood_does_not_close_the_socket(campus: Machine) -> None:
    campus.run(["python3", "-c", FLOOD], user=HUB, cwd="/", check=False)
    # systemd turns away what is too much, until it has served the rest.
    assert until("an answer", lambda: ask(campus, "afterwards")) == {"ok": True, "created": True}
    assert campus.run(["systemctl", "is-active", "jupyterhub-account.socket"]).stdout.strip() == "active"


@pytest.mark.parametrize("user", [EVE, GRACE, "jupyterhub-culler", "jupyterhub-proxy", "www-data"])
def test_others_knock_in_vain(campus: Machine, user: str) -> None:
    knock = campus.run(["python3", "-c", TALK], user=user, cwd="/", stdin='{"account": "mine"}\n', check=False)
    assert "PermissionError" in knock.stderr


def test_even_root_is_not_the_hub(campus: Machine) -> None:
    assert said(campus, '{"account": "roots"}\n', user="root") == {"error": f"only {HUB} may ask"}


# --- whose account it is ------------------------------------------------------------------------------


def test_accounts_of_others_are_never_taken(campus: Machine) -> None:
    """Neither the uid nor the group alone, nor what a person can say of themselves, makes an account ours."""
    campus.run(
        f"useradd --uid {LAST} --groups {MEMBERS},{OWN} uidonly && useradd --gid {OWN} --groups {MEMBERS} gidonly"
    )
    campus.run(["chfn", "--full-name", "JupyterHub user", "uidonly"])
    for name in ("uidonly", "gidonly"):
        assert "the hub has not made" in ask(campus, name)["error"]


def test_who_was_taken_out_of_the_group_stays_out(campus: Machine) -> None:
    ask(campus, "gone")
    campus.run(["gpasswd", "--delete", "gone", MEMBERS])
    assert "not a member" in ask(campus, "gone")["error"]
    assert campus.run(["id", "--groups", "--name", "gone"]).stdout.split() == [OWN]


def test_nobody_inherits_a_uid(campus: Machine) -> None:
    """The uids of who is removed, and of homes without an account, are left out; the range's last is taken by then."""
    words = ["python3", "-m", "installer", "user", "remove"]
    for name in ("leaver", "stayer"):
        assert ask(campus, name)["created"]
    uid = account(campus, "leaver")[2]
    assert campus.run([*words, "leaver", "--delete-home"], cwd=CHECKOUT).ok
    assert campus.run(["userdel", "stayer"]).ok
    uids = {uid, campus.run(["stat", "--format=%u", "/home/stayer"]).stdout.strip()}
    assert ask(campus, "comer")["created"]
    assert account(campus, "comer")[2] not in uids
    assert ask(campus, "comer2")["created"]
    assert account(campus, "comer2")[2] not in uids
    campus.run(["rm", "-r", "/home/stayer"])


# --- homes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    ["ln -s /root {}", "ln -s /nowhere {}", "mkdir -m 777 {}", "touch {}"],
    ids=["link", "dangling", "dir", "file"],
)
def test_what_lies_where_a_home_would_go_is_left(campus: Machine, made: str) -> None:
    campus.run(made.format("/home/taken"))
    before = passwd(campus), facts(campus, "/home/taken"), facts(campus, "/root")
    assert "there already" in ask(campus, "taken")["error"]
    assert (passwd(campus), facts(campus, "/home/taken"), facts(campus, "/root")) == before
    campus.run(["rm", "-r", "/home/taken"])


def test_home_that_was_replaced_is_not_followed(campus: Machine) -> None:
    ask(campus, "moved")
    campus.run("mv /home/moved /srv/moved && ln -s /root /home/moved")
    assert ask(campus, "moved") == {"error": "/home/moved is not a directory but a symbolic link"}
    campus.run("rm /home/moved && mkdir /home/moved")
    assert "does not belong to moved" in ask(campus, "moved")["error"]


def test_home_that_is_missing_is_made_again(campus: Machine) -> None:
    """Also where a run was ended while it made one."""
    ask(campus, "homeless")
    campus.run("rm -r /home/homeless && mkdir -p /home/.homeless.new/x && chown -R homeless /home/.homeless.new")
    assert ask(campus, "homeless") == {"ok": True, "created": False}
    assert facts(campus, "/home/homeless") == f"directory 700 homeless {OWN}"
    assert "No such file" in campus.run(["ls", "/home/homeless/x", "/home/.homeless.new"], check=False).stderr


def test_home_that_root_may_not_make_is_told(campus: Machine) -> None:
    """As on NFS, where root is nobody; when it can be made, the next login makes it."""
    campus.run("mount --bind /home /home && mount -o remount,bind,ro /home")
    refused = ask(campus, "squashed")["error"]
    assert "the home of squashed can't be made: Read-only file system" in refused
    campus.run(["umount", "/home"])
    assert ask(campus, "squashed") == {"ok": True, "created": False}


# --- the end ------------------------------------------------------------------------------------------


def test_nothing_failed(campus: Machine) -> None:
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
    assert campus.run(["python3", "-m", "installer", "status"], cwd=CHECKOUT, check=False).ok


def test_accounts_outlive_the_hub(campus: Machine) -> None:
    """And so does the group that is theirs."""
    told = campus.run(["python3", "-m", "installer", "uninstall", "--purge", "--yes"], cwd=CHECKOUT, timeout=120).stdout
    assert OWN in told.partition("stays")[2]
    assert campus.run(["id", "--group", "--name", "newbie"]).stdout.strip() == OWN
    assert "No such file" in campus.run(["ls", "/run/jupyterhub-account.sock"], check=False).stderr
