"""How long the hub did not answer, as its users see it: asked again and again while something is done to it."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import httpx

from installer.commands import health
from installer.features.site import Site

_EVERY = 0.25
_PATIENCE = 5.0
"""Seconds that an answer may take; a busy machine is slow, not down."""


class Downtime:
    """Measures while in the block, unless it is ended before; see `seconds`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._seconds = 0.0
        self._answered = False

    @property
    def seconds(self) -> float | None:
        """All in all, from its last answer to the next; None if it never answered."""
        return self._seconds if self._answered else None

    def __enter__(self) -> Downtime:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Measure no longer: what comes now is nothing that is done to the hub."""
        self._ended.set()
        self._thread.join()

    def _measure(self) -> None:
        last: float | None = None
        silent = False
        client: httpx.Client | None = None
        while not self._ended.is_set():
            asked = time.monotonic()
            client = client or self._client()
            if client is not None and self._answers(client):
                if silent and last is not None:
                    self._seconds += time.monotonic() - last
                silent, self._answered, last = False, True, asked
            else:
                silent = True
                if client is not None:
                    client.close()
                client = None  # the certificate may be another one now
            self._ended.wait(_EVERY)
        if client is not None:
            client.close()

    def _client(self) -> httpx.Client | None:
        try:
            return health.front(self._site)
        except OSError:
            return None  # there is no certificate yet

    def _answers(self, client: httpx.Client) -> bool:
        try:
            answer = health.ask(client, self._site, "hub/health", timeout=_PATIENCE)
        except (httpx.HTTPError, OSError):
            return False
        return answer.status_code == httpx.codes.OK
