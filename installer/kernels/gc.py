"""Taking away revisions that nothing needs: not linked, not among the last few, not young, and used by no process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from installer.host import paths
from installer.host.trees import remove_tree
from installer.kernels import engine, environment, revisions, sandbox
from installer.kernels.worker import Gate

GRACE = 600
"""Seconds after which a revision that was switched away from can't be in a start that is under way."""


def collect(name: str, *, keep: int = revisions.KEPT) -> list[Path]:
    """Remove what a kernel no longer needs, and what killed builds left of it. Returns what was removed.

    keep: how many of the last revisions stay for `rollback`; 0 for a kernel that is being removed.
    """
    linked = revisions.current(name)
    switches = revisions.history(name)
    recent = list(dict.fromkeys(switch.revision for switch in reversed(switches)))[:keep]
    kept = {linked.name if linked else "", *recent, *(_young(name) if keep else ())}
    candidates = [prefix for prefix in revisions.directories(name) if prefix.name not in kept]
    used = in_use(candidates)
    gone = [prefix for prefix in candidates if prefix not in used]
    for prefix in gone:
        # First of all: what is half removed when the machine dies must be nothing that a rollback goes to.
        revisions.condemn(prefix)
        environment.discard(prefix, name)
    if not any(revisions.directories(name)) and linked is None:
        remove_tree(paths.KERNELS / name, ignore_errors=True)
    return gone


def discard_incomplete(name: str) -> None:
    """Remove the revisions of a kernel that are half built, or condemned; but none that a process uses."""
    incomplete = revisions.incomplete_ones(name)
    used = in_use(incomplete)
    for prefix in incomplete:
        if prefix not in used:
            environment.discard(prefix, name)


def in_use(prefixes: Iterable[Path]) -> set[Path]:
    """Those of some revisions that a process was started from, runs a program of, has mapped or works in."""
    wanted = {f"{prefix}/".encode(): prefix for prefix in prefixes}
    used: set[Path] = set()
    for process in Path("/proc").iterdir() if wanted else ():
        if process.name.isdigit():
            seen = _seen(process)
            used |= {prefix for text, prefix in wanted.items() if text in seen}
    return used


def _seen(process: Path) -> bytes:
    parts = []
    for name in ("cmdline", "environ", "maps"):
        try:
            parts.append((process / name).read_bytes())
        except OSError:
            continue  # it has ended meanwhile, or is a zombie
    for name in ("cwd", "exe"):
        try:
            parts.append(bytes((process / name).readlink()) + b"/")
        except OSError:
            continue
    return b"\0".join(parts)


def collect_packages(gate: Gate = sandbox.run) -> int:
    """Have the cached packages removed that no revision was made of. Returns how many. Raises Problem."""
    needed = {
        f"{record.name}-{record.version}-{record.build}"
        for name in revisions.kernels()
        for prefix in revisions.complete_ones(name)
        for record in revisions.lock_of(prefix).lock.records
    }
    return engine.clean(sorted(needed), unit=sandbox.unit_of(".cache"), gate=gate)


def _young(name: str) -> set[str]:
    """Revisions that were switched away from only just now."""
    switches = revisions.history(name)
    recently = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - GRACE))
    return {before.revision for before, after in pairwise(switches) if after.at >= recently}
