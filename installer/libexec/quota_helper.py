#!/usr/bin/python3 -IS
"""Give people's disk quotas the size that the config has for them, on the file systems that their homes are on.

Run as root: by apply, and by jupyterhub-quotas.service whenever accounts or groups have changed. Who may have how much,
jupyterhub-limits says; who was given a quota is kept in a file of root's, so that it goes when they do. The kernel is
asked by quotactl_fd(2) (Linux 5.14), which wants a directory in place of a device and needs no package's program; of a
quota, the number of bytes is set alone: what an admin has said of the number of files stays.

usage: jupyterhub-quotas --set GROUP       for all members; and none any more for those who were
       jupyterhub-quotas --check GROUP     changes nothing; out: who has another one (a JSON list)
       jupyterhub-quotas --forget          no quotas any more for those who were given one
       jupyterhub-quotas --used NAME...    out: {NAME: [bytes that are theirs, bytes that they may have, or null]}
       jupyterhub-quotas --off DIRECTORY...    out: where no quotas of users' are kept to (a JSON list):
                           {"mount": ..., "type": ..., "source": ..., "counted": true|false, "known": true|false}
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import pwd
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LIMITS = Path(__file__).with_name("jupyterhub-limits")
SECONDS = 60
MOUNTS = Path("/proc/self/mountinfo")
GIVEN = Path("/var/lib/jupyterhub-installer/quotas.json")
"""Who was given a quota, and on which file system: {uid: its mount}."""
ACCOUNTS = (Path("/etc/passwd"), Path("/etc/group"))
MOST_TURNS = 10

QUOTACTL_FD = 443
"""The number of the system call, the same on every processor; the C library has no name for it."""
OF_USERS = 0
GET, SET, STATE = 0x800007, 0x800008, (ord("X") << 8) + 5
"""Q_GETQUOTA, Q_SETQUOTA and Q_XGETQSTAT."""
BYTES_ALONE = 1
"""QIF_BLIMITS: what of a quota is to be set."""
COUNTED, KEPT_TO = 1, 2
"""FS_QUOTA_UDQ_ACCT, FS_QUOTA_UDQ_ENFD."""
BLOCK = 1024
QUOTA = struct.Struct("=8Q2I")
"""struct if_dqblk: hard and soft limit (blocks), use (bytes), the same of files, two times, what of it counts."""
NONE = 0
ROOT = 0
NO_HANDLE = -1

_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):  # noqa: N818 - told in one line
    """The quotas could not be set."""


class Due(NamedTuple):
    """A quota that is not as it should be."""

    who: str
    directory: Path
    uid: int
    most: int


def quotactl(directory: Path, command: int, uid: int, about: ctypes.Array[ctypes.c_char]) -> None:
    """Ask the kernel about the file system that a directory is on."""
    # Not to be read: the directory may be closed to whoever is without all of root's rights.
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        number = _ask(handle, command, uid, about)
        if number:
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(handle)


def _ask(handle: int, command: int, uid: int, about: ctypes.Array[ctypes.c_char]) -> int:
    """The system call; what is wrong, or 0."""
    which = ctypes.c_uint(command << 8 | OF_USERS)
    failed = _libc.syscall(QUOTACTL_FD, ctypes.c_uint(handle & 0xFFFFFFFF), which, ctypes.c_uint(uid), about)
    return ctypes.get_errno() if failed else 0


def known() -> bool:
    """Whether the kernel has the system call: one that hasn't never gets to look at the handle."""
    return _ask(NO_HANDLE, STATE, 0, ctypes.create_string_buffer(512)) != errno.ENOSYS


def state(directory: Path) -> int:
    """COUNTED, KEPT_TO, both or none."""
    answer = ctypes.create_string_buffer(512)
    try:
        quotactl(directory, STATE, 0, answer)
    except OSError:
        return 0
    return int(struct.unpack_from("=xxH", answer)[0])


def quota(directory: Path, uid: int) -> tuple[int, int]:
    """Bytes that are somebody's there, and bytes that they may have at most, NONE where that isn't said."""
    answer = ctypes.create_string_buffer(QUOTA.size)
    try:
        quotactl(directory, GET, uid, answer)
    except OSError as error:
        if error.errno == errno.ENOENT:  # XFS, of who has nothing there
            return 0, NONE
        raise
    hard, _, used, *_ = QUOTA.unpack(answer.raw)
    return used, hard * BLOCK


def set_quota(directory: Path, uid: int, most: int) -> None:
    """Let somebody have that many bytes there."""
    blocks = -(-most // BLOCK)
    asked = QUOTA.pack(blocks, blocks, 0, 0, 0, 0, 0, 0, BYTES_ALONE, 0)
    quotactl(directory, SET, uid, ctypes.create_string_buffer(asked, QUOTA.size))


def wanted(group: str) -> Mapping[str, int]:
    """How many bytes each member may have, NONE for those without a limit."""
    try:
        words = [str(LIMITS), "--disks", group]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{LIMITS} did not answer within {SECONDS} s") from None
    if done.returncode:
        raise Failed(done.stderr.strip())
    return {name: int(most or NONE) for name, most in json.loads(done.stdout).items()}


def given() -> dict[int, str]:
    """Who was given a quota, and where."""
    try:
        return {int(uid): str(mount) for uid, mount in json.loads(GIVEN.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        raise Failed(
            f"{GIVEN} can't be read: move it away (who had a quota and is no member any more keeps it)"
        ) from None


def note(quotas: Mapping[int, str]) -> None:
    """Write down who has one."""
    new = GIVEN.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:
        json.dump(quotas, file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(GIVEN)


@contextmanager
def alone() -> Iterator[None]:
    """Apply and the service one after the other."""
    handle = os.open(GIVEN.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def differing(sizes: Mapping[str, int], before: Mapping[int, str]) -> tuple[list[Due], dict[int, str]]:
    """What is to be set; and who has a quota of ours then, and where.

    sizes: of members. before: who has one so far.
    """
    due, after = [], {}
    for name, most in sizes.items():
        try:
            account = pwd.getpwnam(name)
            home = Path(account.pw_dir)
            # Of XFS, root's is what everybody has who has none.
            if most == NONE or account.pw_uid == ROOT or not state(home) & KEPT_TO:
                continue
            if quota(home, account.pw_uid)[1] != -(-most // BLOCK) * BLOCK:
                due.append(Due(name, home, account.pw_uid, most))
            after[account.pw_uid] = str(mount_of(home.resolve())["mount"])
        except (KeyError, FileNotFoundError, NotADirectoryError):
            continue  # gone meanwhile
    for uid, mount in before.items():
        if after.get(uid) == mount:
            continue
        if state(Path(mount)) & COUNTED:
            if quota(Path(mount), uid)[1] != NONE:
                due.append(Due(f"uid {uid} on {mount}", Path(mount), uid, NONE))
        else:
            # Not mounted, perhaps: its turn comes.
            after.setdefault(uid, mount)
    return due, after


def set_all(group: str | None) -> None:
    """Give each member their size, and nobody else one."""
    with alone():
        before = given()
        due, after = differing(wanted(group) if group else {}, before)
        # Whenever this ends, nobody has one that isn't written down.
        if after != before:
            note({**after, **before})
        for who, directory, uid, most in due:
            set_quota(directory, uid, most)
            told = f"{most >> 20} MiB" if most else "without a limit"
            print(f"disk quota of {who}: {told}", file=sys.stderr)  # noqa: T201 - the journal
        if after != before:
            note(after)


def keep_up(group: str) -> None:
    """Set all, and again while accounts go on changing: systemd doesn't look at files while this runs."""
    for _ in range(MOST_TURNS):
        before = [file.stat().st_mtime_ns for file in ACCOUNTS]
        set_all(group)
        if before == [file.stat().st_mtime_ns for file in ACCOUNTS]:
            return


def forget() -> None:
    """Take all of them back."""
    set_all(None)
    GIVEN.unlink(missing_ok=True)


def used(names: list[str]) -> dict[str, tuple[int, int | None]]:
    """What the kernel counts of each, where it does."""
    found = {}
    for name in names:
        try:
            account = pwd.getpwnam(name)
            home = Path(account.pw_dir)
            if state(home) & COUNTED:
                has, most = quota(home, account.pw_uid)
                found[name] = (has, most or None)
        except (KeyError, OSError):
            continue
    return found


def off(directories: list[str]) -> list[dict[str, object]]:
    """Where quotas are not kept to."""
    found: dict[str, dict[str, object]] = {}
    for directory in map(Path, directories):
        seen = state(directory) if directory.is_dir() else 0
        if not seen & KEPT_TO:
            mount = mount_of(directory.resolve())
            found[str(mount["mount"])] = {**mount, "counted": bool(seen & COUNTED), "known": known()}
    return list(found.values())


def mount_of(path: Path) -> dict[str, object]:
    """The mount that a path is on: proc_pid_mountinfo(5)."""
    best: dict[str, object] = {"mount": "/", "type": "", "source": ""}
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split(" ")
        place = words[4].encode().decode("unicode_escape")
        # Of two at one place, the later covers the other.
        if path.is_relative_to(place) and len(place) >= len(str(best["mount"])):
            after = words[words.index("-") + 1 :]
            best = {"mount": place, "type": after[0], "source": after[1]}
    return best


def main() -> None:
    """Do the one thing that was asked for."""
    try:
        match sys.argv[1:]:
            case ["--set", group]:
                keep_up(group)
            case ["--check", group]:
                print(json.dumps([each.who for each in differing(wanted(group), given())[0]]))  # noqa: T201
            case ["--forget"]:
                forget()
            case ["--used", *names]:
                print(json.dumps(used(names)))  # noqa: T201
            case ["--off", *directories]:
                print(json.dumps(off(directories)))  # noqa: T201
            case _:
                sys.exit(__doc__)
    except Failed as failure:
        sys.exit(str(failure))
    except OSError as error:
        sys.exit(f"disk quotas can't be set: {error.strerror} ({error.filename})")


if __name__ == "__main__":
    main()
