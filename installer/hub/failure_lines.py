"""One line of the log for each login that failed, or home that a server can't be started in (see home_trouble).

JupyterHub and tornado have up to three more of their own.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from installer.hub.home_trouble import HomeUnusable

_ANSWERED = re.compile(r"(?:403|429) POST \S*/hub/login[\s?]")
"""Of the login form: what was wrong with it is a line of its own already."""

_TOLD_OF_HOME = re.compile(r"(?:Error starting server |Previous spawn for |400 (?:GET|POST) /).*: the home of \S+, ")
"""The pages and the request that the start was for: what is wrong with the home is a line of its own already."""


class OneLine(logging.Filter):
    """Drops what is said again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is to be written."""
        if record.msg == "Failed login for %r":
            return False
        said = record.getMessage()
        return not (_ANSWERED.match(said) or _TOLD_OF_HOME.match(said))


def leave_out_homes(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For asyncio, of an exception that nobody has waited for: where a page comes before it is known, JupyterHub's."""
    if not isinstance(context.get("exception"), HomeUnusable):
        loop.default_exception_handler(context)
