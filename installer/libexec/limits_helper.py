#!/usr/bin/python3 -IS
"""Give a person's slice the limits that the config has for them; tell what a server has to do itself.

Run as root, by what starts a server (before that is in the slice) and by apply. All it goes by is a file of root's,
which apply writes, and the system's own word on who is in which group; whoever asks has no say in it.

usage: jupyterhub-limits USERNAME    for one person; out: {"rlimits": {...}, "scope": {...}} (one JSON line)
       jupyterhub-limits --all       for everybody whose slice is there: what an apply has changed holds from now on,
                                     and what was set by hand doesn't
       jupyterhub-limits --check     changes nothing; out: the slices that don't have theirs (a JSON list)
       jupyterhub-limits --disks GROUP    for all in a group; out: {NAME: bytes, or null for no limit}
       jupyterhub-limits --forget    take back what was set, but for what systemd itself reads from files

"rlimits" are hard limits of processes (setrlimit(2), without RLIMIT_), which a slice doesn't have and each server sets
before it becomes itself; "scope" are further properties, unsigned numbers, of the unit that the server runs in.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

LIMITS = Path("/etc/jupyterhub/limits.json")
USERS_SLICE = "jupyterusers.slice"
CGROUPS = Path("/sys/fs/cgroup")
SET_HERE = Path("/run/systemd/system.control")
"""Where systemd keeps what it was told of a unit until the machine is started again."""
SET_FOR_GOOD = Path("/etc/systemd/system.control")
"""Where it keeps what it was told for longer, which counts more. We tell it nothing of the kind; admins do, by hand."""
SECONDS = 10.0
NO_LIMIT = (1 << 64) - 1

Limits = Mapping[str, int]
Settings = Mapping[str, Mapping[str, object]]

PROPERTIES = {
    "memory": "MemoryMax",
    "memory_soft": "MemoryHigh",
    "swap": "MemorySwapMax",
    "cpu": "CPUQuotaPerSecUSec",
    "cpu_share": "CPUWeight",
    "io_share": "IOWeight",
    "tasks": "TasksMax",
}
"""What each limit is called on a slice; all are unsigned 64-bit numbers, the largest of them being no limit."""
_IN_FILES = {*PROPERTIES.values(), "CPUQuota"} - {"CPUQuotaPerSecUSec"}
_SHARES = {"MemoryMaxScale", "MemoryHighScale", "MemorySwapMaxScale", "TasksMaxScale"}
"""What systemd calls these in names of files, and the same as shares of what the machine has."""

RELOAD = ["/usr/bin/systemctl", "daemon-reload"]
RLIMITS = {"open_files": "NOFILE", "core_dumps": "CORE"}
SCOPE = {"runtime": "RuntimeMaxUSec"}


class Failed(Exception):  # noqa: N818 - told in one line
    """The limits could not be set."""


def effective(settings: Settings, username: str, groups: Iterable[str]) -> Limits:
    """Each limit by itself: what is said of the person; else the largest that their groups have; else the default."""
    of_groups = [limits for name in groups if (limits := _numbers(settings["groups"].get(name)))]
    largest: dict[str, int] = {}
    for limits in of_groups:
        for name, value in limits.items():
            largest[name] = max(value, largest.get(name, 0))
    found = {**_numbers(settings["default"]), **largest, **_numbers(settings["users"].get(username))}
    # A soft mark above the hard one would be none.
    return {**found, "memory_soft": min(found["memory_soft"], found["memory"])}


def _numbers(level: object) -> dict[str, int]:
    return dict(level) if isinstance(level, Mapping) else {}


def groups_of(account: pwd.struct_passwd) -> list[str]:
    """The names of somebody's groups; a group without a name is in no config."""
    named = []
    for gid in os.getgrouplist(account.pw_name, account.pw_gid):
        try:
            named.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue
    return named


def read() -> Settings:
    """What the config says of everybody, as apply wrote it down."""
    try:
        settings = json.loads(LIMITS.read_text(encoding="utf-8"))
        return {level: dict(settings[level]) for level in ("default", "groups", "users")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Failed(f"{LIMITS} can't be read ({type(error).__name__}): run installer apply") from None


def slice_of(uid: int) -> str:
    """The slice that everything of somebody's runs in."""
    return f"{USERS_SLICE.removesuffix('.slice')}-{uid}.slice"


def call_to_set(unit: str, properties: Limits) -> list[str]:
    """The call that has systemd take up properties at once, and keep them until the machine is started again."""
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    words = ["/usr/bin/busctl", "--quiet", "call", *manager, "SetUnitProperties", "sba(sv)", unit, "true"]
    words.append(str(len(properties)))
    for name, value in properties.items():
        words += [name, "t", str(value)]
    return words


def asked(words: list[str]) -> str:
    """What systemd answers."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"systemd did not answer within {SECONDS:.0f} s") from None
    if done.returncode:
        raise Failed(f"systemd refused: {done.stderr.strip()}")
    return done.stdout


def on_slice(limits: Limits) -> Limits:
    """The limits that are a slice's, as systemd calls them."""
    return {name: limits[limit] for limit, name in PROPERTIES.items()}


def set_for(account: pwd.struct_passwd) -> Limits:
    """Have somebody's slice limited as the config says, and return that."""
    settings, groups, unit = read(), groups_of(account), slice_of(account.pw_uid)
    limits = effective(settings, account.pw_name, groups)
    excepted = account.pw_name in settings["users"] or not settings["groups"].keys().isdisjoint(groups)
    # Most have the default, which systemd reads from a file by itself: asking it would cost each start some time.
    if excepted or (SET_HERE / f"{unit}.d").is_dir():
        asked(call_to_set(unit, on_slice(limits)))
    return limits


def by_hand(unit: str) -> list[Path]:
    """Files in which systemd keeps what an admin has told it of our properties, and that count more than our own."""
    places = ((SET_FOR_GOOD, _IN_FILES | _SHARES), (SET_HERE, _SHARES))
    files = (place / f"{unit}.d" / f"50-{name}.conf" for place, names in places for name in sorted(names))
    return [path for path in files if path.exists()]


def put_away(files: Iterable[Path]) -> None:
    """Remove files, and the directories that have nothing else in them."""
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Failed(f"{path} can't be removed: {error.strerror}") from None
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def set_for_all() -> None:
    """Have every slice limited as the config says, whatever was said by hand."""
    away = False
    for unit, account in slices().items():
        files = by_hand(unit)
        put_away(files)
        set_for(account)
        away = away or bool(files)
    if away:
        # Last: read before a slice has its own once more, it would be short of memory for a moment.
        asked(RELOAD)


def slices() -> dict[str, pwd.struct_passwd]:
    """The slices that are there, or that systemd was told of, and whose they are."""
    mark = re.compile(rf"({re.escape(USERS_SLICE.removesuffix('.slice'))}-([0-9]+)\.slice)(?:\.d)?")
    places = (CGROUPS / USERS_SLICE, SET_HERE, SET_FOR_GOOD)
    names = [path.name for place in places if place.is_dir() for path in place.iterdir()]
    found = {}
    for match in filter(None, map(mark.fullmatch, names)):
        try:
            found[match[1]] = pwd.getpwuid(int(match[2]))
        except KeyError:
            continue
    return dict(sorted(found.items()))


def differing() -> list[str]:
    """The slices that don't have what the config says."""
    named = slices()
    if not named:
        return []
    wanted = [*PROPERTIES.values(), "NeedDaemonReload"]
    settings = read()
    shown = asked(["/usr/bin/systemctl", "show", f"--property=Id,{','.join(wanted)}", "--", *named])
    found = []
    for block in shown.strip().split("\n\n"):
        has = dict(line.partition("=")[::2] for line in block.splitlines())
        account = named[has["Id"]]
        expected = on_slice(effective(settings, account.pw_name, groups_of(account)))
        other = any(number(has[name]) != value for name, value in expected.items())
        # A server's start sets all, but leaves such files, which would count again from the next time they are read.
        if other or has["NeedDaemonReload"] == "yes" or by_hand(has["Id"]):
            found.append(has["Id"])
    return found


def number(shown: str) -> int | None:
    """A property as `systemctl show` writes it: a number, a span of time, or a word for none."""
    if shown.isdecimal():
        return int(shown)
    if shown == "infinity":
        return NO_LIMIT
    units = {"d": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
    units |= {"month": 2_629_800_000_000, "w": 604_800_000_000, "y": 31_557_600_000_000}
    parts = [re.fullmatch(r"([0-9.]+)([a-z]+)", word) for word in shown.split()]
    if not parts or not all(part and part[2] in units for part in parts):
        return None
    return sum(round(float(part[1]) * units[part[2]]) for part in parts if part)


def disks(group: str) -> dict[str, int | None]:
    """How much disk each member may take (see jupyterhub-quotas); None for those without a limit."""
    settings, entry = read(), grp.getgrnam(group)
    found: dict[str, int | None] = {}
    by_number = [account.pw_name for account in pwd.getpwall() if account.pw_gid == entry.gr_gid]
    for name in sorted({*entry.gr_mem, *by_number}):
        try:
            most = effective(settings, name, groups_of(pwd.getpwnam(name))).get("disk", NO_LIMIT)
        except KeyError:
            continue
        found[name] = most if most < NO_LIMIT else None
    return found


def forget() -> None:
    """Have systemd drop what it was told of slices: that alone, and no file that an admin has written for one."""
    told = SET_HERE.glob(f"{slice_of(0).removesuffix('0.slice')}*.slice.d")
    files = [
        path for each in told for name in sorted(_IN_FILES | _SHARES) if (path := each / f"50-{name}.conf").exists()
    ]
    put_away(files)
    if files:
        asked(RELOAD)


def main() -> None:
    """Do the one thing that was asked for."""
    try:
        match sys.argv[1:]:
            case ["--all"]:
                set_for_all()
            case ["--check"]:
                print(json.dumps(differing()))  # noqa: T201 - the answer
            case ["--disks", group]:
                print(json.dumps(disks(group)))  # noqa: T201 - the answer
            case ["--forget"]:
                forget()
            case [username]:
                limits = set_for(pwd.getpwnam(username))
                answer = {
                    "rlimits": {name: limits[limit] for limit, name in RLIMITS.items()},
                    "scope": {name: limits[limit] for limit, name in SCOPE.items()},
                }
                print(json.dumps(answer))  # noqa: T201 - the answer
            case _:
                sys.exit(__doc__)
    except KeyError:
        sys.exit(f"{sys.argv[-1]} has no account here")
    except Failed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
