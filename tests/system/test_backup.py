"""A hub that is backed up while people work in it, restored on another machine, and backed up there by its timer."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from installer.commands.backup_manifest import read_manifest
from installer.host import paths
from tests.channel.pack import index, pack
from tests.system import tiny_channel
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_image import HOSTNAME, Layer
from tests.system.machine_installer import BY_ADMIN, pending
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, add_person
from tests.system.machine_process import Result
from tests.system.visitor import HOST, Visitor, trust, until

pytestmark = pytest.mark.only_on("bookworm")

PASSWORD = "a fine password"
FRAGMENT = "/etc/jupyterhub/conf.d/50-own.py"
BACKUP = "/root/hub.tar.gz"
OURS = f"jupyterhub-{HOSTNAME}"
SECRETS = f"cd {paths.SECRETS} && sha256sum *"
FIRST_CONFIG = f"""\
# as the admin left it
channels: [{tiny_channel.ADDRESS}]
kernels:
  - tiny
"""
OUTSIDE = "/srv/kernels/tiny.lock"
"""A file elsewhere, which a kernel is made from."""
HUB_CONFIG = f"""\
{FIRST_CONFIG}  - {{name: copy, lock: {OUTSIDE}}}
culler: {{groups: [{{group: rowers, timeout: 8h}}]}}
"""
MAKE_GROUP = ["groupadd", "--force", "rowers"]


@dataclass(frozen=True)
class Former:
    """What is known of the machine that is no more."""

    piped: bytes
    written: bytes
    cookies: list[Any]
    token: str
    lock: str
    revision: str
    secrets: str
    ca: str
    numbers: list[str]


def installer(machine: Machine, *words: str, stdin: bytes | None = None, code: int = 0) -> Result:
    """Run a command of the installer as root, whom the admin has become by sudo."""
    command = ["python3", "-m", "installer", *words]
    result = machine.run(command, cwd=CHECKOUT, env=BY_ADMIN, stdin=stdin, check=False, timeout=300)
    assert result.code == code, result
    assert "Traceback" not in result.output, result
    return result


def refused(machine: Machine, *words: str, stdin: bytes | None = None, code: int = 1) -> str:
    """A command that is refused, in two lines or a few more; returns what was said."""
    said = installer(machine, *words, stdin=stdin, code=code).stderr
    assert "error: " in said
    assert said.splitlines()[-1].startswith("hint: "), said
    return said


def linked(machine: Machine, kernelspec: str) -> str:
    return machine.run(["readlink", f"{paths.KERNELSPECS}/{kernelspec}"]).stdout.strip().removesuffix("/kernelspec")


def who(machine: Machine, token: str) -> httpx.Response:
    """Ask the hub who a token is, from outside."""
    with httpx.Client(verify=trust(machine), headers={"Host": HOST, "Authorization": f"token {token}"}) as client:
        return client.get(f"https://{machine.address}/hub/api/user", extensions={"sni_hostname": HOST})


def generations(machine: Machine) -> list[str]:
    return machine.run(["ls", f"{paths.INSTALLER_STATE}/generations"]).stdout.split()


def state(machine: Machine) -> str:
    """What a restore that is refused must leave alone."""
    places = f"{paths.ETC} {paths.INSTALLER_STATE} {paths.HUB_STATE} {paths.OPT} /etc/passwd /etc/group"
    return machine.run(
        f"find {places} -path '{paths.INSTALLER_STATE}/env' -prune -o -printf '%p %M %u %s %T@\\n' 2>&1 "
        f"| grep -v '^{paths.INSTALLER_STATE} ' | sort"
    ).stdout


@pytest.fixture(scope="module")
def former(applied_server: Applied) -> Former:
    """A machine with a member at work and a kernel; backed up twice, then gone."""
    with Machine(applied_server[0]) as machine:
        add_person(machine, "grace", PASSWORD, groups=[paths.MEMBERS_GROUP])
        add_person(machine, "otto", PASSWORD, groups=[paths.MEMBERS_GROUP])
        machine.run(MAKE_GROUP)
        tiny_channel.put(machine)
        machine.put(CONFIG, FIRST_CONFIG)
        machine.put(FRAGMENT, "c.JupyterHub.template_vars = {'announcement': 'we are one'}\n", mode="0640")
        machine.run(["chown", "root:jupyter", FRAGMENT])
        installer(machine, "apply", "--yes")
        machine.put(OUTSIDE, installer(machine, "kernel", "lock", "tiny").stdout)
        machine.put(CONFIG, HUB_CONFIG)
        installer(machine, "apply", "--yes")
        with Visitor(machine) as grace:
            grace.login("grace", PASSWORD)
            grace.start_server()
            answer = grace.api("POST", "/hub/api/users/grace/tokens", {"note": "mine"})
            assert answer.status_code == httpx.codes.CREATED, answer.text
            # The hub's account can put what it likes beside its database.
            machine.run(["ln", "-s", "/etc/shadow", f"{paths.HUB_STATE}/link"], user=paths.HUB_USER)
            piped = machine.run(
                "python3 -m installer backup - | base64 --wrap=0", cwd=CHECKOUT, env=BY_ADMIN, timeout=120
            )
            made = installer(machine, "backup", BACKUP)
            assert made.stdout.startswith(f"{BACKUP}: "), made
            assert machine.run(["stat", "--format=%a %U", BACKUP]).stdout == "600 root\n"
            assert grace.server_answers()
            written = machine.run(["base64", "--wrap=0", BACKUP]).stdout
            prefix = linked(machine, "tiny")
            return Former(
                piped=base64.b64decode(piped.stdout),
                written=base64.b64decode(written),
                cookies=grace.cookies(),
                token=str(answer.json()["token"]),
                lock=machine.read(f"{prefix}/kernel.lock"),
                revision=prefix,
                secrets=machine.run(SECRETS).stdout,
                ca=machine.read(str(paths.CA_CERTIFICATE)),
                numbers=generations(machine),
            )


@pytest.fixture(scope="module")
def successor(server: Layer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A fresh machine: of grace it knows, of otto and rowers it doesn't; its channel has a newer package."""
    channel = tmp_path_factory.mktemp("channel")
    tiny_channel.write(channel)
    pack(channel, name="tiny", version="3.0", files={"share/tiny/version": b"3.0"})
    index(channel)
    with Machine(server) as machine:
        add_person(machine, "grace", PASSWORD)
        files = [file.relative_to(channel) for file in channel.rglob("*") if file.is_file()]
        machine.put_tree(channel, files, tiny_channel.PLACE)
        machine.run(["chmod", "-R", "a+rX", tiny_channel.PLACE])
        machine.run(["rm", CONFIG])
        yield machine


@pytest.fixture(scope="module")
def restored(successor: Machine, former: Former) -> tuple[Machine, Result]:
    """The machine after a restore; of an earlier one, killed in the middle, there is a part already."""
    successor.run(MAKE_GROUP)
    successor.put(str(paths.RESTORING), "of hub of 2026-11-21T15:00:00Z\n", mode="0600")
    successor.put("/etc/jupyterhub/conf.d/50-own.py", "c.JupyterHub.template_vars = {}\n")
    successor.put("/etc/jupyterhub/conf.d/99-half.py", "raise SystemExit('half')\n")
    said = refused(successor, "apply", "--yes")
    assert "the restore of a backup of hub of 2026-11-21T15:00:00Z did not come to its end" in said
    return successor, installer(successor, "restore", "-", "--yes", stdin=former.piped)


# --- what is in one ---------------------------------------------------------------------------------


def test_it_has_what_makes_the_hub_and_nothing_else(former: Former) -> None:
    with tarfile.open(fileobj=io.BytesIO(former.piped)) as archive:
        names = archive.getnames()
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        said = read_manifest(manifest.read(), "it")
    assert names[0] == "manifest.json"
    assert names[1:] == [item.path for item in said.items]
    assert {
        "hub/jupyterhub.sqlite", "etc/installer.yaml", f"files{OUTSIDE}", "etc/conf.d/50-own.py",
        "etc/kernels/tiny/recipe.yaml",
        "etc/secrets/cookie_secret", "etc/secrets/ca.key", "etc/tls/ca.crt", "generations/000001.json",
        f"kernels/tiny/{former.revision.rpartition('/')[2]}/kernel.lock",
    } <= set(names)  # fmt: skip
    assert "etc/jupyterhub_config.py" not in names
    assert said.members == (ADMIN.name, "grace", "otto")
    assert said.left_out == ()
    assert not any("shadow" in name or "link" in name for name in names)


# --- what is refused on the fresh machine -----------------------------------------------------------


def test_what_is_no_whole_backup_changes_nothing(successor: Machine, former: Former) -> None:
    installer(successor, "config", "check")
    before = state(successor)
    cut = former.piped[:-100]
    damaged = bytearray(former.piped)
    damaged[len(damaged) // 2] ^= 1
    for name, data, why in (
        ("cut", cut, "it is cut off"),
        ("damaged", bytes(damaged), "can't be restored: "),
        ("foreign", b"not a backup", "it is no tar.gz"),
        ("empty", b"", "it "),
    ):
        said = refused(successor, "restore", "-", "--yes", stdin=data)
        assert why in said, (name, said)
        assert state(successor) == before, name
    assert "can't be read: No such file" in refused(successor, "restore", "/root/nothing")


def test_rules_for_whom_this_machine_does_not_know_are_told_before_anything_is_changed(
    successor: Machine, former: Former
) -> None:
    before = state(successor)
    said = refused(successor, "restore", "-", "--yes", stdin=former.written)
    assert "the backup's config can't be applied here: culler.groups[0] in " in said
    assert "this machine has no group rowers" in said
    assert "make it first, then restore again" in said
    assert state(successor) == before


def test_a_dry_run_says_what_would_be_and_changes_nothing(successor: Machine, former: Former) -> None:
    successor.run(MAKE_GROUP)
    before = state(successor)
    said = installer(successor, "restore", "-", "--dry-run", stdin=former.written).stdout
    assert "members   ada, grace" in said
    assert "without an account here: otto" in said
    assert "The backup is whole. Nothing was changed." in said
    assert state(successor) == before


def test_what_is_there_is_not_overwritten_unasked(successor: Machine, former: Former) -> None:
    successor.put(CONFIG, "kernels: []\n")
    before = state(successor)
    said = refused(successor, "restore", "-", "--yes", stdin=former.piped)
    assert "this machine is not a fresh one: /etc/jupyterhub/installer.yaml is there" in said
    assert "--replace" in said
    assert state(successor) == before
    successor.run(["rm", CONFIG])


# --- the same hub -----------------------------------------------------------------------------------


def test_a_restored_hub_knows_its_people(restored: tuple[Machine, Result], former: Former) -> None:
    machine, result = restored
    assert "The hub is up: " in result.stdout
    assert "no account here: otto" in result.stderr
    answer = who(machine, former.token)
    assert (answer.status_code, answer.json()["name"]) == (httpx.codes.OK, "grace")
    with Visitor(machine) as grace:
        grace.resume("grace", former.cookies)
        assert grace.hub_user()["name"] == "grace"
        grace.start_server()
        assert grace.server_answers()


def test_a_restored_hub_has_the_same_files(restored: tuple[Machine, Result], former: Former) -> None:
    machine, _ = restored
    site = re.compile(r"^\S+  hub\.key\n", re.MULTILINE)
    # Another address, so another certificate, by the authority that browsers trust already.
    assert site.sub("", machine.run(SECRETS).stdout) == site.sub("", former.secrets)
    assert machine.read(str(paths.CA_CERTIFICATE)) == former.ca
    assert machine.read(CONFIG) == HUB_CONFIG
    assert machine.run(["ls", "/etc/jupyterhub/conf.d"]).stdout.split() == ["50-own.py"]
    assert machine.run(["stat", "--format=%a %U %G", FRAGMENT]).stdout == "640 root jupyter\n"
    modes = machine.run(f"stat --format='%a %U' {paths.SECRETS} {paths.SECRETS}/* {paths.HUB_DATABASE}").stdout.split(
        "\n"
    )
    assert modes[0] == "700 root"
    assert set(modes[1:-2]) == {"600 root"}
    assert modes[-2] == "600 jupyter"
    own = {"env", "found.json", "generations", "left.json", "packages.json"}
    assert set(machine.run(["ls", "-A", str(paths.INSTALLER_STATE)]).stdout.split()) == own
    assert generations(machine) == [*former.numbers, f"{len(former.numbers) + 1:06}.json"]
    assert pending(machine) == ""


def test_a_restored_kernel_is_the_same_to_the_byte(restored: tuple[Machine, Result], former: Former) -> None:
    machine, _ = restored
    assert linked(machine, "tiny") == former.revision
    assert machine.read(f"{former.revision}/kernel.lock") == former.lock
    assert machine.read(f"{former.revision}/share/tiny/version") == "2.0"
    assert machine.run(["stat", "--format=%a %U", OUTSIDE]).stdout == "600 root\n"
    assert machine.read(f"{linked(machine, 'copy')}/share/tiny/version") == "2.0"


# --- where there is a hub already -------------------------------------------------------------------


def test_an_older_backup_takes_a_hubs_place_only_when_asked(restored: tuple[Machine, Result], former: Former) -> None:
    machine, _ = restored
    assert "this machine is not a fresh one: there is a hub" in refused(
        machine, "restore", "-", "--yes", stdin=former.piped
    )
    machine.run(f"install -d -o grace {paths.ETC}/hers && touch {paths.ETC}/hers/notes")
    machine.put("/etc/jupyterhub/conf.d/60-new.py", "c.JupyterHub.template_vars = {}\n")
    installer(machine, "kernel", "update", "tiny", "--yes")
    assert machine.read(f"{linked(machine, 'tiny')}/share/tiny/version") == "3.0"
    with Visitor(machine) as grace:
        grace.login("grace", PASSWORD)
        newer = str(grace.api("POST", "/hub/api/users/grace/tokens", {"note": "newer"}).json()["token"])
    result = installer(machine, "restore", "-", "--yes", "--replace", stdin=former.piped)
    # What the backup of before had to leave out is not removed.
    machine.run(f"test -e {paths.ETC}/hers/notes && rm -r {paths.ETC}/hers")
    kept = re.search(r"^What was here is in (\S+)$", result.stdout, re.MULTILINE)
    assert kept, result
    assert linked(machine, "tiny") == former.revision
    assert machine.run(["ls", "/etc/jupyterhub/conf.d"]).stdout.split() == ["50-own.py"]
    assert who(machine, newer).status_code == httpx.codes.FORBIDDEN
    assert who(machine, former.token).status_code == httpx.codes.OK
    assert pending(machine) == ""
    # And back to what was there before.
    installer(machine, "restore", kept[1], "--yes", "--replace")
    assert who(machine, newer).status_code == httpx.codes.OK
    assert machine.read(f"{linked(machine, 'tiny')}/share/tiny/version") == "3.0"
    assert machine.run(["ls", "/etc/jupyterhub/conf.d"]).stdout.split() == ["50-own.py", "60-new.py"]


# --- backups that can't be made ---------------------------------------------------------------------


def test_a_terminal_gets_no_backup(restored: tuple[Machine, Result]) -> None:
    machine, _ = restored
    said = machine.run(
        ["script", "--quiet", "--return", "--command", "python3 -m installer backup -", "/dev/null"],
        cwd=CHECKOUT, check=False,
    )  # fmt: skip
    assert said.code == 2
    assert "standard output is a terminal" in said.stdout


def test_a_full_disk_leaves_nothing_half(restored: tuple[Machine, Result]) -> None:
    machine, _ = restored
    machine.run("mkdir -p /mnt/small && mount -t tmpfs -o size=16k tmpfs /mnt/small")
    said = refused(machine, "backup", "/mnt/small")
    assert re.search(r"error: /mnt/small/\S+\.tar\.gz can't be written: No space left on device", said)
    assert machine.run(["ls", "-A", "/mnt/small"]).stdout == ""
    said = machine.run("python3 -m installer backup - > /mnt/small/piped", cwd=CHECKOUT, check=False).stderr
    assert "can't be written: No space left on device" in said
    assert "Traceback" not in said
    machine.run(["umount", "/mnt/small"])


def test_links_of_others_are_left_out_and_named(restored: tuple[Machine, Result]) -> None:
    machine, _ = restored
    machine.put("/srv/templates/page.html", "hello\n")
    machine.run(["ln", "-s", "/srv/templates/page.html", f"{paths.ETC}/page.html"])
    machine.put("/home/grace/settings.py", "x\n", owner="grace")
    machine.run(["ln", "-s", "/home/grace/settings.py", f"{paths.ETC}/hers.py"])
    machine.run(f"install -d -o grace {paths.ETC}/hers && ln -s /etc/shadow {paths.ETC}/hers/shadow")
    result = installer(machine, "backup", BACKUP, code=3)
    assert f"left out: {paths.ETC}/hers.py: a link that others than root can lead elsewhere" in result.stderr
    assert f"left out: {paths.ETC}/hers: others than root can change what is in it" in result.stderr
    names = machine.run(["tar", "--list", "--file", BACKUP]).stdout.split()
    assert "etc/page.html" in names
    assert not any("hers" in name for name in names)
    assert f"{BACKUP} is there already" in refused(machine, "backup", BACKUP)
    machine.run(f"rm -r {paths.ETC}/hers {paths.ETC}/hers.py {paths.ETC}/page.html")


def test_the_timer_fires_and_keeps_as_many_as_it_should(restored: tuple[Machine, Result]) -> None:
    machine, _ = restored
    directory = Path("/mnt/backups")
    # Root runs it by itself from now on; a checkout that others can change is refused.
    machine.run(["chmod", "-R", "go-w", CHECKOUT])
    machine.put(CONFIG, f"{HUB_CONFIG}backup: {{every: daily, keep: 2, directory: {directory}}}\n")
    machine.run(["chown", ADMIN.name, f"{CHECKOUT}/installer/cli"])
    assert f"{CHECKOUT}/installer/cli can be changed by others than root" in refused(machine, "apply", "--yes")
    machine.run(["chown", "root", f"{CHECKOUT}/installer/cli"])
    installer(machine, "apply", "--yes")
    assert pending(machine) == ""

    others = {"notes.txt", "jupyterhub-other-20200101T000000Z-timer.tar.gz", f"{OURS}-20200101T000000Z.tar.gz"}
    old = [f"{OURS}-20200{month}01T000000Z-timer.tar.gz" for month in (1, 2, 3)]
    for name in (*others, *old):
        machine.put(f"{directory}/{name}", "old\n")
    machine.put(
        f"/etc/systemd/system/{paths.BACKUP_TIMER_UNIT}.d/often.conf",
        "[Timer]\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=100ms\n",
    )
    machine.run(f"systemctl daemon-reload && systemctl restart {paths.BACKUP_TIMER_UNIT}")
    until("the timer's backup", lambda: old[0] not in machine.run(["ls", str(directory)]).stdout)
    machine.run(["systemctl", "stop", paths.BACKUP_TIMER_UNIT])
    state_now = ["systemctl", "is-active", paths.BACKUP_UNIT]
    until("its end", lambda: machine.run(state_now, check=False).stdout != "activating\n")

    names = set(machine.run(["ls", str(directory)]).stdout.split())
    assert others <= names
    made = sorted(names - others)
    assert len(made) == 2, names
    assert old[0] not in made
    assert machine.run(["stat", "--format=%a %U", f"{directory}/{made[-1]}"]).stdout == "600 root\n"
    assert machine.run(["systemctl", "show", "--property=Result", paths.BACKUP_UNIT]).stdout == "Result=success\n"
    checked = installer(machine, "restore", f"{directory}/{made[-1]}", "--dry-run", "--replace")
    assert "The backup is whole" in checked.stdout

    machine.put(CONFIG, HUB_CONFIG)
    machine.run(["rm", "-r", f"/etc/systemd/system/{paths.BACKUP_TIMER_UNIT}.d"])
    installer(machine, "apply", "--yes")
    assert machine.run("ls /etc/systemd/system/jupyterhub-backup*", check=False).stdout == ""
