"""Somebody who looks on while the installer is at work: at every file that counts, and whether the hub answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from installer.host import paths
from tests.system.machine import Machine

# What others read at any moment: sudo, systemd, nginx, PAM, the hub, a notebook server that lists kernels.
PLACES = (
    str(paths.SUDOERS), str(paths.NGINX_SITE), str(paths.PAM_SERVICE), str(paths.TMPFILES), str(paths.HUB_CONFIG),
    str(paths.UNITS), str(paths.LIBEXEC), str(paths.SITE_CERTIFICATE), str(paths.SITE_KEY), str(paths.VENV),
    str(paths.KERNELSPECS),
)  # fmt: skip
BASE_URLS = ("/", "/jupyter/")
"""Where the hub may be in a test."""

_STATES = r"""
import hashlib, os, pathlib, stat
def below(place):
    if place.is_dir() and not place.is_symlink():
        for entry in sorted(place.iterdir()):
            # What others read has no dot in front: that is what a file is called until it is whole.
            if not entry.name.startswith("."):
                yield from below(entry)
    elif os.path.lexists(place):
        yield place
def states(places):
    found = {}
    for place in places:
        for path in below(pathlib.Path(place)):
            try:
                status = path.lstat()
                link = stat.S_ISLNK(status.st_mode)
                content = os.readlink(path) if link else hashlib.sha256(path.read_bytes()).hexdigest()
                # One that is replaced between the two looks is looked at again the next time.
                if path.lstat().st_ino != status.st_ino:
                    continue
            except FileNotFoundError:
                continue
            found[str(path)] = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {content}"
    return found
"""

_LOOK_ON = (
    _STATES
    + r"""
import http.client, json, select, sys, time
places, port, base_urls = json.loads(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
def answers():
    for base_url in base_urls:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", f"{base_url}hub/api")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
    return False
looks, seen, down, since = 0, {}, [], None
print("ready", flush=True)
while True:
    last = bool(select.select([0], [], [], 0.1)[0])
    looks += 1
    found = states(places)
    for path, state in found.items():
        seen.setdefault(path, [])
        if state not in seen[path]:
            seen[path].append(state)
    now = time.monotonic()
    if answers():
        if since is not None:
            down.append(now - since)
        since = None
    elif since is None:
        since = now
    if last:
        break
if since is not None:
    down.append(time.monotonic() - since)
print(json.dumps({"looks": looks, "seen": seen, "down": down}))
"""
)


@dataclass
class Seen:
    """What somebody has seen in the meantime; filled in at the end.

    states: of each file that was there, every state that it was in. down: for how many seconds the hub didn't answer,
    each time that it didn't.
    """

    looks: int = 0
    states: Mapping[str, list[str]] = field(default_factory=dict)
    down: list[float] = field(default_factory=list)

    def others(self, *known: Mapping[str, str]) -> list[str]:
        """The files that were ever in a state other than the known ones: half of one, or one with wrong rights."""
        return [
            f"{path}: {state}"
            for path, states in self.states.items()
            for state in states
            if state not in {states.get(path) for states in known}
        ]


@contextmanager
def looking_on(machine: Machine) -> Iterator[Seen]:
    """Have somebody look on all the time in the block."""
    words = ["python3", "-c", _LOOK_ON, json.dumps(PLACES), str(paths.HUB_API_PORT), json.dumps(BASE_URLS)]
    seen = Seen()
    with subprocess.Popen(machine.command(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as look:
        assert look.stdout is not None
        assert look.stdout.readline() == "ready\n"
        try:
            yield seen
        finally:
            said, _ = look.communicate("end", timeout=60)
    told = json.loads(said)
    seen.looks, seen.states, seen.down = told["looks"], told["seen"], told["down"]
    assert seen.looks > 10


def states(machine: Machine) -> dict[str, str]:
    """The state that each of those files is in now."""
    code = f"{_STATES}\nimport json, sys\nprint(json.dumps(states(json.loads(sys.argv[1]))))"
    found: dict[str, str] = json.loads(machine.run(["python3", "-c", code, json.dumps(PLACES)]).stdout)
    return found
