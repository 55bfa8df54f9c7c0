"""Turns at looking at passwords: so many at a time, and no more who wait than can be served while somebody does.

Some turns are kept for browsers that have logged in before. Anybody can fill the others, with names that nobody has.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_FOR_ONE = 3
"""Of the turns that are kept, for one account, those that wait included: or its owner could fill them alone."""


class Full(Exception):  # noqa: N818 - an answer, not an error
    """Too many wait already."""


class Turns:
    """The turns.

    anybody, known: how many at a time, for everybody and kept for browsers that are known. waiting: how many of
    everybody may wait.
    """

    def __init__(self, anybody: int, known: int, waiting: int = 100) -> None:
        self._anybody = asyncio.Semaphore(anybody)
        self._known = asyncio.Semaphore(known)
        self._most = waiting
        self._waiting = 0
        self._of_account: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, account: str, *, known: bool) -> AsyncIterator[None]:
        """Have a turn, once there is one. Raises Full.

        known: whether the browser has logged in to the account before.
        """
        # Whoever is known goes where there is room.
        if known and self._anybody.locked():
            async with self._kept(account):
                yield
            return
        if self._waiting >= self._most and self._anybody.locked():
            raise Full
        self._waiting += 1
        try:
            await self._anybody.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._anybody.release()

    @asynccontextmanager
    async def _kept(self, account: str) -> AsyncIterator[None]:
        if self._of_account[account] >= MOST_FOR_ONE:
            raise Full
        self._of_account[account] += 1
        try:
            async with self._known:
                yield
        finally:
            self._of_account[account] -= 1
            # Or there would be an entry for each account that ever was.
            if not self._of_account[account]:
                del self._of_account[account]
