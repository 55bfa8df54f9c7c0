"""When units were last told by us to read their files: a reload leaves no trace in systemd.

What we know of it is kept until the next boot.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from installer.host import files, paths


@dataclass(frozen=True)
class Refresh:
    """When a unit was last told by us to read its files, in seconds since boot; and when each had been changed."""

    at: float
    files: dict[str, int]


def reading(unit_files: Iterable[Path]) -> Refresh:
    """What a unit that is told now will have read."""
    return Refresh(time.monotonic(), {str(path): ctime(path) for path in unit_files})


def note(unit: str, refresh: Refresh) -> None:
    """Note that a unit was told. Raises Problem."""
    paths.INSTALLER_RUN.mkdir(mode=0o755, exist_ok=True)
    files.write(_file(unit), json.dumps(asdict(refresh)).encode(), mode=0o644)


def last(unit: str) -> Refresh:
    """What was noted last; nothing where nothing was."""
    try:
        return Refresh(**json.loads(_file(unit).read_bytes()))
    except (OSError, ValueError, TypeError):
        return Refresh(0.0, {})


def ctime(path: Path) -> int:
    """When a file last changed, by the clock of that time; 0 for one that isn't there."""
    # st_ctime, since that can't be set.
    try:
        return path.stat().st_ctime_ns
    except OSError:
        return 0


def _file(unit: str) -> Path:
    return paths.INSTALLER_RUN / f"{unit}.refreshed"
