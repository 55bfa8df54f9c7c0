"""The machines that the other system tests stand on are what they claim to be."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.machine_claim import claim
from tests.system.machine_host import CLAIMS
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, CHECKOUT, REPOSITORY, add_person, checkout_files, sudo
from tests.system.machine_process import CommandFailed

LISTEN = """
import socket, threading
server = socket.create_server(("", 443))
while True:
    connection, _ = server.accept()
    connection.sendall(open("/srv/name", "rb").read())
    connection.close()
"""


def test_fresh_server(fresh: Machine) -> None:
    """Booted without a failed unit, with none of what the installer has to bring along."""
    assert fresh.run(["systemctl", "is-system-running"]).stdout.strip() == "running"
    assert fresh.run("command -v pip npm node nginx git", check=False).stdout == ""
    assert not fresh.run(["python3", "-c", "import ensurepip"], check=False).ok
    assert fresh.run(["hostname", "--fqdn"]).stdout == "campus.example.org\n"
    fresh.run(["loginctl", "list-sessions"])


def test_admin_has_sudo(fresh: Machine) -> None:
    assert sudo(fresh, ADMIN, ["id", "-un"]).stdout == "root\n"
    assert fresh.run(["id", "-un"], user=ADMIN.name).stdout == f"{ADMIN.name}\n"
    with pytest.raises(CommandFailed):
        fresh.run(["sudo", "-n", "id"], user=ADMIN.name)
    only_sudo = fresh.run(["sudo", "--version"]).stdout
    assert ("sudo-rs" in only_sudo) == (fresh.suite == "sid")


def test_cloud_admin_needs_no_password(fresh: Machine) -> None:
    person = add_person(fresh, "ubuntu", None, sudo="nopasswd")
    assert fresh.run(["sudo", "-n", "id", "-un"], user=person.name).stdout == "root\n"


def test_checkout_is_complete(fresh: Machine) -> None:
    listed = fresh.run(["find", CHECKOUT, "-type", "f", "-printf", "%P\\n"]).stdout.split()
    assert sorted(listed) == sorted(map(str, checkout_files()))
    module = "tests/system/machine.py"
    assert fresh.read(f"{CHECKOUT}/{module}") == (REPOSITORY / module).read_text()


def test_the_outside_is_reached_unless_cut_off(fresh: Machine) -> None:
    update = ["apt-get", "update", "--error-on=any", "--option=Acquire::Retries=0"]
    fresh.run(update, timeout=120)
    fresh.offline()
    assert not fresh.run(update, check=False, timeout=120).ok
    fresh.online()
    fresh.run(update, timeout=120)


def test_clones_start_alike_and_go_their_own_ways(fresh: Machine, boot: Boot) -> None:
    """Two at a time, each with port 443 to itself."""
    fresh.put("/srv/listen.py", LISTEN)
    fresh.run("touch /srv/kept && rm /etc/motd")
    frozen = fresh.freeze()
    for machine in (clones := [boot(frozen), boot(frozen)]):
        machine.run("test -e /srv/kept && test ! -e /etc/motd")
        machine.put("/srv/name", machine.name)
        machine.run(["systemd-run", "--quiet", "python3", "/srv/listen.py"])
    assert [_said_by(machine) for machine in clones] == [machine.name for machine in clones]


def test_disk_outlives_reboot_and_crash(fresh: Machine) -> None:
    fresh.run("echo here > /srv/kept; touch /run/gone; sync")
    fresh.reboot()
    assert fresh.read("/srv/kept") == "here\n"
    fresh.run("test ! -e /run/gone")
    fresh.crash()
    fresh.start()
    assert fresh.read("/srv/kept") == "here\n"


def test_slow_command_is_ended(fresh: Machine) -> None:
    with pytest.raises(CommandFailed, match="still running after 1 s"):
        fresh.run("echo started; sleep 1000", timeout=1)


def test_leftovers_of_a_killed_run_are_taken_away(server: Layer) -> None:
    """A run that is killed leaves a machine behind; whoever boots the next one clears it away."""
    script = """if True:
        import sys, pathlib, signal
        from tests.system.machine import Machine
        from tests.system.machine_image import Layer
        print(Machine(Layer(sys.argv[1], tuple(map(pathlib.Path, sys.argv[2:])))).name, flush=True)
        signal.pause()
    """
    words = [sys.executable, "-c", script, server.suite, *map(str, server.directories)]
    with subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        name = run.stdout.readline().strip()
        run.kill()
    assert Path("/run/netns", name).exists()
    assert _runs(name)
    claimed = claim()
    try:
        assert not _runs(name)
        assert not Path("/run/netns", name).exists()
        assert name not in Path("/proc/mounts").read_text()
    finally:
        claimed.release()
    assert not (CLAIMS / f"{claimed.number}.json").exists()


def _said_by(machine: Machine) -> str:
    deadline = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection((machine.address, 443), timeout=5) as connection:
                return connection.recv(100).decode()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _runs(name: str) -> bool:
    """Whether a container of that name does; one that ended has no command line any more."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_text(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith("systemd-nspawn") and f"--machine={name}" in words:
            return True
    return False
