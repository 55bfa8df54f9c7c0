"""What the engine tells while it installs, as a line now and then; and an end where it has nothing to tell any more."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

from rattler import InstallerReporter, RepoDataRecord

from installer.builder.answer import Failure, error, progress

_EVERY = 0.5
_PATIENCE = 300.0


class Reporter(InstallerReporter):
    """Counts packages and bytes. Its methods are called from the engine's threads, one at a time."""

    def __init__(self, missing: Sequence[RepoDataRecord], total: int) -> None:
        self._bytes_total = sum(record.size or 0 for record in missing)
        self._packages_total = total
        self._bytes: dict[int, int] = {}
        self._fetched = self._linked = 0
        self._told = 0.0
        self._heard = time.monotonic()
        self._watch = threading.Timer(_PATIENCE, self._give_up_where_silent)
        self._watch.daemon = True
        self._watch.start()

    def on_download_start(self, cache_entry: int) -> int:
        """Note that a package begins to come."""
        number = len(self._bytes)
        self._bytes[number] = 0
        return number

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        """Note how much of a package has come."""
        self._bytes[download_idx] = progress
        self._tell()

    def on_download_completed(self, download_idx: int) -> None:
        """Note that a package has come."""
        self._fetched += 1
        self._tell()

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        """Note that a package is unpacked."""
        self._tell()

    def on_link_complete(self, index: int) -> None:
        """Note that a package is in the prefix."""
        self._linked += 1
        self._tell()

    def on_transaction_complete(self) -> None:
        """Note that all is done."""
        self._watch.cancel()

    def _tell(self) -> None:
        self._heard = now = time.monotonic()
        if now - self._told < _EVERY:
            return
        self._told = now
        mb = 1_000_000
        fetched = f", {sum(self._bytes.values()) // mb} of {self._bytes_total // mb} MB fetched" if self._bytes else ""
        progress(f"{self._linked} of {self._packages_total} packages linked{fetched}")

    def _give_up_where_silent(self) -> None:
        # A connection that stalls without an end would keep the engine waiting for as long as that lasts.
        while (silent := time.monotonic() - self._heard) < _PATIENCE:
            time.sleep(_PATIENCE - silent)
        error(Failure("unreachable", f"nothing has come from the channel for {_PATIENCE:.0f} s"))
        os._exit(1)
