"""Bad luck on a server in use: whatever an apply meets with, the hub goes on, and nobody loses a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from installer.host import paths
from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_installer import JOURNAL, STATE, apply_as_root, failed, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, add_person, apply_words
from tests.system.machine_snapshot import differences, managed
from tests.system.visitor import Visitor, until

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("sid")

HUB = "jupyterhub.service"
HUB_CONFIG = "/etc/jupyterhub/jupyterhub_config.py"
FRAGMENT = "/etc/jupyterhub/conf.d/10-own.py"
GRACE, PASSWORD = "grace", "a fine password"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        add_person(machine, GRACE, PASSWORD, groups=["jupyterhub-users"])
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    """A member at work."""
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.start_server()
        yield visitor


@pytest.fixture(scope="module")
def kernel(grace: Visitor) -> Kernel:
    """The kernel in which she has set a variable."""
    kernel = grace.start_kernel()
    kernel.run("thesis = 'nearly done'")
    return kernel


@pytest.fixture
def in_use(campus: Machine, grace: Visitor, kernel: Kernel) -> Iterator[Machine]:
    """The machine, on which after the test all must be as before it: the files, the hub, grace's variable."""
    before = managed(campus)
    yield campus
    campus.run(["rm", "-f", FRAGMENT])
    campus.put(CONFIG, NO_KERNELS)
    assert apply_as_root(campus).ok
    assert pending(campus) == ""
    assert differences(before, managed(campus)) == []
    until("grace's server", grace.server_answers)
    assert grace.kernel(kernel.identity).run("thesis") == "'nearly done'"


def main_pid(machine: Machine) -> str:
    return machine.run(["systemctl", "show", "--property=MainPID", "--value", HUB]).stdout


def fails_and_the_hub_runs_on(machine: Machine) -> str:
    """Have an apply fail; the hub's very process goes on, and no run is left open. Returns what was said."""
    pid = main_pid(machine)
    error = failed(apply_as_root(machine))
    assert main_pid(machine) == pid
    assert machine.run(["test", "-e", JOURNAL], check=False).code == 1
    assert "going back failed" not in error
    return error


# --- the admin's own file ---------------------------------------------------------------------------


WRONG = {
    "c.JupyterHub.template_vars = {\n": f"{FRAGMENT}:1: '{{' was never closed",
    "\nc.JupyterHub.concurrent_spawn_limits = 3\n": f"{FRAGMENT}:2: c.JupyterHub.concurrent_spawn_limits: there is no",
    "import nothing_of_that_name\n": f"{FRAGMENT}:1: ModuleNotFoundError",
    'c.JupyterHub.hub_bind_url = "http://127.0.0.1:443"\n': f"{FRAGMENT}:1: port 443, where the hub should listen",
}
"""What an admin's own file may say, and what is told of it."""


def test_a_file_that_can_not_be_right_never_reaches_the_hub(in_use: Machine) -> None:
    for text, complaint in WRONG.items():
        in_use.put(FRAGMENT, text)
        assert complaint in fails_and_the_hub_runs_on(in_use)
    # With a change of our own beside it, which is taken back.
    in_use.put(CONFIG, "hub:\n  admin_users: [ada, grace]\nculler:\n  timeout: 2h\nkernels: []\n")
    assert "port 443" in fails_and_the_hub_runs_on(in_use)
    assert "grace" not in in_use.read(HUB_CONFIG)


def test_a_file_that_stops_the_hub_when_it_starts(in_use: Machine) -> None:
    """It reads what the sandboxed hub may not see. The admin has to take it away; then the next apply mends it all."""
    in_use.put("/home/shared/title", "Campus\n")
    in_use.put(FRAGMENT, "c.JupyterHub.template_vars = {'title': open('/home/shared/title').read()}\n")
    in_use.put(CONFIG, "hub:\n  admin_users: [ada, grace]\nkernels: []\n")
    error = failed(apply_as_root(in_use))
    assert f"{FRAGMENT}:1" in error
    assert "going back failed too" in error
    assert "grace" not in in_use.read(HUB_CONFIG), "our own file went back all the same"


def test_a_hook_that_fails_at_a_start_of_a_server(in_use: Machine) -> None:
    hook = "def refuse(spawner):\n    raise RuntimeError('no licence server')\n\nc.Spawner.pre_spawn_hook = refuse\n"
    in_use.put(FRAGMENT, hook)
    error = failed(apply_as_root(in_use))
    assert "a member's server didn't start" in error
    assert "no licence server" in error


# --- the disk ---------------------------------------------------------------------------------------


def test_etc_is_read_only(in_use: Machine) -> None:
    in_use.put(CONFIG, "hub:\n  admin_users: [ada, grace]\nkernels: []\n")
    in_use.run("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    try:
        error = fails_and_the_hub_runs_on(in_use)
    finally:
        in_use.run(["umount", "/etc"])
    assert f"{paths.AUTH_RULES} can't be written: Read-only file system" in error
    assert "remount" in error


def test_etc_is_full(in_use: Machine) -> None:
    """A file system of its own for /etc/jupyterhub, and not a byte free on it."""
    in_use.put(CONFIG, "hub:\n  admin_users: [ada, grace]\nkernels: []\n")
    in_use.run("cp -a /etc/jupyterhub /run/copy && mount -t tmpfs -o size=256k,mode=755 tmpfs /etc/jupyterhub")
    in_use.run("cp -a /run/copy/. /etc/jupyterhub; rm -r /run/copy; cat /dev/zero > /etc/jupyterhub/zeros", check=False)
    try:
        error = failed(apply_as_root(in_use))
        names = in_use.run(["ls", "-A", "/etc/jupyterhub"]).stdout
    finally:
        in_use.run(["umount", "/etc/jupyterhub"])
    assert "can't be written: No space left on device" in error
    assert "df -h" in error
    assert ".new" not in names


def test_the_installers_own_state_can_not_be_written(in_use: Machine) -> None:
    in_use.put(CONFIG, "hub:\n  admin_users: [ada, grace]\nkernels: []\n")
    in_use.run(f"mount --bind {STATE}/generations {STATE}/generations && mount -o remount,bind,ro {STATE}/generations")
    in_use.run(f"mount --bind {STATE} {STATE} && mount -o remount,bind,ro {STATE}")
    try:
        error = fails_and_the_hub_runs_on(in_use)
    finally:
        in_use.run(["umount", "--lazy", STATE, f"{STATE}/generations"])
    assert f"{STATE} can't be written: Read-only file system" in error


# --- the network -----------------------------------------------------------------------------------


def test_the_network_is_gone_when_another_environment_is_to_be_built(in_use: Machine) -> None:
    """As for another version of the installer."""
    in_use.run("cp -a installer/hub installer/kept-hub; echo '# newer' >> installer/hub/redact.py", cwd=CHECKOUT)
    in_use.run("rm -r /var/cache/jupyterhub-installer/uv/*")
    in_use.offline()
    try:
        error = fails_and_the_hub_runs_on(in_use)
    finally:
        in_use.online()
        in_use.run("rm -r installer/hub; mv installer/kept-hub installer/hub", cwd=CHECKOUT)
    assert "no answer from the network while building the server environment" in error


# --- damage -----------------------------------------------------------------------------------------


def test_a_damaged_generation_is_named(in_use: Machine) -> None:
    newest = in_use.run(f"ls {STATE}/generations/*.json | tail --lines=1").stdout.strip()
    whole = in_use.read(newest)
    in_use.put(newest, whole[: len(whole) // 2], mode="0600")
    try:
        error = fails_and_the_hub_runs_on(in_use)
    finally:
        in_use.put(newest, whole, mode="0600")
    assert error.startswith(f"error: {newest} can't be read: ")


def test_a_damaged_journal_is_named_and_a_torn_one_is_not(in_use: Machine) -> None:
    begin = '{"event": "begin", "at": "2026-01-01T00:00:00Z", "pid": 1, "by": "ada", "remembered": {}}\n'
    in_use.put(JOURNAL, begin + "\0\0\0\0\n" + begin, mode="0600")
    result = apply_as_root(in_use)
    assert failed(result).startswith(f"error: {JOURNAL} can't be read: line 2: ")
    for newer in ('{"event": "party"}\n', begin.replace("{", '{"format": 99, ', 1)):
        in_use.put(JOURNAL, begin + newer, mode="0600")
        for words in ("apply", "status", "rollback"):
            result = in_use.run(["python3", "-m", "installer", words], cwd=CHECKOUT, check=False)
            assert f"error: {JOURNAL} was written by a newer version of the installer" in result.stderr
        assert in_use.read(JOURNAL) == begin + newer
    in_use.put(JOURNAL, begin + '{"event": "sta', mode="0600")
    result = apply_as_root(in_use)
    assert result.ok
    assert "The run of 2026-01-01T00:00:00Z did not come to its end" in result.stderr
    assert in_use.run(["test", "-e", JOURNAL], check=False).code == 1


# --- those who watch --------------------------------------------------------------------------------


def test_an_apply_goes_on_where_nobody_reads_what_it_says(in_use: Machine) -> None:
    in_use.put(CONFIG, "culler:\n  timeout: 2h\nkernels: []\n")
    words = f"cd {CHECKOUT}; {' '.join(apply_words())} 2>&1 | head --lines=1"
    assert in_use.run(words, timeout=120).stdout
    assert pending(in_use) == ""


@pytest.mark.parametrize("words", ["plan", "plan --json", "status --json", "config schema"])
def test_output_that_nobody_reads_to_its_end(in_use: Machine, words: str) -> None:
    in_use.put(CONFIG, "culler:\n  timeout: 2h\nhub:\n  base_url: /jupyter/\nkernels: []\n")
    result = in_use.run(f"cd {CHECKOUT}; python3 -m installer {words} | head --bytes=1")
    assert result.stderr == ""


# --- neighbours -------------------------------------------------------------------------------------


def test_a_site_that_came_later_becomes_the_default_server(in_use: Machine) -> None:
    """It can't be reloaded beside ours as it stands; the next apply steps aside, and nothing of nginx's comes back."""
    site = "/etc/nginx/sites-enabled/intranet"
    text = "server {\n  listen 80 default_server;\n  server_name intranet.example.org;\n  return 200 intranet;\n}\n"
    in_use.put(site, text)
    try:
        assert apply_as_root(in_use).ok
        in_use.run(["nginx", "-t", "-q"])
        assert in_use.run("ls /etc/nginx/sites-enabled").stdout == "intranet\n"
        answer = in_use.run(["curl", "--silent", "--header", "Host: whoever.example.org", "http://127.0.0.1/"])
        assert answer.stdout == "intranet"
    finally:
        in_use.run(["rm", site])
