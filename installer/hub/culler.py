"""Stop idle servers: jupyterhub-idle-culler, with the config's rules for its verdict, in a loop of ours.

Its own loop prints its token, as part of a traceback, whenever the hub is away for a moment.

usage: python -I -m installer.hub.culler --url HUB_API_URL --rules FILE
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jupyterhub_idle_culler import cull_idle, parse_date

from installer.hub import credentials
from installer.hub.culling import End, Rules, end_of, groups_of, in_words, read_rules

log = logging.getLogger("culler")

SETTLING = 60
"""Seconds that servers have to tell a hub that was away what was done in the meantime."""


class OneLine(logging.Formatter):
    """Exceptions as their type and message: a traceback is no use in a journal, and may quote secrets."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Nothing beyond the line that `format` makes."""
        del ei
        return ""

    def format(self, record: logging.LogRecord) -> str:
        """The message, and the exception behind it."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {describe(record.exc_info[1])}"
        return " ".join(text.split())


def describe(error: BaseException) -> str:
    """An exception in a few words."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class Judge:
    """Says of each server whether it is to be stopped now, and warns of it before."""

    def __init__(self, rules: Rules, groups: Callable[[str], frozenset[str] | None] = groups_of) -> None:
        self._rules = rules
        self._groups = groups
        self._warned: set[str] = set()

    def __call__(self, *, inactive: timedelta, server: Mapping[str, Any], **_: object) -> bool:
        """The library's question (cull_arbiter)."""
        user = server["full_name"].partition("/")[0]
        limits = self._rules.limits_of(user, self._groups(user) if self._rules.groups else frozenset())
        started = server.get("started")
        age = (datetime.now(timezone.utc) - parse_date(started)).total_seconds() if started else None
        end = end_of(limits, inactive.total_seconds(), age)
        name = server["full_name"].removesuffix("/")
        if end is None or end.left > 0:
            self._warn(name, end)
            return False
        self._warned.discard(name)
        log.info("stopping the server of %s: %s", name, end.why)
        return True

    def _warn(self, name: str, end: End | None) -> None:
        """Tell once of a server whose end is near; again, if somebody has come back in between."""
        # A limit that is shorter than the warning would have it told of all the time.
        if end is None or end.left > min(self._rules.warning, end.limit / 2):
            self._warned.discard(name)
        elif name not in self._warned:
            self._warned.add(name)
            log.warning("the server of %s will be stopped in %s: %s", name, in_words(end.left), end.why)


async def look_again_and_again(url: str, rules: Rules, token: str) -> None:
    """Wait, cull, and so on."""
    judge = Judge(rules)
    # What the library says of a verdict, the judge has said already, with its reason.
    quiet = log.getChild("library")
    quiet.setLevel(logging.WARNING)
    while True:
        # First of all: what was done while the hub was away is told to it now.
        await asyncio.sleep(min(rules.every, SETTLING))
        try:
            await cull_idle(url=url, api_token=token, inactive_limit=0, cull_arbiter=judge, logger=quiet)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look may go well
            log.warning("could not look for idle servers, next try in %d s: %s", rules.every, describe(error))
        await asyncio.sleep(max(0, rules.every - SETTLING))


def main() -> None:
    """Run until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--rules", required=True, type=Path)
    options = parser.parse_args()
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    rules = read_rules(options.rules)
    log.info("looking every %s for servers whose time is up", in_words(rules.every))
    asyncio.run(look_again_and_again(options.url, rules, credentials.read("culler_token")))


if __name__ == "__main__":
    main()
