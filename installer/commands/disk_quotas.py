"""Disk quotas: refused where the file system of homes has none, and looked up for lists of people."""

from __future__ import annotations

import json
import pwd
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from installer.commands import user_accounts as accounts
from installer.features.quotas import asked_for
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.host.process import run
from installer.host.system_python import system_python

_PROGRAM = Path(__file__).parents[1] / "libexec" / "quota_helper.py"
_SECONDS = 60.0


class _Place(BaseModel):
    """A file system that doesn't keep to quotas.

    counted: whether it counts at least what is whose. known: whether the kernel knows how to be asked.
    """

    mount: str
    type: str
    source: str
    counted: bool
    known: bool


@dataclass(frozen=True)
class Used:
    """Bytes that are somebody's on the file system of their home, and how many they may have there, if that is said."""

    bytes: int
    most: int | None


def refuse_unfit(site: Site) -> None:
    """Raises ConfigProblem where disk is to be limited, and a file system with homes has no quotas."""
    if not asked_for(site.config):
        return
    # The last is where the next ones come to be.
    homes = {*_homes(accounts.members(paths.MEMBERS_GROUP)), accounts.HOMES}
    looked_at = sorted(home for home in homes if home.is_dir())
    said = run([system_python(), "-IS", _PROGRAM, "--off", *looked_at], timeout=_SECONDS).stdout
    for place in TypeAdapter(list[_Place]).validate_json(said):
        what = (
            f"limits.*.disk in {paths.CONFIG_FILE}: {place.mount}, where homes are, keeps to no disk quotas of users'"
        )
        raise ConfigProblem(what, f"{_how_to(place)}; or take `disk` out of the config")


def _homes(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        try:
            yield Path(pwd.getpwnam(name).pw_dir)
        except KeyError:
            continue


def _how_to(place: _Place) -> str:
    """How quotas are switched on there, in a line; what it comes to in full is in the docs (disk-quotas.md)."""
    mount = place.mount
    if not place.known:
        return "this kernel has no quotactl_fd(2); run one that has: Linux 5.14 or newer, built with quotas"
    if place.type.startswith("nfs"):
        return "quotas of NFS are switched on and set on its server"
    if place.type not in ("ext4", "xfs"):
        return f"its file system, {place.type or 'unknown'}, has none of the kind; ext4 and XFS have"
    if place.type == "xfs" and mount == "/":
        return "add rootflags=uquota to the kernel's command line, then reboot"
    if mount == "/":
        # It is mounted before /etc/fstab can be read, so that what that says comes by a remount.
        count = "" if place.counted else " && sudo quotacheck -cum /"
        option = "usrquota" if place.counted else "usrjquota=aquota.user,jqfmt=vfsv1"
        then = f"sudo apt install quota && sudo mount -o remount /{count} && sudo quotaon -u /"
        return f"add {option} to the options of / in /etc/fstab, then: {then}"
    words = [f"sudo umount {mount}", f"sudo mount {mount}"]
    if place.type == "ext4" and not place.counted:
        words.insert(1, f"sudo tune2fs -O quota {place.source}")
    option = "usrquota" if place.type == "ext4" else "uquota"
    return f"add {option} to the options of {mount} in /etc/fstab, then: {' && '.join(words)}"


def of(names: Iterable[str]) -> dict[str, Used]:
    """What the kernel counts, of those whose home is where it does; nothing where the config limits nobody's disk."""
    if not paths.QUOTAS_PROGRAM.exists():
        return {}
    said = run([paths.QUOTAS_PROGRAM, "--used", *names], check=False, timeout=_SECONDS).stdout
    return {name: Used(*pair) for name, pair in json.loads(said or "{}").items()}
