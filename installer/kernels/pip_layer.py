"""What an environment has from PyPI on top of conda's packages: resolved to a hash-locked list, then installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from installer.kernels.records import Record


def resolve(requirements: Sequence[str], records: Sequence[Record], *, unit: str) -> str:
    """The hash-locked list of what `requirements` need beyond conda's packages, which stay as they are.

    Raises Problem: a requirement that conda's packages contradict, one that doesn't exist, no index in reach.
    """
    raise NotImplementedError


def install(prefix: Path, locked: str, *, unit: str) -> None:
    """Install a hash-locked list. Raises Problem, also where it has taken the place of one of conda's packages."""
    raise NotImplementedError
