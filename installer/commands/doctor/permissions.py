"""Permissions: secrets and the database are closed, homes too, and root alone writes what root or the hub runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands.doctor.finding import Finding, ok, problem, warning
from installer.commands.doctor.server import Server, members
from installer.host import files, paths
from installer.host.paths import FIRST_PERSON_UID
from installer.host.trusted import not_roots_alone

AREA = "permissions"
_DATABASE = paths.HUB_STATE / "jupyterhub.sqlite"
_GROUP_OR_OTHERS, _OTHERS, _PASS, _EVERYBODYS = 0o077, 0o007, 0o005, 0o1777
_TMP = Path("/tmp")  # noqa: S108 - only looked at


@dataclass(frozen=True)
class Place:
    """A path as it is: mode with its type, owner and group by name."""

    path: Path
    mode: int
    owner: str
    group: str


def look(_: Server) -> list[Finding]:
    """Look at modes and owners; no link is followed, and nothing is opened."""
    return [
        *judge_secrets([place for path in _children(paths.SECRETS) if (place := _place(path))], _place(paths.SECRETS)),
        *judge_database(_place(_DATABASE)),
        *judge_homes([place for home in _homes() if (place := _place(home))]),
        *judge_ways([place for path in _ways() if (place := _place(path))]),
        *judge_sockets([place for path in _SOCKETS if (place := _place(path))]),
        *judge_run(_changeable()),
    ] or [ok(AREA, "secrets, database and homes are closed; root alone writes what root or the hub runs")]


def judge_secrets(secrets: Sequence[Place], directory: Place | None) -> list[Finding]:
    """Only root reads a secret."""
    there = [*([directory] if directory else []), *secrets]
    open_ones = [place for place in there if place.mode & _GROUP_OR_OTHERS or place.owner != "root"]
    return [
        problem(
            AREA,
            f"{place.path} is {_shown(place)}: a secret of the hub's that others can read",
            f"sudo chown root:root {place.path} && sudo chmod go= {place.path}",
        )
        for place in open_ones
    ]


def judge_database(database: Place | None) -> list[Finding]:
    """Only the hub reads its database: who takes a copy has everybody's tokens to try."""
    if database is None:
        return []
    if not stat.S_ISREG(database.mode):
        return [
            problem(
                AREA,
                f"{database.path} is not a file but {_shown(database)}",
                f"look who did that: sudo ls -la {database.path.parent}",
            )
        ]
    if database.mode & _GROUP_OR_OTHERS or database.owner != paths.HUB_USER:
        mend = f"sudo chown {paths.HUB_USER}: {database.path} && sudo chmod 600 {database.path}"
        return [problem(AREA, f"{database.path} is {_shown(database)}: the hub's alone to read and write", mend)]
    return []


def judge_homes(homes: Sequence[Place]) -> list[Finding]:
    """A member's server has its token and the member's work in the home."""
    found = []
    for home in homes:
        if home.mode & stat.S_IWOTH:
            what = f"{home.path} can be written by everybody: whoever likes runs programs as {home.owner}"
            found.append(problem(AREA, what, f"sudo chmod o-rwx {home.path}"))
        elif home.mode & _OTHERS:
            found.append(warning(AREA, f"{home.path} can be read by every account", f"sudo chmod o-rwx {home.path}"))
    return found


def judge_ways(ways: Sequence[Place]) -> list[Finding]:
    """Directories that members' servers and the hub have to pass, and that aren't ours."""
    found = [
        problem(AREA, f"{way.path} is {_shown(way)}: people's servers can't get through", f"sudo chmod a+rx {way.path}")
        for way in ways
        if way.path != _TMP and way.mode & _PASS != _PASS
    ]
    shared = [way for way in ways if way.path == _TMP and stat.S_IMODE(way.mode) != _EVERYBODYS]
    return found + [
        problem(AREA, f"{way.path} is {_shown(way)}, and not everybody's to write", f"sudo chmod 1777 {way.path}")
        for way in shared
    ]


_SOCKETS = {
    paths.PAM_SOCKET: (paths.PAM_SOCKET_UNIT, 0o600, paths.HUB_USER, paths.HUB_USER),
    paths.CHANGE_SOCKET: (paths.CHANGE_SOCKET_UNIT, 0o600, paths.HUB_USER, paths.HUB_USER),
    paths.SUDO_SOCKET: (paths.SUDO_SOCKET_UNIT, 0o600, paths.HUB_USER, paths.HUB_USER),
    paths.START_SOCKET: (paths.START_SOCKET_UNIT, 0o600, paths.HUB_USER, paths.HUB_USER),
    paths.ACCOUNT_SOCKET: (paths.ACCOUNT_SOCKET_UNIT, 0o600, paths.HUB_USER, paths.HUB_USER),
    paths.ADOPT_SOCKET: (paths.ADOPT_SOCKET_UNIT, 0o660, "root", paths.MEMBERS_GROUP),
}


def judge_sockets(sockets: Sequence[Place]) -> list[Finding]:
    """Who may connect to the helpers is who may open their sockets."""
    found = []
    for socket in sockets:
        unit, mode, owner, group = _SOCKETS[socket.path]
        if (stat.S_IMODE(socket.mode), socket.owner, socket.group) != (mode, owner, group):
            what = f"{socket.path} is {_shown(socket)}, and should be {mode:04o} {owner}:{group}"
            found.append(problem(AREA, what, f"sudo systemctl restart {unit}"))
    return found


def judge_run(changeable: Sequence[tuple[Path, str]]) -> list[Finding]:
    """Whoever can write what root or the hub runs is root, or the hub."""
    return [
        problem(AREA, f"{place} {why}, and is run or read by root or the hub", _taken_back(place, why))
        for place, why in changeable
    ]


def _taken_back(place: Path, why: str) -> str:
    if paths.OPT in place.parents and paths.LIBEXEC not in place.parents and place != paths.VENV:
        return f"sudo chown -h root:root {place} && sudo chmod go-w {place}"
    return f"sudo chown -h root:root {place}" if why.startswith("belongs") else f"sudo chmod go-w {place}"


def _changeable() -> list[tuple[Path, str]]:
    found = {}
    for path in _run_by_us():
        try:
            wrong = not_roots_alone(path)
        except (OSError, RuntimeError):
            continue  # a link that leads nowhere, or in a circle, is drift
        if wrong is not None:
            found[wrong[0]] = wrong[1]
    return list(found.items())


def _run_by_us() -> Iterator[Path]:
    yield paths.CONFIG_FILE
    yield paths.HUB_CONFIG
    yield paths.PAM_SERVICE
    yield paths.SUDOERS
    for directory, pattern in (
        (paths.CONF_D, "*.py"),
        (paths.LIBEXEC, "**/*"),
        (paths.UNITS, "jupyterhub*"),
        (paths.UNITS, "jupyterhub*.d/*.conf"),
        (paths.UNITS, "jupyterusers*.d/*.conf"),
        (Path("/etc/sudoers.d"), "*"),
        (paths.VENV / "bin", "*"),
        (paths.KERNELSPECS, "*"),
    ):
        yield from directory.glob(pattern)


def _homes() -> Iterator[Path]:
    try:
        people = members()
    except KeyError:
        return
    for member in people:
        if member.entry is not None and member.entry.pw_uid >= FIRST_PERSON_UID:
            yield Path(member.entry.pw_dir)


def _ways() -> tuple[Path, ...]:
    return Path("/"), Path("/opt"), Path("/etc"), Path("/usr"), Path("/var"), Path("/home"), _TMP


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _place(path: Path) -> Place | None:
    try:
        owned = files.ownership(path)
        return Place(path, os.lstat(path).st_mode, owned.owner, owned.group)
    except OSError:
        return None


def _shown(place: Place) -> str:
    return f"{stat.filemode(place.mode)} {place.owner}:{place.group}"
