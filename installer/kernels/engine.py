"""The builder as root sees it: requests go in as JSON, as the account without rights it does them, models come out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from installer.kernels.records import ExtraFile, Finding, Package, Record

Progress = Callable[[str], None]
"""Is given a line for a person whenever there is news."""


def solve(
    specs: Sequence[str],
    channels: Sequence[str],
    *,
    unit: str,
    locked: Sequence[Record] = (),
    free: Collection[str] = (),
    progress: Progress = print,
) -> tuple[Record, ...]:
    """Choose packages that fit together. Raises Problem: no channel in reach, nothing fits, a spec that can't be read.

    locked: what to keep where it fits (the least change). free: names among them to choose anew.
    """
    raise NotImplementedError


def install(
    prefix: Path, records: Sequence[Record], requested: Sequence[str], *, unit: str, progress: Progress = print
) -> None:
    """Download, check and unpack packages into a prefix that the account owns. Raises Problem."""
    raise NotImplementedError


def verify(prefix: Path, extra: Sequence[ExtraFile], *, unit: str, deep: bool) -> tuple[Finding, ...]:
    """Compare an environment's files with what the build left: are they there; `deep`, is the same in them."""
    raise NotImplementedError


def packages(prefix: Path, *, unit: str) -> tuple[Package, ...]:
    """What is in an environment, by name."""
    raise NotImplementedError
