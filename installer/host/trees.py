"""Removing directory trees that other accounts have filled: however deep they are, and whatever links are in them."""

from __future__ import annotations

from pathlib import Path

from installer.host.process import run


def remove_tree(directory: Path, *, ignore_errors: bool = False) -> None:
    """Remove a directory with all that is in it; nothing happens where it is gone. Links are not followed.

    By rm, which needs neither a frame of Python's stack nor an open file for each level (shutil.rmtree: both).
    Raises Problem, unless it may stay.
    """
    run(["rm", "--recursive", "--force", "--", directory], timeout=1800, check=not ignore_errors)
