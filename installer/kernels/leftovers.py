"""What a run that was killed in the middle of a build has left behind: gone before the next one begins."""

from __future__ import annotations

from installer.host import files, paths
from installer.host.trees import remove_tree
from installer.kernels import revisions, sandbox


def clear() -> None:
    """End what is still building, and remove what was never completed and no process uses. Raises Problem.

    Only for whoever holds the lock: there is no other build then but those that nobody waits for any more.
    """
    try:
        offered = sandbox.offers_left_behind()
        if offered or sandbox.left_behind():
            sandbox.stop_all()
        for place in offered:
            remove_tree(place, ignore_errors=True)
        for name in revisions.kernels():
            if revisions.incomplete_ones(name):
                _discard_incomplete(name)
            if not any((paths.KERNELS / name).iterdir()):
                (paths.KERNELS / name).rmdir()
        for place in paths.KERNELS_SCRATCH.iterdir() if paths.KERNELS_SCRATCH.is_dir() else ():
            remove_tree(place, ignore_errors=True)
    except OSError as error:
        raise files.unwritable(paths.KERNELS, error) from error


def _discard_incomplete(name: str) -> None:
    from installer.kernels import gc  # noqa: PLC0415 - with all that builds, of which there is nearly always no need

    gc.discard_incomplete(name)
