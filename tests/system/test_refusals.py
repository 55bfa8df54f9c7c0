"""What `apply` refuses, in plain words and before anything is changed: machines it can't work on, things of others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, apply_words, sudo
from tests.system.machine_process import Result
from tests.system.machine_snapshot import differences, snapshot


@pytest.fixture(scope="module")
def bare(server: Layer) -> Iterator[Machine]:
    """A fresh server for all tests here: none may change anything."""
    with Machine(server) as machine:
        quiet(machine)
        yield machine


@pytest.fixture(scope="module")
def prepared(server: Layer) -> Iterator[Machine]:
    """The same, with the installer's private environment in place: what is refused later than by the first look."""
    with Machine(server) as machine:
        quiet(machine)
        sudo(machine, ADMIN, ["python3", "-m", "installer", "plan"], cwd=CHECKOUT, timeout=300)
        yield machine


def quiet(machine: Machine) -> None:
    """Stop what changes files by itself; and have the checkout belong to its person, as it does."""
    machine.run("systemctl stop '*.timer'")
    machine.run(["chown", "--recursive", f"{ADMIN.name}:{ADMIN.name}", CHECKOUT])


@contextmanager
def nothing_changes(machine: Machine) -> Iterator[None]:
    before = snapshot(machine)
    yield
    assert differences(before, snapshot(machine)) == []


def refused(machine: Machine, words: Sequence[str] | None = None, *, code: int = 1, user: str = "root") -> list[str]:
    """Run apply, which must refuse in two lines and change nothing; returns those lines."""
    with nothing_changes(machine):
        result = machine.run(words or apply_words(), cwd=CHECKOUT, user=user, check=False, timeout=120)
    assert (result.code, result.stdout) == (code, ""), result
    return said(result)


def said(result: Result) -> list[str]:
    """The two lines of an error, and those between them."""
    lines = result.stderr.splitlines()
    assert lines, result
    assert lines[0].startswith("error: "), result
    assert lines[-1].startswith("hint: "), result
    assert "Traceback" not in result.output
    return lines


def behind_mount(*mounts: str) -> list[str]:
    """The command where other things are mounted, which it alone sees (unshare(1))."""
    return ["unshare", "--mount", "sh", "-ec", f"{'; '.join(mounts)}; exec {shlex.join(apply_words())}"]


# --- machines it can't work on -------------------------------------------------------------------


def test_not_root(bare: Machine) -> None:
    error, hint = refused(bare, user=ADMIN.name)
    assert error == "error: only root can do this"
    assert hint == "hint: run: sudo python3 -m installer apply"


def test_no_systemd(bare: Machine) -> None:
    error, hint = refused(bare, behind_mount("mount -t tmpfs tmpfs /run/systemd"))
    assert "systemd is not process 1" in error
    assert "sudo scripts/try" in hint


@pytest.mark.parametrize("name", ["Debian GNU/Linux 11 (bullseye)", "Alpine Linux v3.20"])
def test_an_operating_system_that_is_not_supported(bare: Machine, name: str) -> None:
    system, version = ("debian", "11") if "Debian" in name else ("alpine", "3.20")
    bare.put("/run/os-release", f'PRETTY_NAME="{name}"\nID={system}\nVERSION_ID="{version}"\n')
    error, hint = refused(bare, behind_mount("mount --bind /run/os-release /usr/lib/os-release"))
    assert error == f"error: this is {name}, which it doesn't support"
    assert "Debian 12 or 13" in hint


def test_too_little_memory(bare: Machine) -> None:
    """The kernel alone says so, and in a container it tells of the host: another file is put over its own."""
    bare.put("/run/meminfo", "MemTotal:         524288 kB\nMemFree:          400000 kB\n")
    error, hint = refused(bare, behind_mount("mount --bind /run/meminfo /proc/meminfo"))
    assert "has 512 MB of memory" in error
    assert "2 GB" in hint


@pytest.mark.parametrize("place", ["/opt", "/var"])
def test_too_little_room(bare: Machine, place: str) -> None:
    error, hint = refused(bare, behind_mount(f"mount -t tmpfs -o size=300m tmpfs {place}"))
    assert re.search(rf"error: {place} has \d+ MB free, and the installation needs \d+ there", error)
    assert f"df -h {place}" in hint


@pytest.mark.parametrize("port", [80, 443])
def test_a_port_that_something_else_holds(bare: Machine, port: int) -> None:
    holder = ["systemd-run", "--quiet", "--unit=holder", "--property=ExecStartPost=sleep 1"]
    bare.run([*holder, "--service-type=exec", "python3", "-m", "http.server", str(port)])
    try:
        pid = bare.run(["systemctl", "show", "--property=MainPID", "--value", "holder"]).stdout.strip()
        error, hint = refused(bare)
    finally:
        bare.run(["systemctl", "stop", "holder"])
    assert re.fullmatch(
        rf"error: port {port} is held by python3\S* \(pid {pid}\), and nginx needs it for the hub", error
    )
    assert "ss -ltnp" in hint


def test_a_refusal_leaves_no_file_of_roots_in_a_persons_checkout(bare: Machine) -> None:
    bare.run(["find", CHECKOUT, "-name", "__pycache__", "-exec", "rm", "-r", "{}", "+"])
    refused(bare, behind_mount("mount -t tmpfs tmpfs /run/systemd"))
    assert bare.run(["find", CHECKOUT, "-not", "-user", ADMIN.name]).stdout == ""


def test_without_opt_the_room_is_looked_for_where_it_will_be(bare: Machine) -> None:
    """Some take away the empty /opt: that alone is no reason to refuse, and never one for a traceback."""
    bare.run(["rmdir", "/opt"])
    try:
        error, _ = refused(bare, behind_mount("mount -t tmpfs -o size=300m tmpfs /var"))
    finally:
        bare.run(["install", "-d", "/opt"])
    assert "/var has" in error


# --- what isn't ours ------------------------------------------------------------------------------


def test_an_account_jupyter_that_is_a_person(prepared: Machine) -> None:
    prepared.run(["useradd", "--create-home", "--shell=/bin/bash", "jupyter"])
    try:
        lines = refused(prepared)
    finally:
        prepared.run(["userdel", "--remove", "jupyter"])
    assert lines[0] == "error: the account 'jupyter' is there already, and is a person's"
    assert "never touched" in lines[-1]


def test_files_of_someone_else_in_opt_jupyter_and_all_else_that_is_in_the_way(prepared: Machine) -> None:
    prepared.put("/opt/jupyter/notes.txt", "mine\n")
    prepared.put("/etc/jupyterhub/jupyterhub_config.py", "c.JupyterHub.port = 8000\n")
    prepared.put("/etc/systemd/system/jupyterhub.service", "[Service]\nExecStart=/bin/true\n")
    try:
        lines = refused(prepared)
    finally:
        prepared.run("rm -r /opt/jupyter /etc/jupyterhub /etc/systemd/system/jupyterhub.service")
    named = "\n".join(lines[:-1])
    assert "/opt/jupyter is there already, and holds files that aren't ours" in named
    assert "/etc/jupyterhub/jupyterhub_config.py is there already, and isn't ours" in named
    assert "/etc/systemd/system/jupyterhub.service is there already, and isn't ours" in named
    assert "move or rename it" in lines[-1]


@pytest.mark.parametrize("place", ["/etc/jupyterhub/secrets", "/opt/jupyter", "/var/lib/jupyterhub"])
def test_a_file_where_a_directory_should_be(prepared: Machine, place: str) -> None:
    prepared.put(place, "not a directory\n")
    try:
        lines = refused(prepared)
    finally:
        prepared.run(["rm", "-rf", "/etc/jupyterhub", place])
    assert lines[0] == f"error: {place} is there already, and isn't a directory"


def test_a_config_that_can_not_be_right(prepared: Machine) -> None:
    prepared.put(CONFIG, "hub:\n  base_uri: /jupyter/\n")
    try:
        lines = refused(prepared, code=2)
        assert f"{CONFIG}:2" in lines[0]
        assert "base_url" in "\n".join(lines)
        prepared.put(CONFIG, "hub:\n  base_url: [\n")
        assert CONFIG in refused(prepared, code=2)[0]
    finally:
        prepared.run("rm -r /etc/jupyterhub")


def test_bad_usage(prepared: Machine) -> None:
    result = prepared.run(["python3", "-m", "installer", "apply", "--yess"], cwd=CHECKOUT, check=False)
    assert result.code == 2, result
    assert "--yess" in result.stderr


def test_a_site_of_someone_else_on_the_same_name(prepared: Machine) -> None:
    prepared.run(["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "nginx"], timeout=300)
    site = "/etc/nginx/sites-enabled/intranet"
    prepared.put(site, "server {\n  listen 80;\n  server_name campus.example.org;\n  return 200 intranet;\n}\n")
    prepared.run(["systemctl", "reload", "nginx"])
    lines = refused(prepared)
    assert lines[0] == f"error: nginx already serves campus.example.org from {site}"
    assert "hub.domain" in lines[-1]


# --- two at once ----------------------------------------------------------------------------------


def test_the_second_of_two_at_once_says_who_holds_the_lock(prepared: Machine) -> None:
    """A run that waits for its admin's answer holds the lock; here flock(1) does, which the kernel can't tell apart."""
    prepared.put("/run/jupyterhub-installer.lock", '{"doing": "apply", "pid": 4711, "since": "2026-01-01T00:00:00Z"}')
    prepared.run(
        ["systemd-run", "--quiet", "--unit=first", "flock", "/run/jupyterhub-installer.lock", "sleep", "infinity"]
    )
    try:
        prepared.run("until ! flock --nonblock /run/jupyterhub-installer.lock true; do sleep 0.05; done")
        error, hint = refused(prepared)
    finally:
        prepared.run(["systemctl", "stop", "first"])
    assert error == "error: another run is at work: apply, pid 4711, since 2026-01-01T00:00:00Z"
    assert "wait" in hint
