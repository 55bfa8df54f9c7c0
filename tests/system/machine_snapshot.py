"""What is on a machine's disk, written down, to compare two moments or two machines."""

from __future__ import annotations

import json

from tests.system.machine import Machine
from tests.system.machine_person import CHECKOUT

# Not on disk (proc, sys, dev, run), written by just looking (logs, sudo's notes), or the installer's own program.
_PASSING = (
    "/proc", "/sys", "/dev", "/run", "/var/log", "/var/lib/sudo", "/var/lib/systemd", "/tmp", "/var/tmp",
    "/var/lib/jupyterhub-installer/env", CHECKOUT,
)  # fmt: skip

_CONTENTS = r"""
import hashlib, json, os, pathlib, re, stat, sys
passing, found = re.compile(sys.argv[1]), {}
def look(directory):
    for entry in list(os.scandir(directory)):
        if passing.fullmatch(entry.path):
            continue
        status = entry.stat(follow_symlinks=False)
        said = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
        if entry.is_symlink():
            said += f" -> {os.readlink(entry.path)}"
        elif entry.is_file():
            said += f" {hashlib.sha256(pathlib.Path(entry.path).read_bytes()).hexdigest()}"
        found[entry.path] = said
        if entry.is_dir(follow_symlinks=False):
            look(entry.path)
look("/")
print(json.dumps(found))
"""

MANAGED = (
    "/etc/jupyterhub", "/etc/sudoers.d", "/etc/nginx/conf.d", "/etc/nginx/sites-enabled", "/etc/systemd/system",
    "/etc/pam.d", "/etc/tmpfiles.d", "/opt", "/var/cache/jupyterhub-installer", "/var/lib/jupyterhub-installer",
)  # fmt: skip
# Made anew at each first apply, as random as they should be; and what remembers times.
_OWN = r"/secrets/|/tls/|/var/lib/jupyterhub-installer/"
# Downloads (tens of thousands of files), the installer's own program, and as many generations as there were applies.
_UNLIKE = r"^/var/cache/jupyterhub-installer/(uv|npm)/|^/var/lib/jupyterhub-installer/(env|generations)/"

# In a file's content no addresses, which every machine has its own of; none of what is the same by its revision's name.
_LIST = r"""
import grp, hashlib, json, os, pathlib, pwd, re, stat, sys
found = {}
for place in sys.argv[1:]:
    top = pathlib.Path(place)
    for path in [top, *top.rglob("*")]:
        if re.search("UNLIKE", str(path)):
            continue
        status = path.lstat()
        said = [stat.filemode(status.st_mode), pwd.getpwuid(status.st_uid)[0], grp.getgrgid(status.st_gid)[0]]
        if path.is_symlink():
            said.append(os.readlink(path))
        elif path.is_file() and not re.search("/revisions/|OWN", str(path)):
            content = re.sub(rb"\d+(\.\d+){3}", b"ADDRESS", path.read_bytes())
            said.append(hashlib.sha256(content).hexdigest())
        for name in os.listxattr(path, follow_symlinks=False):
            said.append(f"{name}={os.getxattr(path, name, follow_symlinks=False)!r}")
        found[str(path)] = " ".join(said)
print(json.dumps(found))
""".replace("OWN", _OWN).replace("UNLIKE", _UNLIKE)


def snapshot(machine: Machine) -> dict[str, str]:
    """Every path of the machine, with mode, owner, size, time of change and target: nothing can be touched unseen."""
    words = ["find", "/", "-xdev", "("]
    for place in _PASSING:
        words += ["-path", place, "-o"]
    words[-1:] = [")", "-prune", "-o", "-printf", "%p\\t%y %m %U:%G %s %C@ %l\\n"]
    lines = machine.run(words).stdout.splitlines()
    return dict(line.split("\t", 1) for line in lines)


def contents(machine: Machine, passing: str) -> dict[str, str]:
    """Every path of the machine with mode, owner and content; its packages; its units and whether they are enabled.

    passing: which paths to leave out, with all below them.
    """
    found = dict(json.loads(machine.run(["python3", "-c", _CONTENTS, passing], timeout=180).stdout))
    packages = machine.run(["dpkg-query", "--show", "--showformat=${Package} ${Version} ${db:Status-Abbrev}\n"]).stdout
    units = machine.run(["systemctl", "list-unit-files", "--no-legend", "--no-pager"]).stdout
    found |= dict.fromkeys((f"package {line}" for line in packages.splitlines()), "there")
    return found | dict.fromkeys((f"unit {' '.join(line.split())}" for line in units.splitlines()), "there")


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The paths that two snapshots disagree on, and how."""
    return [
        f"{path}: {before.get(path, 'absent')} -> {after.get(path, 'absent')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def managed(machine: Machine) -> dict[str, str]:
    """All that an apply makes: files with rights and content, accounts, units. The same on any two machines."""
    state = dict(json.loads(machine.run(["python3", "-c", _LIST, *MANAGED], timeout=120).stdout))
    for line in machine.run("systemctl list-unit-files --no-legend 'jupyter*' nginx.service").stdout.splitlines():
        unit, enabled, *_ = line.split()
        state[f"unit file {unit}"] = enabled
    for line in machine.run("systemctl list-units --no-legend --plain 'jupyterhub*' nginx.service").stdout.splitlines():
        unit, _, active, *_ = line.split()
        if "@" not in unit:
            state[f"unit {unit}"] = active
    for account in machine.run("getent passwd | cut -d: -f1,5-7; getent group | cut -d: -f1,4").stdout.splitlines():
        state[f"account {account}"] = "there"
    return state
