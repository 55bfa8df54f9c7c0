"""kill -9 at many a moment of an add and an update: nobody sees half a kernel, and the next run goes on from there."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installer.host import paths
from tests.system import tiny_channel
from tests.system.channel_server import ChannelServer, Stall
from tests.system.conftest import Boot
from tests.system.kernel_commands import (
    SMALL,
    SMALL_PACKAGES,
    config,
    current,
    kernel,
    kernel_words,
    revision,
    settled,
    versions,
)
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import BY_ADMIN, JOURNAL, apply_as_root
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG

TINY = "tiny"
KILLER = "/srv/killer.py"

# The installer itself, killed by itself where Python is about to do something, or has just done it.
_KILLER = """
import os, runpy, signal, sys
event, place, when = sys.argv[1:4]
sys.argv[:] = ["installer", *sys.argv[4:]]
sys.path.insert(0, os.getcwd())
reached = False
def look(name, arguments):
    global reached
    if name == "os.kill":
        return  # our own
    if reached:
        os.kill(os.getpid(), signal.SIGKILL)
    if name == event and place in " ".join(map(str, arguments)):
        reached = True
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(look)
runpy.run_module("installer", run_name="__main__", alter_sys=True)
"""

# What people's servers do when they list kernels; and whether what they find is whole.
_WATCH = """
import json, os, pathlib, select, sys
top = pathlib.Path(sys.argv[1])
looks, broken = 0, set()
def whole(target):
    spec = json.loads((target / "kernel.json").read_text())
    assert all(os.path.exists(word) for word in spec["argv"] if word.startswith("/"))
    assert (target.parent / ".complete").read_text().endswith("}")
    assert (target.parent / "conda-meta").is_dir()
while not select.select([0], [], [], 0)[0]:
    looks += 1
    for name in os.listdir(top):
        if name.startswith("."):
            continue
        try:
            target = os.readlink(top / name)
            whole(pathlib.Path(target))
        except (OSError, ValueError, AssertionError) as error:
            if os.path.lexists(top / name) and os.readlink(top / name) == target:
                broken.add(f"{name} -> {target}: {error!r}")
print(json.dumps([looks, sorted(broken)]))
"""

SYSTEMD_RUN = "subprocess.Popen"
COMPLETE = ("os.rename", "/.complete", "before")
MOMENTS = (
    (SYSTEMD_RUN, "/kernel-builder']", "after"),
    (SYSTEMD_RUN, "installer.hub.smoke_cell", "after"),
    ("os.mkdir", f"{paths.KERNELS}/NAME/", "after"),
    ("os.mkdir", "offered-jupyterhub-trial-NAME-", "after"),
    (SYSTEMD_RUN, "'sync', '--file-system'", "after"),
    ("os.mkdir", "/kernelspec", "before"),
    ("os.rename", "kernel.lock", "before"),
    COMPLETE,
    ("os.rename", "/.complete", "after"),
    ("os.rename", CONFIG, "before"),
    ("os.rename", CONFIG, "after"),
    ("open", JOURNAL, "after"),
    ("os.rename", f"{paths.KERNELSPECS}/", "before"),
    ("os.rename", f"{paths.KERNELSPECS}/", "after"),
    ("os.rename", "/history", "after"),
    ("os.rename", "/generations/", "before"),
    ("os.rename", "/generations/", "after"),
    ("os.remove", JOURNAL, "before"),
)
"""What the installer is about to do, or has just done, when it is killed; in the order in which it does that."""


@pytest.fixture(scope="module")
def campus(tiny_kernel_server: Layer) -> Iterator[Machine]:
    with Machine(tiny_kernel_server) as machine:
        machine.put(KILLER, _KILLER)
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        yield machine


@contextmanager
def watched(machine: Machine) -> Iterator[None]:
    """Have somebody list the kernels all the time; at the end, each one that was there was whole at every moment."""
    words = machine.command(["python3", "-c", _WATCH, str(paths.KERNELSPECS)], user=ADMIN.name)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watch:
        try:
            yield
        finally:
            said, _ = watch.communicate("end", timeout=30)
    looks, broken = json.loads(said)
    assert looks > 100
    assert broken == []


def killed(machine: Machine, moment: tuple[str, str, str], *words: str) -> None:
    """Run a kernel command that is killed at a moment."""
    own = machine.run("ls -d /var/lib/jupyterhub-installer/env/*/bin/python").stdout.strip()
    result = machine.run(
        [own, "-B", KILLER, *moment, "kernel", *words], cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=120
    )
    assert result.code in {-signal.SIGKILL, 128 + signal.SIGKILL}, (moment, result)


def taken_up(machine: Machine, *words: str) -> None:
    """Run the command again; where the killed run had begun to change things, it asks for an apply first."""
    result = machine.run(kernel_words(*words), cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=120)
    if not result.ok:
        assert "did not come to its end" in result.stderr, result
        assert "sudo python3 -m installer apply" in result.stderr.splitlines()[-1]
        assert apply_as_root(machine).ok
        kernel(machine, *words)


# --- an add -----------------------------------------------------------------------------------------


@pytest.mark.only_on("bookworm")
def test_an_add(campus: Machine) -> None:
    text, words = config(campus), ("add", "new", "--recipe", TINY)
    for moment in MOMENTS:
        event, place, when = moment
        with watched(campus):
            killed(campus, (event, place.replace("NAME", "new"), when), *words)
            taken_up(campus, *words)
        settled(campus)
        assert "name: new" in config(campus)
        assert versions(campus, current(campus, "new")) == {"tiny": "2.0"}
        with watched(campus):
            kernel(campus, "remove", "new")
        assert config(campus) == text


@pytest.mark.only_on("sid")
def test_an_update(campus: Machine) -> None:
    """The old version is there for everybody until the new one is; what comes before that is as with an add."""
    kernel(campus, "add", "new", "--recipe", TINY, "--packages", "tiny=1.0")
    kernel(campus, "install", "new", "tiny>=1")
    old, text = current(campus, "new"), config(campus)
    for moment in MOMENTS[MOMENTS.index(COMPLETE) :]:
        event, place, when = moment
        if place == CONFIG:
            continue  # an update leaves it alone
        with watched(campus):
            killed(campus, (event, place.replace("NAME", "new"), when), "update", "new")
            taken_up(campus, "update", "new")
        settled(campus)
        new = current(campus, "new")
        assert versions(campus, new) == {"tiny": "2.0"}
        kernel(campus, "rollback", "new", Path(old).name)
        assert (current(campus, "new"), config(campus)) == (old, text)
        # As if it had never been built.
        campus.run(["rm", "-r", new])
    kernel(campus, "remove", "new")


# --- a removal --------------------------------------------------------------------------------------


@pytest.mark.only_on("sid")
def test_a_removal(campus: Machine) -> None:
    """What is half removed is no revision any more, and the next command removes the rest."""
    text = config(campus)
    kernel(campus, "add", "new", "--recipe", TINY)
    kernel(campus, "install", "new", "large")
    killed(
        campus, (SYSTEMD_RUN, f"'rm', '--recursive', '--force', '--', '{paths.KERNELS}/new/", "after"), "remove", "new"
    )
    assert config(campus) == text
    assert len(campus.run(f"ls -d {paths.KERNELS}/new/*/.complete").stdout.split()) == 1
    kernel(campus, "gc")
    assert campus.run(f"ls {paths.KERNELS}").stdout.split() == [SMALL, TINY]
    settled(campus)


# --- while others work for it -----------------------------------------------------------------------


@contextmanager
def started(machine: Machine, *words: str) -> Iterator[Callable[[Callable[[], bool]], None]]:
    """A kernel command in the background; gives what kills it once something has happened."""
    process = subprocess.Popen(
        machine.command(kernel_words(*words), cwd=CHECKOUT, env=BY_ADMIN),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def kill_when(happened: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while not happened():
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < begun + 120
            time.sleep(0.02)
        machine.run(["pkill", "-KILL", "--full", "--", " ".join(("kernel", *words[:2]))])
        process.wait(30)

    with process:
        try:
            yield kill_when
        finally:
            process.kill()


@pytest.mark.only_on("sid")
def test_while_it_downloads_links_and_compiles(campus: Machine, tmp_path: Path) -> None:
    text = config(campus)
    tiny_channel.write(tmp_path)
    with ChannelServer(tmp_path, campus.host_address) as channel, watched(campus):
        channel.faults["*/large-*"] = Stall(1000, seconds=30)
        campus.put(CONFIG, text.replace(tiny_channel.ADDRESS, channel.url))
        with started(campus, "add", "new", "--recipe", TINY, "--packages", "large") as kill_when:
            kill_when(lambda: any("/large-" in request for request in channel.requests))
        campus.put(CONFIG, text)
        kernel(campus, "list")
        assert campus.run(f"ls {paths.KERNELSPECS}").stdout.split() == [SMALL, TINY]
    with watched(campus), started(campus, "add", "new", "--recipe", TINY, "--packages", "many") as kill_when:
        kill_when(lambda: campus.run(f"ls {paths.KERNELS}/new/*/share/many/1*", check=False).ok)
    kernel(campus, "add", "new", "--recipe", TINY, "--packages", "many")
    assert campus.run(f"ls {current(campus, 'new')}/share/many | wc -l").stdout == f"{tiny_channel.FILES}\n"
    kernel(campus, "remove", "new")
    with watched(campus), started(campus, "add", "other", "--packages", *SMALL_PACKAGES) as kill_when:
        kill_when(lambda: campus.run(["pgrep", "--full", "compileall"], check=False).ok)
    # A command of another kernel, even one that only takes something away, ends what is left of that.
    kernel(campus, "gc")
    settled(campus)
    assert config(campus) == text


# --- the whole machine ------------------------------------------------------------------------------


@pytest.mark.only_on("bookworm")
def test_the_machine_dies_while_it_builds(tiny_kernel_server: Layer, boot: Boot) -> None:
    machine = boot(tiny_kernel_server)
    before, text = revision(machine, TINY), config(machine)
    tiny_channel.recipe(machine, "slow", "post_install: [[/bin/sleep, '60']]")
    with started(machine, "add", "slow") as kill_when:
        kill_when(lambda: machine.run(["pgrep", "--full", "bin/sleep 60"], check=False).ok)
    with started(machine, "add", "new", "--recipe", "slow"):
        begun = time.monotonic()
        while not machine.run(["pgrep", "--full", "bin/sleep 60"], check=False).ok:
            assert time.monotonic() < begun + 60
        machine.crash()
    machine.start()
    assert (revision(machine, TINY), config(machine)) == (before, text)
    assert machine.run(f"ls {paths.KERNELSPECS}").stdout.split() == [SMALL, TINY]
    kernel(machine, "add", "new", "--recipe", TINY)
    assert machine.run(f"ls {paths.KERNELS}").stdout.split() == ["new", SMALL, TINY]
    kernel(machine, "check", "new")
    kernel(machine, "check", TINY)
