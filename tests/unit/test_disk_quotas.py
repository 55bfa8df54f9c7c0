"""Disk quotas: whose is how large, where there can be none, and what is said then. (The kernel's part: test_quotas.)"""

from __future__ import annotations

import grp
import json
import sys
from pathlib import Path

import pytest

from installer.commands import disk_quotas
from installer.commands import user_accounts as accounts
from installer.config.limit_values import UNLIMITED
from installer.config.load import load_text
from installer.features import limits, quotas
from installer.host.errors import ConfigProblem
from installer.libexec import limits_helper, quota_helper
from tests.unit.test_features import site

M, G = 1 << 20, 1 << 30
MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /home rw,relatime shared:2 master:1 - xfs /dev/sda2 rw,noquota
31 30 0:40 / /home/a\\040b rw - nfs4 files:/x rw
32 30 8:3 / /home rw,relatime - ext4 /dev/sda3 rw,quota,usrquota
"""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("{}", False),
        ("limits: {default: {memory: 2G}, groups: {lab: {cpu: 2}}}", False),
        ("limits: {default: {disk: unlimited}, users: {ada: {disk: unlimited}}}", False),
        ("limits: {default: {disk: 20G}}", True),
        ("limits: {groups: {lab: {disk: 20G}}}", True),
        ("limits: {users: {ada: {disk: 64M}}}", True),
    ],
)
def test_quotas_are_there_where_somebodys_disk_is_limited(text: str, asked: bool) -> None:
    here = site(load_text(Path("installer.yaml"), text))
    assert quotas.asked_for(here.config) is asked
    assert bool(quotas.resources(here)) is asked


def test_whose_is_how_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose first group it is are in it as well, whatever the group's list says."""
    some = "groups: {daemon: {disk: 1G}, sys: {disk: 2G}}, users: {sync: {disk: unlimited}}"
    levels = limits.levels(site(load_text(Path("installer.yaml"), f"limits: {{default: {{disk: 20G}}, {some}}}")))
    assert levels["default"]["disk"] == 20 * G
    monkeypatch.setattr(limits_helper, "LIMITS", tmp_path / "limits.json")
    limits_helper.LIMITS.write_text(json.dumps(levels))
    assert limits_helper.disks("daemon") == {"daemon": G}
    assert limits_helper.disks("sys") == {"sys": 2 * G}
    assert limits_helper.disks(grp.getgrgid(65534).gr_name)["sync"] is None
    assert limits_helper.disks("root")["root"] == 20 * G


def test_without_a_word_nobody_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = limits.levels(site())
    assert levels["default"]["disk"] == UNLIMITED
    monkeypatch.setattr(limits_helper, "LIMITS", tmp_path / "limits.json")
    limits_helper.LIMITS.write_text(json.dumps(levels))
    assert limits_helper.disks("root")["root"] is None


@pytest.mark.parametrize(
    ("path", "mount", "kind"),
    [
        ("/", "/", "ext4"), ("/srv/x", "/", "ext4"), ("/homes/x", "/", "ext4"), ("/home/x", "/home", "ext4"),
        ("/home", "/home", "ext4"), ("/home/a b/c", "/home/a b", "nfs4"),
    ],
)  # fmt: skip
def test_a_path_is_on_the_mount_that_is_seen_there(
    path: str, mount: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota_helper, "MOUNTS", tmp_path / "mountinfo")
    quota_helper.MOUNTS.write_text(MOUNTS)
    found = quota_helper.mount_of(Path(path))
    assert (found["mount"], found["type"]) == (mount, kind)


def test_the_kernels_own_sizes() -> None:
    assert quota_helper.QUOTA.size == 72
    assert quota_helper.QUOTACTL_FD == 443


def test_where_nothing_is_counted_nothing_is_said() -> None:
    assert quota_helper.state(Path("/proc")) == 0
    assert quota_helper.used(["no-such-account"]) == {}


def test_a_disk_is_refused_where_no_quotas_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "HOMES", Path("/proc"))
    monkeypatch.setattr(
        disk_quotas, "system_python", lambda: Path(sys.executable)
    )  # a developer's may be nobody else's
    with pytest.raises(
        ConfigProblem, match=r"limits\.\*\.disk in .*: /proc, where homes are, keeps to no disk"
    ) as caught:
        disk_quotas.refuse_unfit(site(load_text(Path("installer.yaml"), "limits: {default: {disk: 20G}}")))
    assert "its file system, proc, has none of the kind; ext4 and XFS have" in str(caught.value.hint)
    disk_quotas.refuse_unfit(site())


@pytest.mark.parametrize(
    ("mount", "kind", "counted", "told"),
    [
        ("/home", "ext4", False, "sudo umount /home && sudo tune2fs -O quota /dev/sdb1 && sudo mount /home"),
        ("/home", "ext4", True, "add usrquota to the options of /home in /etc/fstab, then: sudo umount /home && "),
        ("/", "ext4", False, "sudo mount -o remount / && sudo quotacheck -cum / && sudo quotaon -u /"),
        ("/", "ext4", True, "usrquota to the options of / in /etc/fstab, then: sudo apt install quota && sudo mount"),
        ("/", "xfs", False, "add rootflags=uquota to the kernel's command line, then reboot"),
        ("/home", "xfs", False, "add uquota to the options of /home in /etc/fstab, then: sudo umount /home"),
        ("/home", "nfs4", False, "on its server"),
        ("/home", "btrfs", False, "its file system, btrfs, has none of the kind"),
    ],
)  # fmt: skip
def test_how_they_are_switched_on_is_told_in_a_line(mount: str, kind: str, counted: bool, told: str) -> None:
    place = disk_quotas._Place(mount=mount, type=kind, source="/dev/sdb1", counted=counted, known=True)
    assert told in disk_quotas._how_to(place)
    assert "\n" not in disk_quotas._how_to(place)


def test_a_kernel_that_cannot_be_asked_is_told_of_before_all_else() -> None:
    place = disk_quotas._Place(mount="/home", type="ext4", source="/dev/sdb1", counted=False, known=False)
    assert "Linux 5.14 or newer, built with quotas" in disk_quotas._how_to(place)


def test_who_has_one_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_helper, "GIVEN", tmp_path / "quotas.json")
    assert quota_helper.given() == {}
    quota_helper.note({1001: "/home", 1002: "/"})
    assert quota_helper.GIVEN.stat().st_mode & 0o777 == 0o600
    # Nothing is counted there: what can't be taken back now is kept in mind.
    monkeypatch.setattr(quota_helper, "state", lambda _: 0)
    assert quota_helper.differing({}, quota_helper.given()) == ([], {1001: "/home", 1002: "/"})
    quota_helper.GIVEN.write_text("[")
    with pytest.raises(quota_helper.Failed, match=r"quotas\.json can't be read: move it away"):
        quota_helper.given()
