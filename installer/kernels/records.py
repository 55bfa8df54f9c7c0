"""What the builder tells of: records that a solve chose, what an environment has, and what is wrong with it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A package that a solve chose, with all that is needed to install it later without another solve.

    What a channel's index says beyond the fields here is kept as it is.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    fn: str
    url: str
    channel: str | None = None
    sha256: str
    md5: str | None = None
    size: int | None = None
    depends: tuple[str, ...] = ()
    noarch: str | None = None

    @property
    def is_python(self) -> bool:
        """Whether it brings modules for the environment's Python."""
        return self.noarch == "python" or any(each.split()[0] in {"python", "python_abi"} for each in self.depends)


class Finding(BaseModel):
    """A file that is not as the build left it: missing, changed, or there though nothing put it there."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    path: str
    what: Literal["missing", "changed", "added"]
    package: str | None = None


class ExtraFile(BaseModel):
    """A file that no conda package brought, or that the build has changed since: exactly one of the two is given.

    sha256: of what is in it. target: where it points to, for a symbolic link.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    path: str
    sha256: str | None = None
    target: str | None = None


class Linked(BaseModel):
    """What tells later changes of an environment from what its packages have brought.

    at: the time (ns) when they were in their places. metas: the sha256 over what is written down of them.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    at: int
    metas: str


class Finished(BaseModel):
    """What a build has done to the files of an environment.

    extra: those that conda's packages don't account for. untouched: whether all that packages brought is as linked.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    extra: tuple[ExtraFile, ...]
    untouched: bool


class LinkScript(BaseModel):
    """A script that a package wants to be run once it is linked."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    script: str
    name: str
    version: str
    build_number: str
