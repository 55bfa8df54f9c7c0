"""Disk quotas, as a kernel keeps to them: refused where there can be none; kept up with the config and with who comes.

In a machine with a kernel of its own, since those of development hosts come without quotas.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator

import pytest

from tests.system.machine_exposure import exposure
from tests.system.machine_image import Layer
from tests.system.machine_installer import apply_as_root, pending
from tests.system.machine_limited import CAPPED, GREEDY, LIMITED, MODEST, SLOW
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, add_person
from tests.system.machine_vm import VirtualMachine
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("bookworm")

MB = 1 << 20
BAD_CONFIG = 2
DISK = LIMITED.replace("{memory: 400M", "{disk: 64M, memory: 400M").replace(
    "groups: {", "users: {modest: {disk: 70M}}\n  groups: {lab: {disk: 80M}, "
)
PROGRAM, UNITS = "/opt/jupyter/libexec/jupyterhub-quotas", "/etc/systemd/system/jupyterhub-quotas.*"
GIVEN = "/var/lib/jupyterhub-installer/quotas.json"
OWN_DISK = (
    "groupadd lab; modprobe loop && truncate --size=300M /srv/homes && mke2fs -q -t ext4 /srv/homes && "
    "losetup /dev/loop0 /srv/homes && echo /dev/loop0 /home ext4 defaults 0 0 >>/etc/fstab && "
    "cp --archive /home /srv/old && mount /home && cp --archive /srv/old/. /home"
)


@pytest.fixture(scope="module")
def vm(vm_server: Layer) -> Iterator[VirtualMachine]:
    booted = VirtualMachine(vm_server, cold=True)
    with booted:
        booted.run(OWN_DISK)
        yield booted


def installer(vm: VirtualMachine, *words: str, code: int = 0) -> str:
    done = vm.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=False, timeout=SLOW)
    assert done.code == code, done
    assert "Traceback" not in done.output
    return done.output


def applied(vm: VirtualMachine, config: str) -> None:
    vm.put(CONFIG, config)
    changed = apply_as_root(vm)
    assert changed.ok, changed


def shown(vm: VirtualMachine) -> dict[str, tuple[int | None, int | None]]:
    """Bytes that are whose, and that they may have, as `user list` says it."""
    said = vm.run(["python3", "-m", "installer", "user", "list", "--json"], cwd=CHECKOUT, timeout=SLOW).stdout
    return {line["name"]: (line["disk_used"], line["disk_limit"]) for line in json.loads(said)}


def kept_to(vm: VirtualMachine, name: str, program: str = PROGRAM) -> int | None:
    """How much somebody may have, as the kernel goes by it."""
    limit: int | None = json.loads(vm.run([program, "--used", name]).stdout)[name][1]
    return limit


def fill(vm: VirtualMachine, name: str) -> int:
    """Somebody writes until they can't any more; how many megabytes they got."""
    vm.run(["runuser", "-u", name, "--", "dd", "if=/dev/zero", f"of=/home/{name}/data", "bs=1M"], check=False)
    return int(vm.run(["stat", "--format=%s", f"/home/{name}/data"]).stdout) // MB


def test_a_disk_is_refused_where_no_quotas_are(vm: VirtualMachine) -> None:
    vm.put(CONFIG, DISK)
    said = " ".join(installer(vm, "plan", code=BAD_CONFIG).split())
    assert "/home, where homes are, keeps to no disk quotas of users'" in said
    # What it says is done as it says it.
    assert "add usrquota to the options of /home in /etc/fstab, then: " in said
    vm.run("sed -i s/defaults/usrquota/ /etc/fstab")
    advice = said.split("then: ")[1].split("; or take")[0]
    assert advice == "sudo umount /home && sudo tune2fs -O quota /dev/loop0 && sudo mount /home"
    vm.run(advice)


def test_members_get_theirs_and_who_comes_later_too(vm: VirtualMachine) -> None:
    applied(vm, DISK)
    seen = shown(vm)
    assert {name: limit for name, (_, limit) in seen.items() if limit} == {
        ADMIN.name: 64 * MB, CAPPED.name: 64 * MB, GREEDY.name: 64 * MB, MODEST.name: 70 * MB
    }  # fmt: skip
    assert 0 < (seen[GREEDY.name][0] or 0) < MB
    assert pending(vm) == ""
    add_person(vm, "heidi", None, groups=["jupyterhub-users", "lab"])
    until("the quota of who came later", lambda: kept_to(vm, "heidi") == 80 * MB, SLOW)


def test_a_quota_is_kept_to_and_its_owner_is_told(vm: VirtualMachine) -> None:
    assert 60 <= fill(vm, GREEDY.name) <= 64
    vm.run(["runuser", "-u", MODEST.name, "--", "dd", "if=/dev/zero", "of=/home/modest/data", "bs=1M", "count=10"])
    with Visitor(vm, seconds=SLOW) as greedy:
        greedy.login(GREEDY.name, GREEDY.password or "")
        full = html.escape("Your home, /home/greedy, is full: all the disk space that may be used is used up.")
        page = greedy.get("/hub/spawn").text
        until("the page", lambda: full in page or full in greedy.get("/hub/spawn-pending/greedy").text, SLOW)
        # More is theirs at once by a group: as an admin does it, and the server starts.
        vm.run(["gpasswd", "--add", GREEDY.name, "lab"])
        until("the larger quota", lambda: kept_to(vm, GREEDY.name) == 80 * MB, SLOW)
        greedy.start_server()
        assert greedy.server_answers()


def test_a_change_counts_at_once_for_who_works(vm: VirtualMachine) -> None:
    servers = vm.run(["pgrep", "-u", GREEDY.name, "-f", "singleuser"]).stdout
    applied(vm, DISK.replace("80M", "120M").replace("disk: 64M, ", ""))
    assert {name: kept_to(vm, name) for name in (GREEDY.name, MODEST.name, CAPPED.name)} == {
        GREEDY.name: 120 * MB, MODEST.name: 70 * MB, CAPPED.name: None
    }  # fmt: skip
    assert 100 <= fill(vm, GREEDY.name) <= 120
    assert vm.run(["pgrep", "-u", GREEDY.name, "-f", "singleuser"]).stdout == servers


def test_who_leaves_loses_the_quota(vm: VirtualMachine) -> None:
    vm.run(["gpasswd", "--delete", "heidi", "jupyterhub-users"])
    until("the quota to go", lambda: kept_to(vm, "heidi") is None, SLOW)
    assert vm.run(["systemctl", "list-units", "--failed", "--no-legend", "--plain"]).stdout == ""


def test_the_unit_is_as_closed_as_it_can_be(vm: VirtualMachine) -> None:
    assert exposure(vm, "jupyterhub-quotas.service") <= 2.0


def test_without_a_disk_in_the_config_nothing_is_left(vm: VirtualMachine) -> None:
    """No quotas, no units, no program. (It is undone as it is by uninstall.)"""
    program = vm.read(PROGRAM)
    applied(vm, LIMITED)
    assert shown(vm)[GREEDY.name] == (None, None)
    vm.put("/srv/quotas", program, mode="0755")
    assert {kept_to(vm, name, "/srv/quotas") for name in (GREEDY.name, MODEST.name, "heidi")} == {None}
    assert vm.run(f"ls -d {PROGRAM} {UNITS} {GIVEN}", check=False).stdout == ""
