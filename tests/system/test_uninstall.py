"""`installer uninstall`: all of ours goes and nothing else, wherever it is killed and whatever stands in its way."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from installer.host import paths
from tests.system.conftest import Applied, Boot
from tests.system.kernel_commands import SMALL
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import JOURNAL, STATE, apply_as_root
from tests.system.machine_person import ADMIN, CHECKOUT
from tests.system.machine_process import Result
from tests.system.machine_snapshot import contents, differences, managed
from tests.system.visitor import Visitor

# What is removed was made by the same code on each suite; that purging packages differs is in test_readme.
pytestmark = pytest.mark.only_on("bookworm")

BACKUPS = f"{paths.BACKUPS}/jupyterhub-*-uninstall.tar.gz"
DEFAULT_SITE = str(paths.NGINX_DEFAULT_SITE)

PASSING = "|".join(
    (
        "/proc|/sys|/run|/dev|/var/log|/var/cache/apt|/var/lib/apt",
        f"/home|/srv|{CHECKOUT}",  # people's, and what tests put beside the machine
        # Each machine's and each boot's own.
        r"/etc/machine-id|/etc/resolv\.conf|/var/lib/systemd/(random-seed|timers|timesync|coredump)|/var/lib/sudo",
        r"/(var/)?tmp/systemd-private-.*",
        # What the distribution's own timers do at midnight.
        "/var/backups|/var/lib/logrotate|/var/cache/man",
        # Copies from before the last change, which each change makes.
        "/etc/(passwd|group|shadow|gshadow|subuid|subgid)-",
        r"/var/cache/debconf/((config|templates)\.dat-old|tmp\.ci)|/var/lib/dpkg/status-old",
    )
)

# Counts what is written down of an uninstall, and kills it there as kill -9 does.
_KILLED = """
import os, runpy, signal, sys
sys.path.insert(0, {checkout!r})
from installer.engine.store import Journal
from installer.host import remains
left = {number}
def counted(real):
    def call(*words):
        global left
        real(*words)
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    return call
{place} = counted({place})
sys.argv = ["installer", "uninstall", "--yes"]
runpy.run_module("installer", run_name="__main__", alter_sys=True)
"""
RECORD, LAST_STEP = "Journal._append", "remains._remove"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """A server that serves nothing but the hub. Its tests follow each other."""
    with Machine(applied_server[0]) as machine:
        yield machine


def test_as_if_it_had_never_been(server: Layer, small_kernel_server: Layer, boot: Boot) -> None:
    never = boot(server)
    before = state(never)
    assert "There is nothing to take off" in uninstall(never).stdout
    assert differences(before, state(never)) == []
    never.remove()

    machine = boot(small_kernel_server)
    with Visitor(machine) as ada:
        ada.login(ADMIN.name, ADMIN.password or "")
        ada.start_server()
        ada.start_kernel(SMALL).run("open('thesis.txt', 'w').write('nearly done')")
        everything = ("--purge", "--packages")
        shown = uninstall(machine, *everything, "--dry-run").stdout
        assert ada.server_answers()
    assert f"1 user's server is running ({ADMIN.name}) and will be stopped" in shown
    recipe = f"{paths.KERNEL_RECIPES}/tiny/recipe.yaml"
    for line in ("nginx", "python3-venv", "group", "for good (--purge)", f"your files   {recipe}"):
        assert line in shown, shown

    result = uninstall(machine, *everything, "--yes")
    assert result.ok, result
    assert "off this server" in result.stdout.splitlines()[-1]
    expected = {recipe, *(str(path) for path in (paths.KERNEL_RECIPES, paths.KERNEL_RECIPES / "tiny"))}
    left = differences(before, state(machine))
    assert {line.partition(": ")[0] for line in left} == expected | {str(paths.CONFIG_FILE)}, "\n".join(left)
    assert machine.read(f"/home/{ADMIN.name}/thesis.txt") == "nearly done"
    assert traces(machine) == ""
    assert machine.run(f"ls {BACKUPS}", check=False).stdout == ""


def test_refused_with_nothing_done(campus: Machine) -> None:
    before = managed(campus)
    nobody = uninstall(campus)
    assert nobody.code == 2
    assert "hint: look at what is listed above, then run it with --yes" in nobody.stderr
    asked = campus.run(["script", "-qec", " ".join(words()), "/dev/null"], cwd=CHECKOUT, stdin="\n")
    assert "Remove all this? [y/N]" in asked.stdout
    assert "Nothing was changed." in asked.stdout.splitlines()[-1]
    for file, damage in (
        (JOURNAL, "echo nonsense > {}"),
        (f"{STATE}/generations/000001.json", """sed -i 's/^{{$/{{"of_tomorrow": 1,/' {}"""),
        (f"{STATE}/found.json", "echo '[' > {}"),
    ):
        campus.run(f"cp -a {file} /root/whole 2> /dev/null; {damage.format(file)}", check=False)
        assert f"{file} can't be read" in refused(campus)
        campus.run(f"rm {file}; mv /root/whole {file} 2> /dev/null", check=False)
    campus.run(f"mount --bind {STATE} {STATE} && mount -o remount,bind,ro {STATE}")
    assert f"error: {STATE} can't be written: Read-only file system" in refused(campus)
    campus.run(["umount", STATE])
    campus.run(f"mkdir {paths.HUB_STATE}/usb && mount -t tmpfs none {paths.HUB_STATE}/usb")
    assert f"error: a file system is mounted at {paths.HUB_STATE}/usb, in a directory" in refused(campus)
    campus.run(f"umount {paths.HUB_STATE}/usb && rmdir {paths.HUB_STATE}/usb")
    inside = ["systemd-run", "--quiet", "--scope", "--slice=jupyterusers-1000.slice", *words("--yes")]
    assert "error: this terminal is part of a user's server" in campus.run(inside, cwd=CHECKOUT, check=False).stderr
    assert differences(before, managed(campus)) == []


def test_packages_that_something_else_needs_stay(campus: Machine) -> None:
    control = "Package: needy\\nVersion: 1\\nArchitecture: all\\nMaintainer: me\\nDepends: nginx\\nDescription: none\\n"
    campus.run(f"mkdir -p /root/needy/DEBIAN && printf '{control}' > /root/needy/DEBIAN/control")
    campus.run("dpkg-deb --build /root/needy /root/needy.deb && dpkg --install /root/needy.deb && rm -r /root/needy*")
    shown = uninstall(campus, "--packages", "--dry-run").stdout
    goes, stays = shown.split("This stays:")
    assert "nginx, which needy needs" in stays
    assert "python3-pip-whl" in goes
    assert not [name for name in ("needy", " nginx\n", "nginx-common") if name in goes], goes
    campus.run(["dpkg", "--purge", "needy"])


def test_killed_on_its_way(campus: Machine) -> None:
    """At records of the journal, then while the installer's own directory goes: each run gets a little further."""
    for number in (2, 3, 6, 15, 40):
        kill(campus, RECORD, number)
    campus.run(["systemd-run", "--quiet", "--unit=busy", f"--uid={paths.CULLER_USER}", "sleep", "infinity"])
    stopped = uninstall(campus, "--yes")
    assert stopped.code == 1
    assert f"error: account:{paths.CULLER_USER} is still there: " in stopped.stderr
    assert "run uninstall again" in stopped.stderr.splitlines()[-1]
    assert campus.run(["id", paths.HUB_USER], check=False).code == 1
    campus.run(["systemctl", "stop", "busy"])
    for number in (1, 3, 4, 4):  # the last of them when the environment is gone
        kill(campus, LAST_STEP, number)
    assert uninstall(campus, "--yes").ok
    assert traces(campus) == f"{paths.BACKUPS}\n{backups(campus)[0]}\n"
    assert "Welcome to nginx" in campus.run(["curl", "--silent", "--noproxy", "*", "http://127.0.0.1/"]).stdout
    # As the package has them, nginx.conf among them.
    assert campus.run(["dpkg", "--verify", "nginx", "nginx-common"]).stdout == ""


def test_what_was_kept(campus: Machine) -> None:
    """One archive of all that can't be had again, though it was killed on its way."""
    (only,) = backups(campus)
    assert campus.run(["stat", "--format=%a %U:%G", only]).stdout == "600 root:root\n"
    inside = campus.run(["tar", "-tzf", only]).stdout.splitlines()
    kept = (paths.CONFIG_FILE, paths.COOKIE_SECRET, paths.CA_KEY)
    assert {"hub/jupyterhub.sqlite", *(f"etc/{path.relative_to(paths.ETC)}" for path in kept)} <= {*inside}
    shown = campus.run(["python3", "-m", "installer", "restore", only, "--dry-run"], cwd=CHECKOUT, timeout=300)
    assert shown.ok, shown


def test_once_more(campus: Machine) -> None:
    """What the admin has made or taken away before the apply stays so after the uninstall."""
    campus.run(f"groupadd --system {paths.MEMBERS_GROUP}; rm {DEFAULT_SITE}; systemctl reload nginx")
    campus.put(f"{paths.CONF_D}/10-mine.py", "c.JupyterHub.allow_named_servers = True\n")
    campus.put(str(paths.CONFIG_FILE), "kernels: []\n")
    applied = apply_as_root(campus)
    assert "The hub is up" in applied.stdout, applied
    again = uninstall(campus, "--yes")
    assert again.ok, again
    for line in (f"groups       {paths.MEMBERS_GROUP}", f"your files   {paths.CONF_D}/10-mine.py"):
        assert line in again.stdout, again
    assert "comes back" not in again.stdout
    assert campus.run(["getent", "group", paths.MEMBERS_GROUP]).stdout.endswith(":\n")
    assert campus.run(["test", "-e", DEFAULT_SITE], check=False).code == 1
    assert campus.run(["find", str(paths.ETC)]).stdout.splitlines()[-1] == f"{paths.CONF_D}/10-mine.py"
    assert len(backups(campus)) == 2
    assert campus.run("systemctl --failed --no-legend").stdout == ""


def state(machine: Machine) -> dict[str, str]:
    """All that may not change; without the salt of the admin's password, which each image has its own of."""
    machine.run(["usermod", "--password", "*", ADMIN.name])
    return contents(machine, PASSING)


def words(*options: str) -> list[str]:
    return ["python3", "-m", "installer", "uninstall", *options]


def uninstall(machine: Machine, *options: str) -> Result:
    """Run it to its end as root, whatever it comes to."""
    result = machine.run(words(*options), cwd=CHECKOUT, check=False, timeout=300)
    assert "Traceback" not in result.stderr, result
    return result


def refused(machine: Machine) -> str:
    """What it says when it can't be done at all."""
    result = uninstall(machine, "--yes", "--purge")
    assert result.code == 1, result
    *_, error, hint = result.stderr.splitlines()
    assert (error[:7], hint[:6]) == ("error: ", "hint: "), result
    return error


def kill(machine: Machine, place: str, number: int) -> None:
    """Start one, and kill it without notice at the end of the numbered call of a function."""
    python = machine.run(f"ls {STATE}/env/*/bin/python").stdout.strip()
    code = _KILLED.format(checkout=CHECKOUT, place=place, number=number)
    result = machine.run([python, "-I", "-c", code], cwd=CHECKOUT, check=False, timeout=300)
    assert result.code in {-signal.SIGKILL, 128 + signal.SIGKILL}, result


def backups(machine: Machine) -> list[str]:
    """The last backups that are there."""
    return machine.run(f"ls {BACKUPS}").stdout.splitlines()


def traces(machine: Machine) -> str:
    """Whatever bears our name, where a machine keeps things; but for the admin's own."""
    passing = ["-not", "-path", "/run/sudo/*", "-not", "-path", "/etc/jupyterhub*"]
    places = ["/etc", "/opt", "/run", "/tmp", "/var/backups", "/var/cache", "/var/lib"]
    return machine.run(["find", *places, "-iname", "*jupyter*", *passing]).stdout
