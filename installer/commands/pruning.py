"""What is too old to go back to is not kept for ever: generations, and the server environments that only they used.

The revisions of kernels have a collection of their own (`kernel gc`), which keeps some for `kernel rollback`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from installer.engine.store import Store
from installer.host import paths
from installer.host.errors import Problem
from installer.kernels import gc
from installer.resources import database_copies
from installer.resources.server_build import discard

KEPT = 20
"""Generations that stay however old they are: the newest ones by their numbers."""
YOUNGEST = timedelta(days=7)
"""What is younger stays however many there are."""

_REVISION = re.compile("[0-9a-f]{12}")


@dataclass(frozen=True)
class Pruned:
    """What was removed. trouble: what kept the rest from being removed, None where nothing did."""

    generations: tuple[int, ...] = ()
    revisions: tuple[Path, ...] = ()
    trouble: Problem | None = None


def prune(store: Store) -> Pruned:
    """Remove what is too old. Never raises Problem: that there is too much of it is no reason for a run to fail."""
    now = datetime.now(timezone.utc)
    forgotten: list[int] = []
    revisions: list[Path] = []
    try:
        for number in outdated({number: _made(store, number) for number in store.numbers()}, now):
            store.forget(number)
            database_copies.forget(number)
            forgotten.append(number)
        for revision in _unneeded(store, now):
            discard(revision)
            revisions.append(revision)
        if revisions:
            store.note_left(set(store.resources_of(store.newest())))
    except (Problem, OSError) as trouble:
        told = trouble if isinstance(trouble, Problem) else Problem(str(trouble), "mend that; the next apply goes on")
        return Pruned(tuple(forgotten), tuple(revisions), told)
    return Pruned(tuple(forgotten), tuple(revisions))


def outdated(made: Mapping[int, datetime | None], now: datetime) -> list[int]:
    """Which of the generations are too old.

    made: when each of them came to be; None where that can't be said any more, and then it stays.
    """
    too_many = sorted(made)[:-KEPT]
    # One from the future, since the clock was set back, is young.
    return [number for number in too_many if (at := made[number]) is not None and now - at > YOUNGEST]


def _made(store: Store, number: int) -> datetime | None:
    try:
        at = store.generation(number).at
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except (Problem, ValueError):
        return None


def _unneeded(store: Store, now: datetime) -> list[Path]:
    """Environments that no generation has, no process uses, and no run has made lately. Raises Problem."""
    needed = {
        Path(str(entry["path"]))
        for number in store.numbers()
        for entry in store.generation(number).resources
        if entry["kind"] in {"environment", "certbot"}
    }
    if paths.VENV.is_symlink():
        needed.add(paths.VENV.resolve())
    kinds = [place for place in (paths.SERVER_REVISIONS, paths.CERTBOT_REVISIONS) if place.is_dir()]
    there = [place for kind in kinds for place in kind.iterdir() if _REVISION.fullmatch(place.name)]
    # One that a run has built which then failed is there for the next run to use.
    before = (now - YOUNGEST).timestamp()
    old = [place for place in there if place not in needed and place.lstat().st_mtime < before]
    used = gc.in_use(old)
    return [place for place in old if place not in used]
