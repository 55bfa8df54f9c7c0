"""Whether anything answers where the channels are: known in seconds, before the engine tries for minutes."""

from __future__ import annotations

import http.client
import os
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rattler import Channel

from installer.builder.answer import Failure

_SECONDS = 7.0


def check(channels: Sequence[str]) -> None:
    """Raise Failure unless something answers for every channel; what it answers is for the engine to judge."""
    answers: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
    waiting = {Channel(each).base_url for each in channels}
    for base in waiting:
        # A resolver without a server waits for longer than we do; threads that are left hanging end with the process.
        threading.Thread(target=lambda base=base: answers.put((base, _problem(base))), daemon=True).start()
    deadline = time.monotonic() + _SECONDS
    silent = set(waiting)
    while silent:
        try:
            base, problem = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise _unreachable(min(silent), f"no answer within {_SECONDS:.0f} s") from None
        if problem:
            raise _unreachable(base, problem)
        silent.remove(base)


def _unreachable(base: str, why: str) -> Failure:
    return Failure("unreachable", f"no answer from the channel {base}", why)


def _problem(base: str) -> str | None:
    parts = urlsplit(base)
    if parts.scheme == "file":
        directory = Path(unquote(parts.path)) / "noarch"
        readable = os.access(directory, os.R_OK | os.X_OK)
        return None if readable else f"there is no directory {directory} that this account can read"
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if parts.scheme not in {"http", "https"} or proxy.startswith("socks"):
        return None  # only the engine can talk to it
    through = urllib.request.build_opener(urllib.request.ProxyHandler({parts.scheme: proxy} if proxy else {}))
    try:
        with through.open(f"{base}noarch/repodata.json.zst", timeout=_SECONDS):
            return None
    except urllib.error.HTTPError:
        return None
    except urllib.error.URLError as error:
        return None if isinstance(error.reason, ssl.SSLError) else str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        return str(error)
