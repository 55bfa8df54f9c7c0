"""What the config shares, as a member finds it: links in the home, variables for kernels and terminals.

Made by the member's own process: root never touches a home, and no link of a member's leads it anywhere.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path


def prepare(home: Path, links: Mapping[str, str], variables: Mapping[str, str], log: logging.Logger) -> None:
    """See that what is shared is there; what goes wrong is told, and the server starts all the same.

    links: directories by the name of the link to each. variables: by the environment variable that leads to each.
    """
    for variable, path in variables.items():
        os.environ.setdefault(variable, path)
    for name, path in links.items():
        # Who isn't in its group has no use for a link.
        if os.access(path, os.R_OK | os.X_OK):
            make_link(home / name, path, log)


def make_link(place: Path, path: str, log: logging.Logger) -> None:
    """Link one; what is there already stays."""
    try:
        place.symlink_to(path)
    except FileExistsError:
        if not (place.is_symlink() and os.readlink(place) == path):  # noqa: PTH115 - as it stands there
            log.warning("%s is there already, and was left: what is shared is in %s", place, path)
    except OSError as error:
        log.warning("%s can't be linked to %s: %s", place, path, error.strerror)
