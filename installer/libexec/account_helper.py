#!/usr/bin/python3 -IS
"""Make the Linux account of somebody the hub has let in, as root, for a hub that may not.

Started by jupyterhub-account.socket once for each request, with the connection as standard input.
In:  {"account": "name"}                                     (one JSON line)
Out: {"ok": true, "created": true|false}, or {"error": ...}  (one JSON line; the error is a sentence)

All that can be asked for is "this name is to have an account". uid, group, home, shell and memberships are decided
here. An account that is there already is left as it is, and is good only if an earlier run made it: its uid is in the
range, and its own group is OWN_GROUP, which is nobody else's. Both are in /etc/passwd, which only root writes, and
useradd puts them there in one step.

usage: jupyterhub-account HUB_ACCOUNT MEMBERS_GROUP OWN_GROUP FIRST_UID LAST_UID RETIRED LOCK
RETIRED is the file of the uids of people who have gone, whose files must not come to be somebody else's.
LOCK is a directory that nobody but root may open.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import json
import os
import pwd
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LONGEST_REQUEST = 1024
READ_SECONDS = 5
USERADD_SECONDS = 30
BASE = Path("/home")
SKELETONS = (Path("/etc/skel"), Path("/etc/jupyterhub/skel"))
"""The machine's, and what the admin adds for people of the hub."""

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
"""What useradd, systemd, sudo and every file system agree on."""

_BASE = """
root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup adm tty disk
kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev staff users
"""
"""Debian's base-passwd: accounts and groups."""

_PACKAGES = """
admin administrator wheel netdev docker lxd libvirt kvm render input sgx crontab ssh sshd messagebus polkitd tss
mysql mariadb postgres redis mongodb memcache rabbitmq ntp chrony bind named unbound dnsmasq postfix exim dovecot
apache nginx caddy haproxy tomcat jenkins git gitlab munge slurm puppet ansible snap ceph nslcd sssd openldap avahi
cups saned colord geoclue pulse rtkit usbmux uuidd statd postdrop vmail clamav elasticsearch grafana prometheus
influxdb podman containerd rstudio-server shiny hubadmin syslog tcpdump landscape fwupd-refresh ssl-cert httpd ldap
jupyter jupyterhub
"""
"""What packages that may come later take for their own, and what sudoers rules speak of."""

_FIRST = "ubuntu debian ec2-user azureuser cloud-user vagrant pi opc core"
"""The first accounts of cloud images, which may use sudo without a password."""

# A copy of what hub/names.py has, where whoever would be called so gets another name: this program stands alone.
RESERVED = frozenset(f"{_BASE} {_PACKAGES} {_FIRST}".split())
RESERVED_BEGINNINGS = ("jupyter", "systemd-")


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """There is no account, or none that may be used; the message is a sentence."""


@dataclass(frozen=True)
class Rules:
    """What an account of ours is.

    uids: the first and the last. retired: the file of those that were somebody's.
    """

    members: int
    members_name: str
    own_group: int
    own_group_name: str
    uids: tuple[int, int]
    retired: Path

    def ours(self, account: pwd.struct_passwd) -> bool:
        """Whether an earlier run made it."""
        return self.uids[0] <= account.pw_uid <= self.uids[1] and account.pw_gid == self.own_group


def peer_uid(connection: socket.socket) -> int:
    """The account at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def read_request(connection: socket.socket) -> str:
    """The name out of one bounded line."""
    connection.settimeout(READ_SECONDS)
    line = b""
    while not line.endswith(b"\n"):
        if len(line) > LONGEST_REQUEST:
            raise Refused("the request is too long")
        chunk = connection.recv(LONGEST_REQUEST)
        if not chunk:
            raise Refused("the request ended early")
        line += chunk
    request = json.loads(line)
    if not isinstance(request, dict) or set(request) != {"account"} or not isinstance(request["account"], str):
        raise Refused("the request is malformed")
    return request["account"]


def check_name(name: str) -> None:
    """Refuse what is no name, and the names that the system and its packages use or may come to use."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name[:64]!r} can't be the name of an account: lower-case letters, digits, - and _, at most 31")
    if name in RESERVED or name.startswith(RESERVED_BEGINNINGS):
        raise Refused(f"the name {name} is kept for the system")


def lookup(name: str) -> pwd.struct_passwd | None:
    """The account of that name, from wherever this machine has its accounts."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def check_usable(account: pwd.struct_passwd, rules: Rules) -> None:
    """Refuse an account that isn't ours, or that somebody has taken out of the group since."""
    if not rules.ours(account):
        raise Refused(f"there is an account {account.pw_name} on this machine already, which the hub has not made")
    if account.pw_dir != str(BASE / account.pw_name):
        raise Refused(f"the home of {account.pw_name} was changed to {account.pw_dir}")
    if rules.members not in os.getgrouplist(account.pw_name, account.pw_gid):
        raise Refused(f"{account.pw_name} is not a member of {rules.members_name} any more")


def taken_uids(rules: Rules) -> set[int]:
    """Whose accounts there are, were, or must have been, since what is in BASE is theirs."""
    found = {entry.pw_uid for entry in pwd.getpwall()}
    with contextlib.suppress(FileNotFoundError):
        found |= {int(line) for line in rules.retired.read_text(encoding="ascii").splitlines()}
    for home in BASE.iterdir():
        with contextlib.suppress(OSError):
            found.add(home.lstat().st_uid)
    return found


def window(first: int, last: int, taken: set[int]) -> tuple[int, int]:
    """Where useradd may choose: behind all that are taken, as it would by itself; else in the first gap between them.

    A range, not one of them: somebody else may make an account this very moment.
    """
    inside = sorted(uid for uid in taken if first <= uid <= last)
    begin = inside[-1] + 1 if inside else first
    if begin <= last:
        return begin, last
    for place, uid in enumerate(inside):
        if uid != first + place:
            return first + place, uid - 1
    raise Refused(f"each uid from {first} to {last} is somebody's, or was")


def create(name: str, rules: Rules) -> None:
    """Add the account: locked, a member, its home still missing."""
    if os.path.lexists(BASE / name):
        raise Refused(f"{BASE / name} is there already, and may be somebody else's")
    try:
        grp.getgrnam(name)
    except KeyError:
        pass
    else:
        raise Refused(f"the name {name} is that of a group")
    first, last = window(*rules.uids, taken_uids(rules))
    # A group of one's own would make a person called "docker" powerful as soon as somebody installs that.
    words = ["--gid", rules.own_group_name, "--no-user-group", "--groups", rules.members_name]
    words += ["--key", f"UID_MIN={first}", "--key", f"UID_MAX={last}"]
    words += ["--home-dir", str(BASE / name), "--no-create-home", "--shell", "/bin/bash", "--no-log-init"]
    done = subprocess.run(
        ["/usr/sbin/useradd", *words, "--comment", "JupyterHub user", "--", name],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=USERADD_SECONDS, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"useradd ended with {done.returncode}"]
        raise Refused(f"{name} could not be added: {said[-1].removeprefix('useradd: ')}")


def ensure_home(account: pwd.struct_passwd) -> None:
    """The home as a directory of the account's own, made from the skeleton where there is none."""
    home = Path(account.pw_dir)
    try:
        there = os.lstat(home)
    except FileNotFoundError:
        make_home(home, account)
        return
    if not stat.S_ISDIR(there.st_mode):
        raise Refused(f"{home} is not a directory{' but a symbolic link' if stat.S_ISLNK(there.st_mode) else ''}")
    if there.st_uid != account.pw_uid:
        raise Refused(f"{home} does not belong to {account.pw_name}, but to uid {there.st_uid}")


def make_home(home: Path, account: pwd.struct_passwd) -> None:
    """Make it out of sight, closed to others, and rename it into place: it is there whole or not at all."""
    base = BASE.stat()
    if base.st_uid != 0 or base.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"{BASE} can be written by others than root: no home is made in there")
    # No account's name begins with a dot.
    new = BASE / f".{account.pw_name}.new"
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    for skeleton in filter(Path.is_dir, SKELETONS):
        shutil.copytree(skeleton, new, symlinks=True, dirs_exist_ok=True)
    new.chmod(0o700)
    for path in (*new.rglob("*"), new):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    new.rename(home)


def ensure(name: str, rules: Rules) -> bool:
    """Whether the account had to be made; it is there, with its home, when this returns."""
    check_name(name)
    account = lookup(name)
    created = account is None
    if account is None:
        create(name, rules)
        account = pwd.getpwnam(name)
    check_usable(account, rules)
    try:
        ensure_home(account)
    except OSError as error:
        # On NFS with root_squash, root is nobody.
        why = f"the home of {name} can't be made: {error.strerror} ({error.filename})"
        raise Refused(f"{why}; where root can't write to {BASE}, make it there by hand") from None
    return created


def answer(connection: socket.socket, arguments: list[str]) -> dict[str, object]:
    """Do what is asked; what goes wrong on the way is a refusal as well."""
    hub, members, own_group, first, last, retired, lock = arguments
    try:
        if peer_uid(connection) != pwd.getpwnam(hub).pw_uid:
            raise Refused(f"only {hub} may ask")
        name = read_request(connection)
        gids = grp.getgrnam(members).gr_gid, grp.getgrnam(own_group).gr_gid
        rules = Rules(gids[0], members, gids[1], own_group, (int(first), int(last)), Path(retired))
        # One at a time. It ends with this process.
        fcntl.flock(os.open(lock, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_EX)
        created = ensure(name, rules)
    except Refused as refusal:
        reason = str(refusal)
    except subprocess.TimeoutExpired:
        reason = f"useradd did not end within {USERADD_SECONDS} s"
    except (ValueError, KeyError, OSError, RecursionError) as error:
        reason = f"the request could not be handled ({type(error).__name__})"
    else:
        if created:
            print(f"made the account {name}", file=sys.stderr)  # noqa: T201 - the journal
        return {"ok": True, "created": created}
    print(f"refused: {reason}", file=sys.stderr)  # noqa: T201 - the journal
    return {"error": reason}


def main() -> None:
    """Serve the one request on standard input."""
    with socket.socket(fileno=0) as connection:
        reply = answer(connection, sys.argv[1:])
        try:
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except OSError as error:
            print(f"the hub did not wait for the answer: {error}", file=sys.stderr)  # noqa: T201 - the journal


if __name__ == "__main__":
    main()
