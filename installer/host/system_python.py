"""The distribution's Python behind this process, which environments for others are linked to."""

from __future__ import annotations

import sys
from pathlib import Path

from installer.host.errors import Problem


def system_python() -> Path:
    """The real interpreter under this process's environment, as /usr/bin/python3.11. Raises Problem if private."""
    python = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    # Accounts without any right of their own will run it, through every directory above it.
    if not all(place.stat().st_mode & 0o001 for place in (python, *python.parents)):
        raise Problem(
            f"the Python that runs the installer, {python}, can't be run by other accounts",
            "use the distribution's: sudo /usr/bin/python3 -m installer apply",
        )
    return python
