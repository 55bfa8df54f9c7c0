"""From a plan to an environment on disk: every step as the account without rights, the result taken back by root."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from installer.host import paths
from installer.kernels.engine import Progress
from installer.kernels.records import ExtraFile, Record


class EnvironmentPlan(BaseModel):
    """All that makes an environment.

    name: the kernel's, for the services that build it. records: conda's packages. requested: the specs asked for.
    pip_locked: what pip_layer.resolve gave. link_scripts: whether packages' own may run.
    post_install: commands to run at the end, with `env`; paths of the prefix and of scratch_of(prefix) put in already.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    records: tuple[Record, ...]
    requested: tuple[str, ...]
    channels: tuple[str, ...] = ()
    pip_locked: str | None = None
    link_scripts: bool = False
    post_install: tuple[tuple[str, ...], ...] = ()
    env: dict[str, str] = {}


class Built(BaseModel):
    """What a build leaves to be written down.

    activation: the variables that an activated environment sets. seconds: how long each step took.
    extra: files that conda's packages don't account for, for engine.verify.
    """

    model_config = ConfigDict(frozen=True)

    activation: dict[str, str]
    seconds: dict[str, float]
    extra: tuple[ExtraFile, ...]


def scratch_of(prefix: Path) -> Path:
    """Where the steps of a build may write what nobody needs later; there while it runs."""
    return paths.KERNELS_SCRATCH / f"{prefix.parent.name}-{prefix.name}"


def build(prefix: Path, plan: EnvironmentPlan, previous: Path | None, progress: Progress) -> Built:
    """Make an environment at its final path; what was there before is removed. Raises Problem, and leaves no half.

    previous: an earlier environment of the same kernel, to share compiled Python with.
    """
    raise NotImplementedError


def discard(prefix: Path, name: str) -> None:
    """Remove an environment, or what a build that was killed has left of one, once nothing works in it any more."""
    raise NotImplementedError
