"""The secrets systemd hands to a unit (LoadCredential=): files in memory that only the unit's own account reads."""

from __future__ import annotations

import os
from pathlib import Path


def read(name: str) -> str:
    """The secret of that name, without the newline at its end."""
    return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / name).read_text().strip()
