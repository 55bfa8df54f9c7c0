"""The revisions that a backup brings: how a kernel was made on another host, until it has been made the same way here.

RESTORED_KERNELS/NAME/REVISION/    kernel.lock and .complete, as they stood in that revision
"""

from __future__ import annotations

from dataclasses import dataclass

from installer.host import paths
from installer.host.trees import remove_tree
from installer.kernels import revisions
from installer.kernels.build import this_subdir
from installer.kernels.lock import Lock
from installer.kernels.request import KernelRequest


@dataclass(frozen=True)
class Saved:
    """A revision of another host: its id, what it was built for, and the exact packages."""

    revision: str
    request: KernelRequest
    lock: Lock

    def is_for(self, request: KernelRequest, revision: str | None) -> bool:
        """Whether making it again gives just what is asked for. revision: where one is pinned."""
        return revision == self.revision if revision is not None else request.id == self.request.id


def saved(name: str) -> Saved | None:
    """What a backup has brought of a kernel; None where there is nothing, or nothing for this kind of machine."""
    place = paths.RESTORED_KERNELS / name
    for directory in sorted(place.iterdir()) if place.is_dir() else ():
        known = revisions.completed(directory)
        if known is not None:
            lock = revisions.lock_of(directory).lock
            return Saved(directory.name, known.request, lock) if lock.platform == this_subdir() else None
    return None


def forget(name: str) -> None:
    """The kernel has been made, or is not wanted any more."""
    if (paths.RESTORED_KERNELS / name).exists():
        remove_tree(paths.RESTORED_KERNELS / name)
        if not any(paths.RESTORED_KERNELS.iterdir()):
            remove_tree(paths.RESTORED_KERNELS)
