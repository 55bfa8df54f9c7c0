"""Homes that no server can be started in, with both spawners: their owners are told at once, and the admin, too."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, CONFIG, NO_KERNELS, add_person, apply
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("trixie")

PASSWORD = "the password of all of them"
SECONDS = 30
"""What an answer may take: far less than any wait for a server that doesn't come."""


@dataclass(frozen=True)
class Home:
    """How one of them comes to be as it is, and what is told of it then."""

    made: str
    told: str
    owner: str
    admin: str


HOMES = {
    "fay": Home(
        "mount -t tmpfs -o size=20M,mode=0700,uid=$(id -u fay) tmpfs /home/fay"
        " && echo mine >/home/fay/mine && dd if=/dev/zero of=/home/fay/data bs=1M 2>/dev/null; true",
        "Your home, /home/fay, is on a disk that is full.",
        "What is in it is still there. Please tell the administrator, who can make room.",
        "the home of fay, /home/fay, is on a disk that is full; make room: df -h /home/fay; df -i /home/fay",
    ),
    "ines": Home(
        "mount -t tmpfs -o size=20M,nr_inodes=4,mode=0700,uid=$(id -u ines) tmpfs /home/ines",
        "Your home, /home/ines, is on a disk that is full.",
        "What is in it is still there. Please tell the administrator, who can make room.",
        "the home of ines, /home/ines, is on a disk that is full; make room: df -h /home/ines; df -i /home/ines",
    ),
    "ruth": Home(
        "mount --bind /home/ruth /home/ruth && mount -o remount,bind,ro /home/ruth",
        "Your home, /home/ruth, can only be read, not written to.",
        "What is in it is still there. Please tell the administrator.",
        "its file system is read-only, perhaps since it failed: findmnt -T /home/ruth; sudo journalctl --dmesg",
    ),
    "mia": Home(
        "mv /home/mia /srv/mia",
        "Your home, /home/mia, is not there.",
        "Please tell the administrator: it has to be made, or the disk that it is on.",
        "mount what it is on, or make it: sudo mkhomedir_helper mia 0077",
    ),
    "dora": Home(
        "mv /home/dora /srv/dora && ln -s /srv/nowhere /home/dora",
        "Your home, /home/dora, is not there.",
        "Please tell the administrator: it has to be made, or the disk that it is on.",
        "mount what it is on, or make it: sudo mkhomedir_helper dora 0077",
    ),
    "cleo": Home(
        "chown root /home/cleo",
        "Your home, /home/cleo, is closed to its owner, or its directory .local/share/jupyter is.",
        "Please tell the administrator.",
        "its owner should be cleo: sudo namei -l /home/cleo/.local/share/jupyter/runtime",
    ),
    "june": Home(
        "mkdir -p /home/june/.local/share && chown -R root /home/june/.local",
        "Your home, /home/june, is closed to its owner, or its directory .local/share/jupyter is.",
        "Please tell the administrator.",
        "its owner should be june: sudo namei -l /home/june/.local/share/jupyter/runtime",
    ),
}
LINKED = "lena"
"""Whose home does, though it is a link."""
MEND = {
    "fay": "rm /home/fay/data",
    "ruth": "umount /home/ruth",
    "mia": "mv /srv/mia /home/mia",
}


@pytest.fixture(scope="module")
def machine(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as made:
        for name in (*HOMES, LINKED):
            add_person(made, name, PASSWORD, groups=["jupyterhub-users"])
        made.run(f"mv /home/{LINKED} /srv/{LINKED} && ln -s /srv/{LINKED} /home/{LINKED}")
        yield made


@pytest.fixture(scope="module", params=["sudo", "systemd"])
def campus(request: pytest.FixtureRequest, machine: Machine) -> Machine:
    """The same machine, with either spawner."""
    if request.param == "systemd":
        machine.put(CONFIG, f"{NO_KERNELS}spawner: {{kind: systemd}}\n")
        apply(machine, ADMIN)
    return machine


@pytest.fixture(scope="module")
def spoilt(campus: Machine) -> Iterator[Machine]:
    """With the homes as they are described above, and as they were again afterwards."""
    for home in HOMES.values():
        campus.run(home.made)
    yield campus
    for name in HOMES:
        away = f"test -e /srv/{name} && rm -f /home/{name} && mv /srv/{name} /home/{name}"
        campus.run(f"umount /home/{name} 2>/dev/null; {away}; chown -R {name} /home/{name}")


@pytest.mark.parametrize("name", HOMES)
def test_who_starts_a_server_is_told_in_two_lines_and_the_admin_in_one(spoilt: Machine, name: str) -> None:
    home = HOMES[name]
    since = f"--since=@{time.time():.3f}"
    with Visitor(spoilt) as visitor:
        visitor.login(name, PASSWORD)
        page = visitor.get("/hub/spawn").text
        expected = f"{html.escape(home.told)}<br>{html.escape(home.owner)}"
        # Where the hub is busy, the page that waits comes first.
        until(
            "the page", lambda: expected in page or expected in visitor.get(f"/hub/spawn-pending/{name}").text, SECONDS
        )
        assert visitor.hub_user()["servers"] == {}
    said = [line for line in spoilt.journal("--unit=jupyterhub", since).splitlines() if f"of {name}, /home" in line]
    assert len([line for line in said if home.admin in line]) == 1, said
    assert "Traceback" not in spoilt.journal(since)


def test_servers_start_once_the_homes_are_as_they_should_be(spoilt: Machine) -> None:
    for name, mend in MEND.items():
        spoilt.run(mend)
        with Visitor(spoilt) as visitor:
            visitor.login(name, PASSWORD)
            visitor.start_server()
            assert visitor.server_answers()
            assert visitor.api("DELETE", f"/hub/api/users/{name}/server").status_code in {202, 204}
    assert spoilt.read("/home/fay/mine") == "mine\n"


def test_a_home_that_is_a_link_does(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        visitor.login(LINKED, PASSWORD)
        visitor.start_server()
        assert visitor.start_kernel().run("open('here', 'w').write('x')") == "1"
        assert visitor.api("DELETE", f"/hub/api/users/{LINKED}/server").status_code in {202, 204}
    assert campus.read(f"/srv/{LINKED}/here") == "x"
