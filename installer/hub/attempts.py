"""How often somebody may be wrong before they have to wait. In memory; of people who have shown who they are."""

from __future__ import annotations

import time

MOST = 5
SECONDS = 600.0


class Attempts:
    """Wrong attempts of the last while, by name."""

    def __init__(self) -> None:
        self._failed: dict[str, list[float]] = {}

    def begin(self, name: str) -> float:
        """Seconds that somebody has to wait; 0 where they needn't: then one is noted as wrong, before it is looked at.

        Else many at once would all be looked at.
        """
        recent = self._recent(name)
        if len(recent) >= MOST:
            return recent[-MOST] + SECONDS - time.monotonic()
        self._failed[name] = [*recent, time.monotonic()]
        return 0.0

    def take_back(self, name: str) -> None:
        """Note that one wasn't wrong after all."""
        self._failed[name] = self._recent(name)[:-1]

    def forget(self, name: str) -> None:
        """Note that somebody was right."""
        self._failed.pop(name, None)

    def _recent(self, name: str) -> list[float]:
        oldest = time.monotonic() - SECONDS
        return [at for at in self._failed.get(name, ()) if at > oldest]
