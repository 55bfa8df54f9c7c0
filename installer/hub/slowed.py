"""Logins with a password, slowed: what every authenticator that looks at passwords has them go through.

Each failure is one line of the log, which names the address first: what a program such as fail2ban reads.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from logging import Logger, LoggerAdapter
from typing import Any

from tornado import web

from installer.hub.guessing import Guesses, TooSoon
from installer.hub.turns import Full, Turns

DAYS = 90
"""For so long is a browser known as one that has logged in."""

FAILURE_SECONDS = 3.0
"""Every refusal takes this long, so that time tells nothing about the cause. Nobody else waits for it."""

FULL_SECONDS = 5
"""After so many may somebody try again for whom there was no room; a queue is shorter than that, as a rule."""

FAILED = "Failed login from %s: %.64r: %s"
"""The one line. Nothing that a visitor has typed comes before the address, and nothing of it is taken as it is."""


class WrongPassword(Exception):  # noqa: N818 - an answer, not an error
    """Name and password don't go together; the message says why, in one line, for the log."""


class TooMany(web.HTTPError):
    """What those are told who have to wait."""

    def __init__(self, seconds: float) -> None:
        wait = math.ceil(seconds)
        said = f"{wait} seconds" if wait < 100 else f"{math.ceil(wait / 60)} minutes"  # noqa: PLR2004 - as people count
        super().__init__(429, f"Too many wrong passwords were tried for this account. Please try again in {said}.")
        self.headers = {"Retry-After": str(wait)}


class NoRoom(web.HTTPError):
    """What those are told for whom there is no room in the queue."""

    def __init__(self) -> None:
        super().__init__(429, f"Too many people are logging in. Please try again in {FULL_SECONDS} seconds.")
        self.headers = {"Retry-After": str(FULL_SECONDS)}


class Slowed:
    """The way to a password check, of one authenticator. turns: those that it has."""

    def __init__(self, log: Logger | LoggerAdapter[Any], turns: Turns) -> None:
        self._log = log
        self._turns = turns
        self._guesses = Guesses()

    async def check(
        self,
        handler: Any,  # noqa: ANN401 - JupyterHub's, untyped
        name: str,
        look: Callable[[Callable[[str], None]], Awaitable[dict[str, Any] | None]],
    ) -> dict[str, Any] | None:
        """Have a password looked at, if it is time; None where it is wrong. Raises HTTPError.

        name: the account's, as it is compared. look: looks; raises WrongPassword, or HTTPError for what is no matter
        of the password: with a status of 500 or more nobody could look at it, with another it was right. It is given
        what has the try counted once more, by whose password it is, where several names may lead there; which may
        raise TooSoon.
        """
        address = str(handler.request.remote_ip)
        known = _browser(handler, name)
        try:
            counted = [*self._guesses.begin(name, address, known)]
        except TooSoon as too_soon:
            raise self._too_many(address, name, too_soon) from None

        def count(whose: str) -> None:
            # With a blank in front, which no name has: apart from all that is typed.
            counted.extend(self._guesses.begin(f" {whose}", address, known))

        began = time.monotonic()
        try:
            async with self._turns.one(name, known=known is not None):
                # From here on: how long the queue was depends on nobody's name.
                began = time.monotonic()
                found = await look(count)
        except TooSoon as too_soon:
            self._guesses.not_looked_at(counted)
            raise self._too_many(address, name, too_soon) from None
        except Full:
            self._guesses.not_looked_at(counted)
            self._log.warning("Login from %s not looked at: %.64r: too many at once", address, name)
            raise NoRoom from None
        except WrongPassword as why:
            # With the turn given back: else a few who are wrong would keep all others waiting.
            await asyncio.sleep(max(0.0, began + FAILURE_SECONDS - time.monotonic()))
            self._log.warning(FAILED, address, name, why)
            return None
        except web.HTTPError as error:
            if error.status_code < 500:  # noqa: PLR2004 - HTTP's
                self._guesses.right(counted)
            else:
                self._guesses.not_looked_at(counted)
            raise
        self._guesses.right(counted)
        if known is None:
            _remember(handler, name)
        return found

    def _too_many(self, address: str, name: str, too_soon: TooSoon) -> TooMany:
        self._log.warning(FAILED, address, name, too_soon)
        return TooMany(too_soon.seconds)


def _browser(handler: Any, name: str) -> str | None:  # noqa: ANN401 - JupyterHub's
    """Which of the browsers it is that have logged in to the account before; None for all others."""
    known: bytes | None = handler.get_signed_cookie(_cookie(name), max_age_days=DAYS)
    return None if known is None else known.decode()


def _remember(handler: Any, name: str) -> None:  # noqa: ANN401 - JupyterHub's
    """Have the browser show, next time, that it has logged in. It opens nothing: it is counted by itself, no more."""
    handler.set_signed_cookie(
        _cookie(name),
        secrets.token_hex(16),
        expires_days=DAYS,
        path=handler.hub.base_url,
        httponly=True,
        secure=True,
        samesite="Lax",
    )


def _cookie(name: str) -> str:
    """One for each account. The name of a cookie is part of what is signed: it is of no use for another account."""
    return f"jupyterhub-known-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:16]}"
