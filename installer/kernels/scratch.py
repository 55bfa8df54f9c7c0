"""A directory for what a step of a build needs for a while: the account's own, on the disk that environments are on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.host import files, paths
from installer.host.trees import remove_tree


def scratch_of(name: str) -> Path:
    """Where the steps of a build may write what nobody needs later; there while it runs."""
    return paths.KERNELS_SCRATCH / name


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """The directory, empty; gone when the block ends. Raises Problem."""
    directory = scratch_of(name)
    try:
        directory.parent.mkdir(mode=0o755, exist_ok=True)
        remove_tree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        files.own(directory, owner=paths.KERNELS_USER, group=paths.KERNELS_USER, mode=0o700)
    except OSError as error:
        raise files.unwritable(directory, error) from error
    try:
        yield directory
    finally:
        remove_tree(directory, ignore_errors=True)


def surroundings(directory: Path) -> dict[str, str]:
    """Variables that have programs keep their temporary files and settings in there."""
    return {"HOME": str(directory), "TMPDIR": str(directory), "XDG_CACHE_HOME": str(directory / "cache")}
