"""Who becomes the hub's admin where the one who ran sudo can't: an account of the hub's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, Person, add_person, apply, apply_words
from tests.system.machine_process import Result
from tests.system.visitor import Visitor

# Where sudo is another program; what is asked of it is the same everywhere.
pytestmark = pytest.mark.only_on("sid")

OWN_ADMIN = "hubadmin"
KEPT = "/etc/jupyterhub/secrets/hubadmin_password"


@dataclass(frozen=True)
class Cloud:
    """A cloud server whose `ubuntu`, with sudo and without any password, has applied the checkout."""

    machine: Machine
    said: Result

    @property
    def password(self) -> str:
        """What apply showed."""
        found = re.search(r"password: (\S+)", self.said.stdout)
        assert found, self.said
        return found[1]


@pytest.fixture(scope="module")
def cloud(server: Layer) -> Iterator[Cloud]:
    with Machine(server) as machine:
        add_person(machine, "ubuntu", None, sudo="nopasswd")
        words = ["sudo", "-n", *apply_words()]
        yield Cloud(machine, machine.run(words, user="ubuntu", cwd=CHECKOUT, timeout=300))


@pytest.fixture(scope="module")
def bare(server: Layer) -> Iterator[Machine]:
    """A server on which nothing gets applied."""
    with Machine(server) as machine:
        yield machine


def members(machine: Machine) -> list[str]:
    return machine.run(["getent", "group", "jupyterhub-users"]).stdout.strip().rpartition(":")[2].split(",")


def planned_admin(machine: Machine, words: list[str], user: str, stdin: str = "") -> list[str]:
    """Whom a plan would make a member."""
    said = machine.run([*words, "python3", "-m", "installer", "plan", "--json"], user=user, stdin=stdin, cwd=CHECKOUT,
                       timeout=300)  # fmt: skip
    keys = [change["key"] for change in json.loads(said.stdout)["changes"]]
    return [key.split(":")[1].split()[0] for key in keys if key.startswith("membership:")]


def test_account_of_its_own_is_told_with_the_reason(cloud: Cloud) -> None:
    assert f"admins    {OWN_ADMIN}" in cloud.said.stdout
    assert "an account of the hub's own, since ubuntu has no password to log in with" in cloud.said.stdout
    assert f"(shown once; kept in {KEPT})" in cloud.said.stdout


def test_only_the_own_account_is_a_member(cloud: Cloud) -> None:
    assert members(cloud.machine) == [OWN_ADMIN]
    groups = cloud.machine.run(["id", "--groups", "--name", OWN_ADMIN]).stdout.split()
    assert sorted(groups) == sorted([OWN_ADMIN, "jupyterhub-users"])


def test_password_is_shown_once_and_kept_for_root_alone(cloud: Cloud) -> None:
    assert cloud.said.output.count(cloud.password) == 1
    assert len(cloud.password) >= 20
    assert cloud.machine.read(KEPT).strip() == cloud.password
    assert cloud.machine.run(["stat", "--format=%a %U %G", KEPT]).stdout == "600 root root\n"
    found = ["grep", "--recursive", "--text", "--files-with-matches", cloud.password, "/etc", "/var/lib", "/var/log"]
    assert cloud.machine.run(found).stdout.split() == [KEPT]


def test_own_admin_logs_in_and_administers(cloud: Cloud) -> None:
    with Visitor(cloud.machine) as visitor:
        assert visitor.login(OWN_ADMIN, cloud.password).status_code == httpx.codes.FOUND
        assert visitor.hub_user()["admin"] is True
        visitor.start_server()
        assert visitor.start_kernel().run("import getpass; print(getpass.getuser())") == OWN_ADMIN


def test_who_ran_sudo_may_not_log_in(cloud: Cloud) -> None:
    with Visitor(cloud.machine) as visitor:
        assert visitor.login("ubuntu", "").status_code == httpx.codes.FORBIDDEN


def test_next_apply_by_somebody_else_changes_nothing(cloud: Cloud) -> None:
    said = apply(cloud.machine, ADMIN)
    assert "Nothing to do" in said.stdout
    assert cloud.password not in said.output
    assert members(cloud.machine) == [OWN_ADMIN]


def test_changed_password_stays_changed(cloud: Cloud) -> None:
    """Also where another apply has something to do."""
    cloud.machine.run(["chpasswd"], stdin=f"{OWN_ADMIN}:a password of my own\n")
    cloud.machine.put("/etc/jupyterhub/installer.yaml", "culler: {timeout: 2h}\nkernels: []\n")
    said = apply(cloud.machine, ADMIN)
    assert "The hub is up" in said.stdout
    assert cloud.password not in said.output
    with Visitor(cloud.machine) as visitor:
        assert visitor.login(OWN_ADMIN, "a password of my own").status_code == httpx.codes.FOUND
        assert visitor.hub_user()["admin"] is True


def test_who_gets_an_account_of_the_hubs_own(bare: Machine) -> None:
    """As the plan has it, for everyone who can get at root."""

    def password_line(person: Person) -> str:
        return f"{person.password}\n"

    ask = ["sudo", "--reset-timestamp", "--stdin", "--prompt="]
    assert planned_admin(bare, ask, ADMIN.name, password_line(ADMIN)) == [ADMIN.name]

    # A password, but sudo wants none.
    free = add_person(bare, "felix", "felix' own password", sudo="nopasswd")
    assert planned_admin(bare, ["sudo", "-n"], free.name) == [OWN_ADMIN]

    # sudo wants a password, but not the account's, which is locked.
    locked = add_person(bare, "lara", None)
    bare.run(["chpasswd"], stdin="root:password of root\n")
    bare.put("/etc/sudoers.d/lara", "Defaults:lara rootpw\nlara ALL=(ALL) ALL\n", mode="0440")
    assert planned_admin(bare, ask, locked.name, "password of root\n") == [OWN_ADMIN]

    # A password, which sudo asks for; but docker asks for none.
    bare.run(["groupadd", "--system", "docker"])
    add_person(bare, "dora", "dora's own password", groups=["docker"], sudo="password")
    assert planned_admin(bare, ask, "dora", "dora's own password\n") == [OWN_ADMIN]

    # Root itself, with no sudo at all.
    assert planned_admin(bare, [], "root") == [OWN_ADMIN]


def test_same_name_of_a_person_is_left_alone(bare: Machine) -> None:
    """Somebody has the name already: refused, named, and nothing is changed."""
    add_person(bare, OWN_ADMIN, "a person's own password")
    add_person(bare, "ubuntu", None, sudo="nopasswd")
    before = bare.run(["getent", "shadow", OWN_ADMIN]).stdout
    said = bare.run(["sudo", "-n", *apply_words()], user="ubuntu", cwd=CHECKOUT, check=False, timeout=300)
    assert said.code == 1
    assert f"the account '{OWN_ADMIN}' is there already" in said.stderr
    assert "hint:" in said.stderr
    assert bare.run(["getent", "shadow", OWN_ADMIN]).stdout == before
    assert not bare.run(["getent", "passwd", "jupyter"], check=False).ok
    assert bare.run(["ls", "-A", "/etc/jupyterhub"]).stdout.split() == [Path(CONFIG).name]
