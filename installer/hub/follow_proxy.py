"""Give a restarted proxy its routes back at once.

A configurable-http-proxy that was restarted on its own knows no routes, and JupyterHub looks only every five minutes;
until then users meet redirect loops. A new proxy has a new API socket: that can be seen without asking it anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

EVERY = 0.25


def identity(api_socket: Path) -> tuple[int, int] | None:
    """What is different when the socket was made anew; None if there is none."""
    try:
        status = api_socket.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


async def follow_proxy(api_socket: Path, add_routes: Callable[[], Awaitable[object]], log: logging.Logger) -> None:
    """Call add_routes each time the proxy has come back, for ever."""
    known = identity(api_socket)
    while True:
        await asyncio.sleep(EVERY)
        seen = identity(api_socket)
        if seen is None or seen == known:
            continue
        log.info("The proxy was restarted, adding its routes again")
        try:
            await add_routes()
        except Exception as error:  # noqa: BLE001 - a proxy that went away again; it is looked at again in a moment
            log.warning("The proxy did not take its routes: %s", error)
        else:
            known = seen
