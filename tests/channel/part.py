"""A part of the channel, for tests in which packages come later, or go."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.channel.pack import index


def part(channel: Path, directory: Path, *, without: Sequence[str] = (), only: Sequence[str] = ("*",)) -> Path:
    """Make a channel of some packages of another; calling it again for the same directory changes what is in it.

    without, only: patterns of file names, such as `r-base-4.2*`.
    """
    wanted = {
        package.relative_to(channel)
        for package in channel.glob("*/*.conda")
        if any(fnmatch.fnmatch(package.name, pattern) for pattern in only)
        and not any(fnmatch.fnmatch(package.name, pattern) for pattern in without)
    }
    there = {package.relative_to(directory) for package in directory.glob("*/*.conda")}
    for package in there - wanted:
        (directory / package).unlink()
    for package in wanted - there:
        place = directory / package
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(channel / package, place)
        except OSError:
            # Another file system.
            shutil.copyfile(channel / package, place)
    index(directory)
    return directory
