"""One line of the log for each login that failed: JupyterHub and tornado have up to three more of their own."""

from __future__ import annotations

import logging
import re

_ANSWERED = re.compile(r"(?:403|429) POST \S*/hub/login[\s?]")
"""Of the login form: what was wrong with it is a line of its own already."""


class OneLine(logging.Filter):
    """Drops what is said again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is to be written."""
        if record.msg == "Failed login for %r":
            return False
        return not _ANSWERED.match(record.getMessage())
