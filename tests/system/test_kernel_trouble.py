"""Whatever goes wrong with a kernel: it is told in words an admin can use, and kernel and config are as before."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installer.config import edit
from installer.host import paths
from tests.channel.build import SERVED
from tests.system import tiny_channel
from tests.system.channel_server import ChannelServer, Cut, Flip, Status
from tests.system.conftest import Boot
from tests.system.kernel_commands import (
    SMALL,
    asked,
    complaint,
    config,
    current,
    kernel,
    kernel_words,
    refused,
    revision,
    settled,
)
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import BY_ADMIN, apply_as_root, pending
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG

# What is looked at is the same on every suite; each has its share of the long tests.
pytestmark = pytest.mark.only_on("trixie")

TINY = "tiny"
SECRET = "open sesame, please"


@pytest.fixture(scope="module")
def campus(tiny_kernel_server: Layer) -> Iterator[Machine]:
    with Machine(tiny_kernel_server) as machine:
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        yield machine


@pytest.fixture
def host(campus: Machine) -> Iterator[Machine]:
    """The machine, on which after the test all must be as before it: the config, the kernels, nothing half done."""
    before = standing(campus)
    yield campus
    assert standing(campus) == before
    settled(campus)


def standing(machine: Machine) -> tuple[str, str, str]:
    """What people have of kernels, and what the config says."""
    links = machine.run(f"find {paths.KERNELSPECS} -mindepth 1 -printf '%p %y %l\\n' | sort").stdout
    whole = machine.run(f"ls -d {paths.KERNELS}/*/*/ {paths.KERNEL_RECIPES}/*").stdout
    return config(machine), links, whole


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny")
    tiny_channel.write(directory)
    return directory


@contextmanager
def using(machine: Machine, server: ChannelServer) -> Iterator[None]:
    """Have the config name a server's channel in place of the tiny one."""
    before = config(machine)
    machine.put(CONFIG, before.replace(tiny_channel.ADDRESS, server.url))
    try:
        yield
    finally:
        machine.put(CONFIG, before)


# --- what is asked for ------------------------------------------------------------------------------

NAMES = ("a/b", "/etc", "two words", "..", "a..b", ".hidden", "", "Caps", "naïve", "x" * 33, "a\nb", "a;b", "$(id)")


def test_names_that_no_kernel_can_have(host: Machine) -> None:
    for name in NAMES:
        error = refused(host, "add", name, "--recipe", TINY, code=2)
        assert len(error.splitlines()) == 2, error
    assert host.run(kernel_words("add", "-x"), cwd=CHECKOUT, check=False).code == 2
    for name in (*NAMES[:3], "nosuch"):
        assert name.splitlines()[0] in refused(host, "add", "fine", "--recipe", name, code=2)
    host.put("/root/env.yml", "dependencies: [tiny]\n")
    refused(host, "add", "../../up", "--file", "/root/env.yml", code=2)
    refused(host, "add", "nosuch", code=2)
    for verb in ("show", "packages", "history", "check", "remove", "rebuild", "lock", "update", "install", "rollback"):
        words = [verb, "nosuch", *(["six"] if verb == "install" else [])]
        assert "no kernel 'nosuch'" in refused(host, *words, code=2)


def test_packages_that_can_not_be_had(host: Machine) -> None:
    said = {
        "nosuch": "no package nosuch in ",
        "needy": "unheard-of",
        "tiny>=3": "tiny >=3",
        "unheard::tiny": "unheard",
    }
    for spec, told in said.items():
        assert told in refused(host, "install", TINY, spec), spec
    error = refused(host, "install", TINY, "old", "tiny>=2")
    assert "don't fit together" in error
    assert "tiny <2" in error
    assert "has no Python" in refused(host, "update", TINY, "--python", "3.13")
    for spec in ("tiny>=", "=1", "--prefix", "ti ny=1=2=3=4", "tiny\nother", "https://example.org/tiny.conda"):
        refused(host, "install", TINY, "--", spec, code=1 if spec in {"tiny>=", "ti ny=1=2=3=4"} else 2)


def test_pip_requirements_that_can_not_be_had(host: Machine) -> None:
    assert "can't be had together with conda's requests 2.31.0" in refused(
        host, "install", SMALL, "--pip", "requests<2.31"
    )
    assert "(pip) can't be had" in refused(host, "install", SMALL, "--pip", "nosuch-of-that-name-at-all==0.1")
    assert "python" in refused(host, "install", TINY, "--pip", "iniconfig")
    for line in ("-r /etc/passwd", "--index-url=http://x", "./here", "git+https://example.org/x"):
        refused(host, "install", SMALL, f"--pip={line}", code=2)


def test_a_name_that_somebody_else_uses(host: Machine) -> None:
    text = config(host)
    for directory in (paths.KERNELSPECS, *paths.OTHER_KERNELSPECS):
        place = f"{directory}/theirs"
        host.put(f"{place}/kernel.json", "{}")
        try:
            error = refused(host, "add", "theirs", "--recipe", TINY)
            assert f"{place} is there already" in error
            host.put(CONFIG, edit.with_kernel(text, {"name": "theirs", "recipe": TINY}))
            result = apply_as_root(host)
            assert result.code == (1 if directory == paths.KERNELSPECS else 3), result
            assert f"{place} is there already" in result.output
            assert host.read(f"{place}/kernel.json") == "{}"
        finally:
            host.put(CONFIG, text)
            host.run(["rm", "-r", place])
    assert apply_as_root(host).ok
    assert "made in another way" in refused(host, "add", TINY, "--recipe", "python")


def test_files_that_others_can_change_are_not_acted_on(host: Machine) -> None:
    text, file = config(host), "/srv/theirs.yml"
    host.put(file, "dependencies: [tiny]\n", mode="0666")
    host.put(CONFIG, edit.with_kernel(text, {"name": "theirs", "environment": file}))
    try:
        for change in (["chmod", "666", file], ["chown", ADMIN.name, file], ["rm", file]):
            host.run(change)
            result = apply_as_root(host)
            assert result.code == 2, result
            assert file in complaint(result)
            assert file in refused(host, "list", code=2)
            host.run(["chmod", "644", file], check=False)
    finally:
        host.put(CONFIG, text)
    host.put(f"{paths.KERNEL_RECIPES}/evil/recipe.yaml", "language: python\n", owner=ADMIN.name)
    try:
        assert "others can change it" in refused(host, "add", "evil", code=2)
        host.run(["chown", "root", f"{paths.KERNEL_RECIPES}/evil/recipe.yaml"])
        assert "is no recipe" in refused(host, "add", "evil", code=2)
    finally:
        host.run(["rm", "-r", f"{paths.KERNEL_RECIPES}/evil"])
    for text in ("dependencies: 3\n", "- a\n", "a: [\n", "dependencies: [tiny, {pip: [-r x]}]\n", "\0", "x: " * 9):
        host.put("/root/env.yml", text)
        assert "environment" in refused(host, "add", "theirs", "--file", "/root/env.yml", code=2)
    host.put("/root/bad.lock", '{"format": 1}')
    assert "is no lock file" in refused(host, "add", "theirs", "--lock", "/root/bad.lock", code=2)
    assert "can't be read" in refused(host, "add", "theirs", "--file", "/root/nosuch.yml")


# --- what packages and recipes do -------------------------------------------------------------------


def test_a_step_that_fails_is_told_with_what_it_said(host: Machine) -> None:
    tiny_channel.recipe(host, "stumbling", 'post_install: [[/bin/sh, -c, "echo the reason >&2; exit 3"]]')
    tiny_channel.recipe(host, "silent", 'smoke: {code: print(1), expect: "42"}')
    host.run(f"sed -i '0,/^smoke/{{/^smoke/d}}' {paths.KERNEL_RECIPES}/silent/recipe.yaml")
    try:
        error = refused(host, "add", "stumbling")
        assert "step sh failed with exit code 3" in error
        assert "  the reason" in error
        assert "does not work: the cell gave '1', where '42' should be" in refused(host, "add", "silent")
        assert "no licence" in refused(host, "add", "stumbling-2", "--recipe", TINY, "--packages", "broken")
    finally:
        host.run(["rm", "-r", f"{paths.KERNEL_RECIPES}/stumbling", f"{paths.KERNEL_RECIPES}/silent"])


def test_link_scripts_run_where_the_recipe_says_so_and_reach_nothing(host: Machine) -> None:
    tiny_channel.recipe(host, "scripts", "link_scripts: true")
    try:
        kernel(host, "add", "without", "--recipe", TINY, "--packages", *tiny_channel.SCRIPTS)
        assert host.run(f"ls {current(host, 'without')}/share").stdout.split() == ["daemon", "tiny", "vandal"]
        kernel(host, "add", "scripts", "--packages", *tiny_channel.SCRIPTS)
        share = f"{current(host, 'scripts')}/share"
        assert host.run(["ls", share]).stdout.split() == [
            "by-the-vandal", "daemon", "read", "started", "tiny", "vandal"
        ]  # fmt: skip
        assert host.read(f"{share}/read") == ""
        assert host.run("find / -xdev -name by-the-vandal -not -path '/opt/jupyter/kernels/*/*/share/*'").stdout == ""
        assert host.run(["pgrep", "--full", "sleep 54321"], check=False).code == 1
        kernel(host, "check", "scripts")
    finally:
        for name in ("without", "scripts"):
            kernel(host, "remove", name)
        host.run(["rm", "-r", f"{paths.KERNEL_RECIPES}/scripts"])


# --- two at once ------------------------------------------------------------------------------------


@contextmanager
def slow_add(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """An add whose build takes until somebody removes /run/wait."""
    tiny_channel.recipe(machine, "slow", "post_install: [[/bin/sh, -c, 'while test -e /run/wait; do sleep 0.1; done']]")
    machine.put("/run/wait", "")
    words = machine.command(kernel_words("add", "slow"), cwd=CHECKOUT, env=BY_ADMIN)
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as it:
        try:
            begun = time.monotonic()
            while not machine.run(["pgrep", "--full", "test -e /run/wait"], check=False).ok:
                assert it.poll() is None, it.communicate()
                assert time.monotonic() < begun + 60
            yield it
        finally:
            machine.run(["rm", "-rf", "/run/wait", f"{paths.KERNEL_RECIPES}/slow"])
            it.wait(60)


def test_two_at_once_and_an_edit_meanwhile(host: Machine) -> None:
    before = config(host)
    with slow_add(host) as adding:
        error = refused(host, "add", "other", "--recipe", TINY)
        assert "another run is at work: kernel add, pid " in error
        assert "another run is at work" in complaint(apply_as_root(host))
        # Looking is for everybody, also meanwhile; and it ends nobody's build.
        assert asked(host, "list")[0]["state"] == "ready"
        kernel(host, "check", TINY)
        assert adding.poll() is None
        host.put(CONFIG, before + "# edited meanwhile\n")
        host.run(["rm", "/run/wait"])
        _, said = adding.communicate(timeout=60)
    assert adding.returncode == 1
    assert "was changed meanwhile, and was left as it is" in said
    assert host.read(CONFIG) == before + "# edited meanwhile\n"
    host.put(CONFIG, before)
    kernel(host, "gc")


# --- the channel ------------------------------------------------------------------------------------


def test_a_package_that_is_not_what_the_index_says(host: Machine, tiny: Path) -> None:
    package = f"{tiny_channel.PLACE}/noarch/old-1.0-0.conda"
    whole = host.run(f"base64 {package}").stdout
    host.run(f"printf x | dd of={package} bs=1 seek=400 conv=notrunc")
    try:
        error = refused(host, "install", TINY, "old", "tiny<2")
        assert f"{package} isn't the package that the channel's index tells of" in error
        assert "expected" in error
    finally:
        host.run(f"base64 --decode > {package}", stdin=whole)
    with ChannelServer(tiny, host.host_address) as server:
        server.faults["*/old-*"] = Flip(400)
        with using(host, server):
            assert "isn't what the channel's index says" in refused(host, "install", TINY, "old", "tiny<2")


def test_a_channel_that_goes_away_in_the_middle(host: Machine, tiny: Path) -> None:
    with ChannelServer(tiny, host.host_address) as server:
        server.faults["*/large-*"] = Cut(20_000)
        with using(host, server):
            error, seconds = in_time(host, "install", TINY, "large")
            assert "large" in error
            assert seconds < 60
            # A server that is in trouble itself, and one that is not there any more.
            server.faults["*"] = Status(503)
            error, seconds = in_time(host, "install", TINY, "many")
            assert server.url in error
            assert seconds < 60
            server.close()
            error, seconds = in_time(host, "install", TINY, "many")
            assert f"no answer from the channel {server.url}" in error
            assert seconds < 12


def in_time(machine: Machine, *words: str) -> tuple[str, float]:
    """What a command that fails said, and how long it took to know."""
    begun = time.monotonic()
    error = refused(machine, *words)
    return error, time.monotonic() - begun


def test_a_private_channel_and_its_password(host: Machine, tiny: Path) -> None:
    """The credentials are for the channel alone: no process, log, record or service has them."""
    steal = "cat /proc/*/environ /proc/*/cmdline > {prefix}/share/stolen 2>/dev/null; env >> {prefix}/share/stolen"
    tiny_channel.recipe(host, "private", f"post_install: [[/bin/sh, -c, '{steal}']]")
    credentials = str(paths.CHANNEL_CREDENTIALS)
    with ChannelServer(tiny, host.host_address, login=("ada", SECRET)) as server, using(host, server):
        try:
            error = refused(host, "add", "private")
            assert "refuses access" in error
            assert credentials in error
            host.put(credentials, "{", mode="0600")
            assert f"{credentials} can't be read" in refused(host, "add", "private", code=2)
            known = {host.host_address: {"BasicHTTP": {"username": "ada", "password": SECRET}}}
            host.put(credentials, json.dumps(known), mode="0600")
            with nobody_says(host, SECRET):
                kernel(host, "add", "private")
            assert "PATH=" in host.read(f"{current(host, 'private')}/share/stolen")
            places = (
                paths.KERNELS,
                paths.KERNELSPECS,
                f"{paths.INSTALLER_STATE}/generations",
                "/etc",
                "/var/log",
                "/run",
            )
            found = host.run(["grep", "-r", "-l", "-a", "-s", "-F", "-f", "-", *map(str, places)], stdin=SECRET).stdout
            assert found.split() == [credentials]
            assert SECRET not in host.journal()
            kernel(host, "remove", "private")
        finally:
            host.run(["rm", "-rf", credentials, f"{paths.KERNEL_RECIPES}/private"])


_LISTEN = """
import glob, json, select, subprocess, sys
secret = bytes(json.loads(sys.stdin.readline()), "ascii")
PLACES = "/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ", "/run/jupyterhub-installer/*"
heard, looks = set(), 0
while not select.select([0], [], [], 0)[0]:
    looks += 1
    for place in (place for pattern in PLACES for place in glob.glob(pattern)):
        try:
            with open(place, "rb") as file:
                if secret in file.read():
                    heard.add(place)
        except OSError:
            continue
    if secret in subprocess.run(["systemctl", "show", "jupyterhub-kernel*"], stdout=subprocess.PIPE).stdout:
        heard.add("systemctl show")
print(json.dumps([looks, sorted(heard)]))
"""


@contextmanager
def nobody_says(machine: Machine, secret: str) -> Iterator[None]:
    """Look all the time at what processes, services and files of theirs have; none may have the secret."""
    with subprocess.Popen(
        machine.command(["python3", "-c", _LISTEN]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as listening:
        assert listening.stdin is not None
        print(json.dumps(secret), file=listening.stdin, flush=True)
        try:
            yield
        finally:
            said, _ = listening.communicate("end", timeout=30)
    looks, heard = json.loads(said)
    assert looks > 10
    assert heard == []


# --- the host ---------------------------------------------------------------------------------------


def test_a_full_disk(tiny_kernel_server: Layer, boot: Boot) -> None:
    """A file system of its own for kernels, and little free on it."""
    machine = boot(tiny_kernel_server)
    assert apply_as_root(machine).ok
    prefix, text = current(machine, TINY), config(machine)
    kept = str(paths.KERNELS)
    machine.run(
        f"cp -a {kept} /run/copy && mount -t tmpfs -o size=3g,mode=755 tmpfs {kept} && cp -a /run/copy/. {kept}"
    )
    machine.run(f"mount -o remount,size=$(($(df --output=used -k {kept} | tail -1) + 30000))k {kept}")
    error = refused(machine, "install", TINY, "large")
    assert "the disk is full" in error
    assert "df -h" in error
    # Room enough for the packages, and then none.
    tiny_channel.recipe(machine, "filling", "post_install: [[/bin/sh, -c, 'cat /dev/zero > {prefix}/zeros; true']]")
    error = refused(machine, "add", "filling")
    assert "No space left on device" in error or "disk is full" in error
    assert "df -h" in error
    assert (current(machine, TINY), config(machine)) == (prefix, text)
    assert machine.run(f"ls {kept}").stdout.split() == [SMALL, TINY]
    settled(machine)
    machine.run(f"mount -o remount,size=3g {kept}")
    kernel(machine, "install", TINY, "large")
    kernel(machine, "check", TINY)
    settled(machine)


def test_without_a_network(tiny_kernel_server: Layer, boot: Boot) -> None:
    """The hub is up, what is missing is named, and the next apply makes it."""
    machine = boot(tiny_kernel_server)
    assert apply_as_root(machine).ok
    text = config(machine)
    more = edit.with_kernel(edit.with_kernel(text, "python"), {"name": "second", "packages": ["requests"]})
    machine.put(CONFIG, more.replace(SERVED.as_uri(), "conda-forge").replace(f"  - {tiny_channel.ADDRESS}\n", ""))
    machine.offline()
    began = time.monotonic()
    result = apply_as_root(machine)
    print(f"an apply with no network: {time.monotonic() - began:.1f} s")
    assert result.code == 3, result
    for name in ("python", "second"):
        assert f"kernel:{name} is missing: no answer from the channel https://conda.anaconda.org" in result.stdout
    clocks = [float(line.split()[0]) for line in result.stderr.splitlines() if "kernel:" in line]
    assert clocks[-1] - clocks[0] < 10, result.stderr
    status = machine.run(["python3", "-m", "installer", "status"], cwd=CHECKOUT, check=False)
    assert status.code == 3
    assert "could not be had by the last apply: no answer from the channel" in status.output
    (line,) = [line for line in asked(machine, "list") if line["name"] == "second"]
    assert (line["state"], "no answer" in line["reason"]) == ("pending", True)
    assert "isn't built yet: no answer" in refused(machine, "packages", "second")
    machine.online()
    machine.put(CONFIG, edit.with_kernel(text, {"name": "second", "packages": ["requests"]}))
    assert apply_as_root(machine).ok
    assert {line["state"] for line in asked(machine, "list")} == {"ready"}
    settled(machine)


def test_one_bad_kernel_leaves_the_others(host: Machine) -> None:
    text = config(host)
    more = edit.with_kernel(text, {"name": "bad", "recipe": TINY, "packages": ["nosuch"]})
    host.put(CONFIG, edit.with_kernel(more, {"name": "good", "recipe": TINY, "packages": ["old"]}))
    try:
        result = apply_as_root(host)
        assert result.code == 3, result
        assert "kernel:bad is missing: no package nosuch in" in result.stdout
        assert {line["name"]: line["state"] for line in asked(host, "list")} == {
            SMALL: "ready", TINY: "ready", "bad": "pending", "good": "ready",
        }  # fmt: skip
        kernel(host, "check", "good")
        kernel(host, "remove", "bad")
        assert {line["name"]: line["state"] for line in asked(host, "list")} == {
            SMALL: "ready", TINY: "ready", "good": "ready",
        }  # fmt: skip
    finally:
        host.put(CONFIG, text)
        assert apply_as_root(host).ok
        kernel(host, "gc")  # until then, a return to the generation before has what it needs


def test_a_link_that_somebody_removed_is_noticed_and_mended(host: Machine) -> None:
    before = revision(host, TINY)
    host.run(["rm", f"{paths.KERNELSPECS}/{TINY}"])
    assert f"kernel:{TINY}" in pending(host)
    status = host.run(["python3", "-m", "installer", "status"], cwd=CHECKOUT, check=False)
    assert (status.code, f"kernel:{TINY} is missing" in status.output) == (3, True), status
    assert asked(host, "list")[1]["state"] == "pending"
    assert apply_as_root(host).ok
    assert revision(host, TINY) == before
