"""What is on a machine's disk, written down, to compare two moments or two machines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.system.machine import Machine
from tests.system.machine_person import CHECKOUT

# Not on disk (proc, sys, dev, run), written by just looking (logs, sudo's notes), or the installer's own program.
_PASSING = (
    "/proc", "/sys", "/dev", "/run", "/var/log", "/var/lib/sudo", "/var/lib/systemd", "/tmp", "/var/tmp",
    "/var/lib/jupyterhub-installer/env", CHECKOUT,
)  # fmt: skip

MANAGED = (
    "/etc/jupyterhub", "/etc/sudoers.d", "/etc/nginx/conf.d", "/etc/nginx/sites-enabled", "/etc/systemd/system",
    "/etc/pam.d", "/etc/tmpfiles.d", "/opt", "/var/cache/jupyterhub-installer", "/var/lib/jupyterhub-installer",
)  # fmt: skip
# Made anew at each first apply, as random as they should be; databases, downloads and times.
_OWN = r"/secrets/|/tls/|/var/lib/jupyterhub-installer/|/var/cache/jupyterhub-installer/(uv|npm)/|\.pyc$|RECORD$"


def snapshot(machine: Machine) -> dict[str, str]:
    """Every path of the machine, with mode, owner, size, time of change and target: nothing can be touched unseen."""
    words = ["find", "/", "-xdev", "("]
    for place in _PASSING:
        words += ["-path", place, "-o"]
    words[-1:] = [")", "-prune", "-o", "-printf", "%p\\t%y %m %U:%G %s %C@ %l\\n"]
    lines = machine.run(words).stdout.splitlines()
    return dict(line.split("\t", 1) for line in lines)


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The paths that two snapshots disagree on, and how."""
    return [
        f"{path}: {before.get(path, 'absent')} -> {after.get(path, 'absent')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def managed(machine: Machine, places: Sequence[str] = MANAGED) -> dict[str, str]:
    """All that an apply makes: files with mode, owner and content, accounts, units. The same on any two machines."""
    words = ["find", *places, "-path", "*/installer/env/*", "-prune", "-o", "-printf", "%p\\t%y %m %u:%g %l\\n"]
    state = dict(line.split("\t", 1) for line in machine.run(words).stdout.splitlines())
    hashed = machine.run(["find", *places, "-type", "f", "-size", "-1M", "-exec", "sha256sum", "{}", "+"], timeout=120)
    for line in hashed.stdout.splitlines():
        digest, path = line.split(None, 1)
        if not re.search(_OWN, path):
            state[path] += digest
    for unit in machine.run("systemctl list-unit-files --no-legend 'jupyter*' nginx.service").stdout.splitlines():
        state[f"unit file {unit.split()[0]}"] = unit.split()[1]
    for unit in machine.run("systemctl list-units --all --no-legend --plain 'jupyterhub*' nginx.service").stdout.split(
        "\n"
    ):
        if unit and "@" not in unit:
            state[f"unit {unit.split()[0]}"] = unit.split()[2]
    for account in machine.run("getent passwd | cut -d: -f1,5-7; getent group | cut -d: -f1,4").stdout.splitlines():
        state[f"account {account}"] = "there"
    return {path: what for path, what in state.items() if not re.search(r"installer/env|/(uv|npm)/|generations/", path)}
