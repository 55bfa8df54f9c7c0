"""How fast passwords may be tried: for each account, and for each place they are tried from. Pure, but for a clock.

The first few tries are free; after that each has to wait longer than the one before it, up to a bound. Nothing is ever
closed for good, and nobody can close an account for its owner where they have logged in before: a browser that has done
so is counted by itself. What comes from elsewhere is counted twice, for its address, and for all such addresses
together.
"""

from __future__ import annotations

import hashlib
import ipaddress
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MOST = 10_000
"""Counts that are kept; beyond, those with the fewest failures go first."""

FORGOTTEN_AFTER = 3600.0
"""Seconds without a failure after which a count begins anew."""


@dataclass(frozen=True)
class Pace:
    """How a count slows tries. free: how many needn't wait. longest: seconds, at most, between two."""

    free: int
    longest: float

    def pause(self, failures: int) -> float:
        """Seconds until the next one may be tried."""
        beyond = failures - self.free
        return 0.0 if beyond < 0 else min(self.longest, 2.0 ** min(beyond, 30))


BROWSER = Pace(free=10, longest=60.0)
"""A browser that has logged in to that account before."""
ADDRESS = Pace(free=5, longest=300.0)
"""One address, for one account."""
STRANGERS = Pace(free=10, longest=30.0)
"""All of them together, for one account."""


class TooSoon(Exception):  # noqa: N818 - an answer, not an error
    """This one is not looked at. seconds: when another try may be made."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong passwords; next try in {seconds:.0f} s")
        self.seconds = seconds


@dataclass
class _Count:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


_Key = tuple[str, bytes, str]


class Guesses:
    """The counts, in memory alone: a restart of the hub forgets them. For many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._counts: dict[_Key, _Count] = {}
        self._lock = threading.Lock()

    def begin(self, account: str, address: str, browser: str | None) -> tuple[_Key, ...]:
        """Count a try before its password is looked at, or many at once would all be free. Raises TooSoon.

        browser: of one that has logged in to the account before. Returns what `right` takes.
        """
        # Names may be as long as a request: what is kept is as long as any other.
        name = hashlib.sha256(account.encode(errors="surrogatepass")).digest()
        if browser is not None:
            paces = {("browser", name, browser): BROWSER}
        else:
            paces = {("address", name, network_of(address)): ADDRESS, ("strangers", name, ""): STRANGERS}
        with self._lock:
            now = self._clock()
            counts = {key: self._current(key, now) for key in paces}
            wait = max(count.until - now for count in counts.values())
            if wait > 0:
                raise TooSoon(wait)
            for key, count in counts.items():
                count.failures += 1
                count.last = now
                count.until = now + paces[key].pause(count.failures)
                self._keep(key, count)
        return tuple(counts)

    def right(self, turn: Iterable[_Key]) -> None:
        """The password was right, or couldn't be looked at: what was counted for it counts no more."""
        with self._lock:
            for key in turn:
                self._counts.pop(key, None)

    def not_looked_at(self, turn: Iterable[_Key]) -> None:
        """Nobody could say whether it was right: this one try counts no more."""
        with self._lock:
            for key in turn:
                if key in self._counts:
                    self._counts[key].failures -= 1
                    self._counts[key].until = 0.0

    def _current(self, key: _Key, now: float) -> _Count:
        count = self._counts.get(key)
        return count if count is not None and now - count.last < FORGOTTEN_AFTER else _Count()

    def _keep(self, key: _Key, count: _Count) -> None:
        if key not in self._counts and len(self._counts) >= self._most:
            # Not the oldest: else a flood of other names would make an attacked account's count go.
            del self._counts[min(self._counts, key=lambda each: (self._counts[each].failures, self._counts[each].last))]
        self._counts[key] = count


def alike(name: str) -> str:
    """A name as a directory compares it: case, width, ligatures and blanks are nothing to it, and no new count."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(plain.split())


def network_of(address: str) -> str:
    """An address, or of IPv6 the network that one customer has, whose addresses are as many as anybody likes."""
    try:
        there = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(there, ipaddress.IPv6Address):
        return str(there.ipv4_mapped or ipaddress.ip_network((there, 64), strict=False))
    return str(there)
