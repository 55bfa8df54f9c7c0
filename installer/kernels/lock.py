"""A lock: the exact packages of an environment, from which it is made again, here or on another machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from installer.host.errors import ConfigProblem
from installer.kernels.environment_file import read_owned, refuse_credentials
from installer.kernels.recipe import Recipe
from installer.kernels.records import Record

SUBDIRS = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}
"""conda's name for what `uname -m` says."""

LARGEST = 1 << 24
"""Bytes of a lock's file; each package takes one or two thousand."""


class Lock(BaseModel):
    """What a solve came to.

    platform: conda's subdir ("linux-64"). records: every conda package, with address and hash.
    pip: what pip adds, one requirement a line with hashes; "" where it adds nothing.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    platform: str
    records: tuple[Record, ...]
    pip: str = ""

    @property
    def id(self) -> str:
        """12 hexadecimal digits that follow from the packages alone, not from where they were found."""
        lines = sorted(f"{record.subdir}/{record.fn}#{record.sha256}" for record in self.records)
        return hashlib.sha256("\n".join([self.platform, *lines, self.pip]).encode()).hexdigest()[:12]

    def version(self, package: str) -> str | None:
        """The version of a conda package in it."""
        return next((record.version for record in self.records if record.name == package), None)


class LockFile(BaseModel):
    """A lock with all that is needed beside it to make the same kernel somewhere else.

    channels, packages, pip: what was asked for, for later updates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: Literal[1] = 1
    recipe: Recipe
    channels: tuple[str, ...]
    packages: tuple[str, ...]
    pip: tuple[str, ...]
    lock: Lock

    def text(self) -> str:
        """As it is written to a file."""
        return self.model_dump_json(indent=1) + "\n"


def read_lock_file(path: Path) -> LockFile:
    """Read one. Raises ConfigProblem."""
    try:
        read = LockFile.model_validate_json(read_owned(path, largest=LARGEST))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigProblem(
            f"{path} is no lock file: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            "make it on the other machine: sudo python3 -m installer kernel lock NAME > FILE",
        ) from None
    asked = (*read.channels, *read.packages, *read.pip, *read.recipe.channels, *read.recipe.packages, *read.recipe.pip)
    found = (text for record in read.lock.records for text in (record.url, record.channel or ""))
    refuse_credentials(path, (*asked, *found, *read.lock.pip.splitlines()))
    return read
