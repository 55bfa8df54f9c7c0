"""Giving back the room of what no kernel needs: revisions, and packages in the cache that no revision was made of."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from installer.commands.kernel_situation import KernelSituation
from installer.host import paths
from installer.kernels import gc, revisions


@dataclass(frozen=True)
class Collected:
    """What was removed. packages: how many of the cache's. freed: bytes."""

    revisions: tuple[Path, ...]
    packages: int
    freed: int


def collect_all(situation: KernelSituation, *, keep: int) -> Collected:
    """Collect every kernel's revisions, then the cache. Raises Problem."""
    before = shutil.disk_usage(paths.KERNELS).free
    wanted = {entry.name for entry in situation.config.kernels}
    gone = [
        prefix
        for name in revisions.kernels()
        for prefix in gc.collect(name, keep=max(keep, 1) if name in wanted else 0)
    ]
    packages = gc.collect_packages()
    after = shutil.disk_usage(paths.KERNELS).free
    return Collected(tuple(gone), packages, max(0, after - before))
