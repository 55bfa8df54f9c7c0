"""A kernel from its first day to its last: each command, and that config and machine agree after each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from installer.host import paths
from tests.channel.build import SERVED
from tests.system import tiny_channel
from tests.system.conftest import Boot
from tests.system.kernel_commands import (
    SMALL,
    SMALL_PACKAGES,
    asked,
    complaint,
    computing,
    config,
    current,
    kernel,
    python,
    refused,
    revision,
    revisions,
    settled,
    tree,
    versions,
)
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import ADMIN, CONFIG

# What is looked at is the same on every suite; each has its share of the long tests.
pytestmark = pytest.mark.only_on("sid")

CHANNELS = [SERVED.as_uri(), tiny_channel.ADDRESS]
ENVIRONMENT = """\
name: theirs
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - ipykernel
  - requests=2.31
  - pip:
      - iniconfig==2.0.0
"""


@pytest.fixture(scope="module")
def campus(small_kernel_server: Layer) -> Iterator[Machine]:
    with Machine(small_kernel_server) as machine:
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        yield machine


@pytest.fixture
def host(campus: Machine) -> Iterator[Machine]:
    """The machine, on which config and kernels agree after each test, and the admin's comments are where they were."""
    yield campus
    config(campus)
    settled(campus)


def files(machine: Machine) -> str:
    """All that kernels are made of, with the time of each file's last change."""
    places = f"{paths.KERNELS} {paths.KERNELSPECS} {paths.ETC} {paths.INSTALLER_STATE}/generations"
    return machine.run(
        f"find {places} -path {paths.KERNELS_CACHE} -prune -o -not -type d -printf '%p %C@ %l\\n' | sort"
    ).stdout


def packages(machine: Machine, name: str = SMALL) -> dict[str, dict[str, object]]:
    return {package["name"]: package for package in asked(machine, "packages", name)}


# --- what there is ----------------------------------------------------------------------------------


def test_what_was_added_is_told_of(host: Machine) -> None:
    (line,) = asked(host, "list")
    wanted = {
        "name": SMALL, "kernelspec": SMALL, "display_name": "Python 3.11 (small)", "version": "3.11.2",
        "revision": revision(host), "default": True, "state": "ready", "reason": "",
    }  # fmt: skip
    if line["version"] != "3.11.2":  # the newest that this suite's C library runs
        wanted |= {"display_name": "Python 3.13 (small)", "version": "3.13.5"}
    assert {key: line[key] for key in wanted} == wanted
    shown = asked(host, "show", SMALL)
    assert shown["packages"] == ["python", "ipykernel", "pip", *SMALL_PACKAGES]
    assert shown["channels"] == CHANNELS
    assert shown["directory"] == current(host)
    (switch,) = asked(host, "history", SMALL)
    assert (switch["revision"], switch["reason"]) == (revision(host), "add")
    assert f"- name: {SMALL}" in config(host) or f"name: {SMALL}" in config(host)
    for words in (["list"], *([word, SMALL] for word in ("show", "packages", "history"))):
        assert SMALL in kernel(host, *words).stdout or words[0] in {"packages", "history"}


def test_packages_are_listed_with_who_asked_for_them(host: Machine) -> None:
    found = packages(host)
    assert found["requests"] == {
        "name": "requests", "version": "2.31.0", "build": "pyhd_0", "source": "channel", "asked_for": True,
    }  # fmt: skip
    assert found["python"]["asked_for"]
    assert not found["urllib3"]["asked_for"]


def test_anybody_can_read_an_environment_as_conda_does(host: Machine) -> None:
    found = versions(host, current(host))
    assert found == {name: package["version"] for name, package in packages(host).items()}
    odd = host.run(f"find {current(host)}/conda-meta -type f ! -perm 644").stdout
    assert odd == ""
    assert host.run(["touch", f"{current(host)}/conda-meta/history"], user=ADMIN.name, check=False).code != 0
    requested = json.loads(host.run(f"cat {current(host)}/conda-meta/requests-*.json").stdout)
    assert requested["requested_specs"] == ["requests ==2.31.0"]


def test_what_is_so_already_is_nothing_to_do(host: Machine) -> None:
    before = files(host)
    for words in (
        ["add", SMALL, "--packages", *SMALL_PACKAGES], ["install", SMALL, "requests"], ["update", SMALL],
    ):  # fmt: skip
        assert "nothing to do" in kernel(host, *words).stdout
    assert files(host) == before


def test_a_dry_run_tells_and_changes_nothing(host: Machine) -> None:
    before = files(host)
    for words, told in (
        (["add", "other", "--packages", "requests"], "packages"),
        (["install", SMALL, "requests>=2.32"], "~ requests 2.31.0 -> 2.34.2"),
        (["install", SMALL, "--pip", "iniconfig==2.0.0"], "+ iniconfig 2.0.0"),
    ):
        assert told in kernel(host, *words, "--dry-run").stdout
    environment = "/root/other.yml"
    host.put(environment, ENVIRONMENT)
    assert "packages" in kernel(host, "add", "other", "--file", environment, "--dry-run").stdout
    assert files(host) == before


# --- changes ----------------------------------------------------------------------------------------


def test_packages_come_and_go_and_nothing_else_moves(host: Machine) -> None:
    before, first = versions(host, current(host)), revision(host)
    # The version that is there is one that will do, so it stays.
    kernel(host, "install", SMALL, "requests>=2")
    assert versions(host, current(host)) == before
    told = kernel(host, "update", SMALL, "requests").stdout
    assert "~ requests 2.31.0 -> 2.34.2" in told
    assert versions(host, current(host)) == {**before, "requests": "2.34.2"}
    kernel(host, "install", SMALL, "click", "--pip", "iniconfig==2.0.0")
    assert versions(host, current(host))["click"]
    assert packages(host)["iniconfig"] == {
        "name": "iniconfig", "version": "2.0.0", "build": "", "source": "pip", "asked_for": True,
    }  # fmt: skip
    assert python(host, "import iniconfig; print(iniconfig.__file__)").startswith(current(host))
    # The one that is there stays, now that a newer one would do; until it is named.
    assert "nothing to do" in kernel(host, "install", SMALL, "--pip", "Iniconfig").stdout
    kernel(host, "install", SMALL, "--pip", "iniconfig>=2")
    kernel(host, "uninstall", SMALL, "click")
    assert (packages(host)["iniconfig"]["version"], "iniconfig==2" in config(host)) == ("2.0.0", False)
    assert "~ iniconfig 2.0.0 -> " in kernel(host, "update", SMALL, "iniconfig").stdout
    kernel(host, "uninstall", SMALL, "INIconfig")
    assert "iniconfig" not in packages(host)
    assert versions(host, current(host)) == {**before, "requests": "2.34.2"}
    kernel(host, "rollback", SMALL, first)
    assert "requests==2.31.0" in config(host)


def test_packages_are_checked_again_unless_nothing_of_theirs_can_have_changed_them(host: Machine) -> None:
    def listed() -> set[str]:
        return set(json.loads(host.run(["cat", str(paths.KERNELS_CHECKED)]).stdout))

    def installed() -> set[str]:
        sums = "import json, sys; print(json.dumps([json.load(open(meta))['sha256'] for meta in sys.argv[1:]]))"
        return set(json.loads(host.run(f'python3 -c "{sums}" {current(host)}/conda-meta/*.json').stdout))

    kernel(host, "rebuild", SMALL)
    host.run(["test", "!", "-e", str(paths.KERNELS_CHECKED)])
    kernel(host, "install", SMALL, "click")
    first = listed()
    assert first == installed()
    kernel(host, "uninstall", SMALL, "click")
    assert listed() == first
    refused(host, "install", SMALL, "no-such-package-anywhere")
    assert listed() == first
    assert host.run(["stat", "--format=%U %a", str(paths.KERNELS_CHECKED)]).stdout == "root 644\n"


def test_what_was_not_added_can_not_be_taken_out(host: Machine) -> None:
    assert "the recipe python has it" in refused(host, "uninstall", SMALL, "ipykernel")
    assert "requests needs it" in refused(host, "uninstall", SMALL, "urllib3")
    assert "it isn't in it" in refused(host, "uninstall", SMALL, "numpy")
    assert "not a package of the kernel" in refused(host, "update", SMALL, "numpy")
    assert "kernel install small 'requests<2.32'" in refused(host, "update", SMALL, "requests<2.32")


def test_another_python(host: Machine, suite: str) -> None:
    """The channel has one that wants a newer C library than bookworm's."""
    before = revision(host)
    if suite == "bookworm":
        error = refused(host, "update", SMALL, "--python", "3.13")
        assert "__glibc" in error
        assert "another system" in error
        assert revision(host) == before
        return
    other = "3.11" if asked(host, "show", SMALL)["version"].startswith("3.13") else "3.13"
    kernel(host, "update", SMALL, "--python", other)
    assert asked(host, "show", SMALL)["display_name"] == f"Python {other} ({SMALL})"
    assert f"python={other}" in config(host)
    assert python(host, "import sys, requests; print(sys.version_info[1])") == other[2:]
    kernel(host, "rollback", SMALL)
    assert revision(host) == before
    assert f"python={other}" not in config(host)


def test_back_and_back_again(host: Machine) -> None:
    first, text = revision(host), config(host)
    kernel(host, "install", SMALL, "click")
    second, second_text = revision(host), config(host)
    kernel(host, "rollback", SMALL)
    assert (revision(host), config(host)) == (first, text)
    settled(host)
    kernel(host, "rollback", SMALL)
    assert (revision(host), config(host)) == (second, second_text)
    settled(host)
    kernel(host, "rollback", SMALL, first[:6])
    assert (revision(host), config(host)) == (first, text)
    assert [switch["reason"].split()[0] for switch in asked(host, "history", SMALL)[-4:]] == [
        "install", "rollback", "rollback", "rollback"
    ]  # fmt: skip
    assert "has no revision" in refused(host, "rollback", SMALL, "0123456789ab")


def test_going_back_to_what_the_config_no_longer_leads_to_pins_it(host: Machine) -> None:
    first, text = revision(host), config(host)
    host.run(f"mkdir /srv/second && ln -s {SERVED}/noarch {SERVED}/linux-64 /srv/second")
    host.put(CONFIG, text.replace(SERVED.as_uri(), f"{SERVED.as_uri()}\n  - file:///srv/second"))
    assert apply_as_root(host).ok
    other = revision(host)
    assert other != first
    kernel(host, "rollback", SMALL)
    assert revision(host) == first
    assert first in config(host)
    settled(host)
    # So it is when it has to be made anew.
    kernel(host, "rebuild", SMALL)
    assert revision(host) not in {first, other}
    assert f"revision: {revision(host)}" in config(host)
    settled(host)
    # To choose anew is to be pinned no more.
    kernel(host, "update", SMALL)
    assert "revision" not in config(host)
    assert revision(host) == other
    settled(host)
    host.put(CONFIG, text)
    assert apply_as_root(host).ok
    assert revision(host) == first


def test_an_edit_by_hand_and_a_command_come_to_the_same(host: Machine) -> None:
    first, text = revision(host), config(host)
    kernel(host, "install", SMALL, "click")
    by_command, edited = revision(host), config(host)
    kernel(host, "rollback", SMALL)
    host.put(CONFIG, edited)
    assert apply_as_root(host).ok
    assert revision(host) == by_command
    host.put(CONFIG, text)
    assert apply_as_root(host).ok
    assert revision(host) == first


# --- others beside it -------------------------------------------------------------------------------


def test_a_kernel_from_an_environment_file_and_its_end(host: Machine) -> None:
    before = config(host)
    host.put("/root/theirs.yml", ENVIRONMENT)
    kernel(host, "add", "theirs", "--file", "/root/theirs.yml", "--display-name", "Theirs: 3 {of} us", "--default")
    shown = asked(host, "show", "theirs")
    assert (shown["default"], shown["pip"]) == (True, ["iniconfig==2.0.0"])
    assert shown["channels"] == CHANNELS, "the config says where conda-forge is"
    spec = json.loads(host.read(f"{paths.KERNELSPECS}/theirs/kernel.json"))
    assert spec["display_name"].startswith("Theirs: 3")
    assert python(host, "import iniconfig, requests; print(requests.__version__)", name="theirs") == "2.31.0"
    assert "theirs" in host.read(str(paths.SERVER_SETTINGS))
    assert "default_kernel: theirs" in config(host)
    settled(host)
    with computing(host, "theirs") as person:
        person.run("thesis = 'nearly done'")
        # Whoever tidied up has removed what it was made from.
        host.run(["rm", f"{paths.KERNEL_RECIPES}/theirs.yml"])
        assert "theirs.yml" in refused(host, "show", "theirs", code=2)
        told = kernel(host, "remove", "theirs").stdout
        assert "still in use" in told
        assert config(host) == before
        assert asked(host, "list")[0]["name"] == SMALL
        assert person.run("import iniconfig, json.tool; thesis") == "'nearly done'"
        kernel(host, "gc")
        assert person.run("import wave; thesis") == "'nearly done'"
    kernel(host, "gc")
    assert host.run(["test", "-e", f"{paths.KERNELS}/theirs"], check=False).code == 1


def test_taking_the_entry_out_of_the_config_takes_the_kernel_away(host: Machine) -> None:
    text = config(host)
    kernel(host, "add", "second", "--packages", "requests")
    host.put(CONFIG, text)
    assert apply_as_root(host).ok
    assert host.run(f"ls {paths.KERNELSPECS}").stdout.split() == [SMALL]
    # What it was stays for a rollback, until somebody wants the room.
    assert revisions(host, "second")
    kernel(host, "gc")
    assert host.run(["test", "-e", f"{paths.KERNELS}/second"], check=False).code == 1


# --- keeping them well ------------------------------------------------------------------------------


def test_damage_is_found_and_mended(host: Machine) -> None:
    prefix, text = current(host), config(host)
    assert "is as it was built" in kernel(host, "check", SMALL).stdout
    site = host.run(f"ls -d {prefix}/lib/python3*/site-packages").stdout.strip()
    host.run(f"echo '# longer' >> {site}/requests/api.py; rm {site}/idna/core.py; touch {site}/added.py")
    # What is compiled isn't looked at, but neither is it taken over into what is made in its place.
    host.run(f"truncate --size=-1 {site}/certifi/__pycache__/core.*.pyc")
    with computing(host) as person:
        report = complaint_of_check(host)
        assert {(each["what"], each["path"].rpartition("site-packages/")[2]) for each in report["files"]} >= {
            ("changed", "requests/api.py"), ("missing", "idna/core.py"), ("added", "added.py"),
        }  # fmt: skip
        assert report["trouble"] == ""
        kernel(host, "rebuild", SMALL)
        assert current(host) != prefix
        assert config(host) == text
        assert "is as it was built" in kernel(host, "check", SMALL).stdout
        assert python(host, "import requests; print(requests.certs.where())").startswith(current(host))
        assert person.run("import wave; 6 * 7") == "42"
        assert Path(prefix).name in revisions(host), "somebody works in it"
    kernel(host, "gc")
    assert Path(prefix).name not in revisions(host)


def complaint_of_check(machine: Machine) -> dict[str, Any]:
    result = kernel(machine, "check", SMALL, "--json", code=3)
    report: dict[str, Any] = json.loads(result.stdout)
    assert not report["well"]
    assert "hint: build it anew" in result.stderr or result.stderr == ""
    return report


def test_a_kernel_that_does_not_start_is_noticed(host: Machine) -> None:
    site = host.run(f"ls -d {current(host)}/lib/python3*/site-packages").stdout.strip()
    host.run(["rm", "-r", f"{site}/ipykernel"])
    result = kernel(host, "check", SMALL, code=3)
    assert "it doesn't start" in result.stdout
    assert "installer kernel rebuild small" in result.stderr
    kernel(host, "rebuild", SMALL)
    kernel(host, "check", SMALL)


def test_a_collection_takes_what_nobody_needs(host: Machine) -> None:
    first = current(host)
    with computing(host) as person:
        for package in ("click", "tornado", "idna", "wcwidth"):
            kernel(host, "install", SMALL, package)
        now = current(host)
        # What was left a moment ago may be in a start that is under way; this was an hour ago.
        host.run(f'sed -i \'s/"at": "20../"at": "19/\' {paths.KERNELS}/{SMALL}/history')
        host.run(["mkdir", f"{paths.KERNELS_CACHE}/packages/nobodys-1.0-0"])
        kernel(host, "gc")
        left = revisions(host)
        assert len(left) == 4, "the last three, and the one that somebody works in"
        assert {first.rpartition("/")[2], now.rpartition("/")[2]} <= left
        assert person.run("import wave, requests; 6 * 7") == "42"
    kernel(host, "gc")
    assert len(revisions(host)) == 3
    assert host.run(["test", "-e", f"{paths.KERNELS_CACHE}/packages/nobodys-1.0-0"], check=False).code == 1
    kernel(host, "check", SMALL)


def test_the_same_on_another_machine(host: Machine, small_kernel_server: Layer, boot: Boot) -> None:
    """From the lock alone, with nothing of it there before."""
    lock = kernel(host, "lock", SMALL).stdout
    other = boot(small_kernel_server)
    assert apply_as_root(other).ok
    kernel(other, "remove", SMALL)
    other.run(f"rm -rf {paths.KERNELS_CACHE}/*")
    other.put("/root/small.lock", lock)
    kernel(other, "add", SMALL, "--lock", "/root/small.lock")
    assert tree(other, current(other)) == tree(host, current(host))
    assert versions(other, current(other)) == versions(host, current(host))
    assert "made from a lock" in refused(other, "install", SMALL, "click")
    assert complaint(kernel(other, "update", SMALL, code=1))
    settled(other)
