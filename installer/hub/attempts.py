"""How often somebody may be wrong before they have to wait. In memory; of people who have shown who they are."""

from __future__ import annotations

import time

MOST = 5
SECONDS = 600.0


class Attempts:
    """Wrong attempts of the last while, by name."""

    def __init__(self) -> None:
        self._failed: dict[str, list[float]] = {}

    def wait(self, name: str) -> float:
        """For how many seconds somebody has to wait; 0 where they needn't."""
        recent = self._recent(name)
        return recent[-MOST] + SECONDS - time.monotonic() if len(recent) >= MOST else 0.0

    def failed(self, name: str) -> None:
        """Note a wrong one."""
        self._failed[name] = [*self._recent(name), time.monotonic()]

    def forget(self, name: str) -> None:
        """Note that somebody was right."""
        self._failed.pop(name, None)

    def _recent(self, name: str) -> list[float]:
        oldest = time.monotonic() - SECONDS
        return [at for at in self._failed.get(name, ()) if at > oldest]
