"""Looks, before anything is changed, whether this machine can do it at all; and says in plain words where it can't.

Standard library alone, and it parses on an old Python, since it is what tells that Python is old.
"""

import os
import sys

OLDEST_PYTHON = (3, 10)
SUPPORTED = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04", "26.04")}
MEMORY_MB = 900
DISK_MB = {"/opt": 2500, "/var": 1500}
PORTS = (80, 443)


class Refusal(Exception):  # noqa: N818 - it is told to a person
    """Why it can't work here (one line), and what to do (one line)."""

    def __init__(self, what, hint):
        # type: (str, str) -> None
        super().__init__(what)
        self.what = what
        self.hint = hint


def check_python():
    # type: () -> None
    """Refuse an interpreter that JupyterHub no longer supports."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Refusal(
            "this is Python %d.%d, and JupyterHub needs %d.%d or newer" % (sys.version_info[:2] + OLDEST_PYTHON),
            "use Debian 12 or 13, or Ubuntu 22.04, 24.04 or 26.04, with the python3 they ship",
        )


def check_root(command):
    # type: (str) -> None
    """Refuse to go on as anybody but root."""
    if os.geteuid() != 0:
        raise Refusal("only root can do this", "run: sudo python3 -m installer %s" % command)


def check_machine():
    # type: () -> None
    """Refuse a machine without systemd, of an unknown kind, too small, or whose web ports are somebody else's."""
    check_systemd("/run/systemd/system")
    check_system("/etc/os-release")
    check_memory("/proc/meminfo")
    if not os.path.islink("/opt/jupyter/.venv"):
        for directory, megabytes in sorted(DISK_MB.items()):
            check_disk(directory, megabytes)
    if not behind_another_proxy("/etc/jupyterhub/installer.yaml"):
        check_ports("/proc")


def behind_another_proxy(config):
    # type: (str) -> bool
    """Whether the config may say `tls.mode: off`, so that the web's ports are another's. (It is read in full later.)"""
    import re  # noqa: PLC0415 - of no use to most starts

    try:
        with open(config, encoding="utf-8", errors="replace") as stream:
            return re.search("\\bmode[\"']?:\\s*[\"']?off\\b", stream.read(1 << 20)) is not None
    except OSError:
        return False


def check_systemd(runtime):
    # type: (str) -> None
    """Refuse where systemd isn't process 1 (sd_booted(3): this directory is there where it is)."""
    if not os.path.isdir(runtime):
        raise Refusal(
            "systemd is not process 1 on this machine (is it a container?), and the hub is run by systemd",
            "use a real or virtual server; to look at it here, in a throw-away machine: sudo scripts/try",
        )


def check_system(os_release):
    # type: (str) -> None
    """Refuse an operating system that it isn't tested on. Debian testing and unstable have no version, and pass."""
    fields = {}
    if os.path.exists(os_release):
        with open(os_release, encoding="utf-8") as stream:
            for line in stream:
                name, _, value = line.strip().partition("=")
                fields[name] = value.strip("\"'")
    system, version = fields.get("ID", "unknown"), fields.get("VERSION_ID", "")
    if version in SUPPORTED.get(system, ()) or (system == "debian" and not version):
        return
    raise Refusal(
        "this is %s, which it doesn't support" % (fields.get("PRETTY_NAME") or system),
        "use Debian 12 or 13, or Ubuntu 22.04, 24.04 or 26.04",
    )


def check_memory(meminfo):
    # type: (str) -> None
    """Refuse less memory than the hub and one user need."""
    with open(meminfo, encoding="ascii") as stream:
        total = int(stream.readline().split()[1]) // 1024
    if total < MEMORY_MB:
        raise Refusal(
            "this machine has %d MB of memory, and the hub with one user needs %d" % (total, MEMORY_MB),
            "give it 2 GB or more: 1 GB for the system and the hub, 0.5 to 1 GB for each user",
        )


def check_disk(directory, megabytes):
    # type: (str, int) -> None
    """Refuse a file system with too little room for the server environment and the downloads."""
    there = directory
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    status = os.statvfs(there)
    free = status.f_bavail * status.f_frsize // 2**20
    if free < megabytes:
        raise Refusal(
            "%s has %d MB free, and the installation needs %d there" % (directory, free, megabytes),
            "make room on that file system (df -h %s)" % directory,
        )


def check_ports(proc):
    # type: (str) -> None
    """Refuse where something other than nginx listens on the web's ports."""
    from installer.host.listeners import holder_of, listening  # noqa: PLC0415 - an old Python can't parse it

    for port, inodes in sorted(listening(proc, PORTS).items()):
        if not inodes:
            continue
        holder = holder_of(proc, inodes)
        if holder is None or holder[1] != "nginx":
            who = "%s (pid %s)" % (holder[1], holder[0]) if holder else "another program"
            raise Refusal(
                "port %d is held by %s, and nginx needs it for the hub" % (port, who),
                "stop it, or move it to another port (see: ss -ltnp), then run apply again",
            )
