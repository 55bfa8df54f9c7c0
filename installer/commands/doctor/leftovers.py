"""Leftovers: what runs that were killed have left, as long as no run is at work."""

from __future__ import annotations

import fcntl
import os
import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands.doctor.finding import APPLY, Finding, ok, warning
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.kernels import gc, revisions, sandbox
from installer.resources.server_build import marked

AREA = "leftovers"
_OLD_REVISIONS = 3
"""Server environments that may stay for a way back, besides the one in use."""


@dataclass(frozen=True)
class Left:
    """What there is. half: server environments that were never complete. old: complete ones that nothing uses."""

    interrupted: str | None = None
    half: Sequence[Path] = ()
    old: Sequence[Path] = ()
    half_kernels: Sequence[Path] = ()
    temporary: Sequence[Path] = ()
    selftest: bool = False


def look(server: Server) -> list[Finding]:
    """Look where they would be; what a run at work makes is none."""
    if _at_work():
        return [ok(AREA, "a run of the installer is at work; what it makes was not looked at")]
    kernels = [prefix for name in revisions.kernels() for prefix in revisions.directories(name)]
    return judge(
        Left(
            interrupted=server.situation.store.interrupted() if server.situation else None,
            half=[path for path in _server_revisions() if marked(path) is None],
            old=_unused([path for path in _server_revisions() if marked(path)], server),
            half_kernels=[prefix for prefix in kernels if revisions.completed(prefix) is None],
            temporary=sorted((*_halves_of_files(), *paths.CACHE.glob("build-*"), *sandbox.offers_left_behind())),
            selftest=_is_account(paths.SELFTEST_USER),
        )
    )


def judge(left: Left) -> list[Finding]:
    """Judge what there is."""
    found = []
    if left.interrupted is not None:
        what = f"the run of {left.interrupted} did not come to its end"
        found.append(warning(AREA, what, f"have it finished: {APPLY}"))
    for path in left.half:
        what = f"{path} is a server environment that was never complete"
        found.append(warning(AREA, what, f"sudo rm -r {path}"))
    if len(left.old) > _OLD_REVISIONS:
        there = " ".join(map(str, left.old[:-_OLD_REVISIONS]))
        what = f"{len(left.old)} server environments are there that nothing runs in"
        found.append(warning(AREA, what, f"sudo rm -r {there}"))
    if left.half_kernels:
        what = f"{left.half_kernels[0]} is a kernel's environment that was never complete"
        found.append(warning(AREA, what, "sudo python3 -m installer kernel gc"))
    for path in left.temporary:
        found.append(warning(AREA, f"{path} was left by a run that was killed", f"sudo rm -r {path}"))
    if left.selftest:
        what = f"the account {paths.SELFTEST_USER} was left by a self-test that was killed"
        mend = f"have another one clean up: sudo userdel --remove {paths.SELFTEST_USER}"
        found.append(warning(AREA, what, mend))
    return found or [ok(AREA, "none")]


def _at_work() -> bool:
    try:
        # Not created, not written: only asked whether somebody holds it.
        with os.fdopen(os.open(paths.LOCK, os.O_RDONLY | os.O_NOFOLLOW), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _server_revisions() -> list[Path]:
    if not paths.SERVER_REVISIONS.is_dir():
        return []
    there = [path for path in paths.SERVER_REVISIONS.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(there, key=lambda path: path.stat().st_mtime)


def _unused(complete: Sequence[Path], server: Server) -> list[Path]:
    wanted = {paths.VENV.resolve(), *((server.situation.site.revision_path,) if server.situation else ())}
    candidates = [path for path in complete if path not in wanted]
    used = gc.in_use(candidates) if len(candidates) > _OLD_REVISIONS else set()
    return [path for path in candidates if path not in used]


def _halves_of_files() -> Iterator[Path]:
    """What `host.files` had begun to write: named so that nothing else is."""
    for directory in (paths.ETC, paths.SECRETS, paths.TLS, paths.UNITS, paths.LIBEXEC, paths.OPT, paths.KERNELSPECS):
        yield from directory.glob(".*.????????.new")


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
