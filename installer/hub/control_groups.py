"""What is in a server's control group, named by its path below that of all. Unlike /proc, no sandbox hides it."""

from __future__ import annotations

import pwd
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def runs(group: str, pid: int) -> bool:
    """Whether a process is (still) in a control group."""
    return str(pid) in _members(group)


def left_by(pid: int, group: str) -> bool:
    """Whether there is something in the control group of a server whose own process isn't there any more."""
    members = _members(group)
    return bool(members) and str(pid) not in members


def _members(group: str) -> list[str]:
    """The processes in a control group; none where it is gone."""
    try:
        return (CGROUPS / group / "cgroup.procs").read_text().split() if group else []
    except OSError:
        return []


def scope_of(username: str, pid: int, users_slice: str) -> str:
    """The control group that the adopt helper has put a server into; "" where there is none."""
    try:
        uid = pwd.getpwnam(username).pw_uid
    except KeyError:
        return ""
    person_slice = f"{users_slice}/{users_slice.removesuffix('.slice')}-{uid}.slice"
    found = [*(CGROUPS / person_slice).glob(f"jupyter-*-{pid}.scope")]
    return f"{person_slice}/{found[0].name}" if found else f"{person_slice}/gone.scope"
