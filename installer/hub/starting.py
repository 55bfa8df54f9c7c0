"""What both ways of starting servers have in common: the wait for the port, and what people are told."""

from __future__ import annotations

import asyncio
import pwd
import time
from typing import Any

from installer.hub.listener import listener_uid

PORT_EVERY = 0.03


class NotStarted(Exception):  # noqa: N818 - told to the person who waits
    """The server did not start; JupyterHub shows the message to its owner."""

    @property
    def jupyterhub_message(self) -> str:
        """What the progress page says."""
        return str(self)


async def until_it_listens(spawner: Any, ip: str, port: int) -> tuple[str, int]:  # noqa: ANN401 - either spawner
    """Return a server's address as soon as it listens there.

    JupyterHub's own wait for the port backs off to seconds; this one looks often.
    """
    name = spawner.user.name
    uid = pwd.getpwnam(name).pw_uid
    deadline = time.monotonic() + spawner.http_timeout
    while time.monotonic() < deadline and await spawner.poll() is None:
        listener = listener_uid(ip, port)
        if listener == uid:
            return ip, port
        if listener is not None:
            # Between the choice of the port and the server's start, any account can take it. Whoever listens there
            # would be sent this user's requests, cookies and all.
            spawner.log.error("Port %d, meant for %s's server, was taken by uid %d", port, name, listener)
            raise NotStarted("Your server's port was taken by another program. Please start it again.")
        await asyncio.sleep(PORT_EVERY)
    raise NotStarted("Your server ended, or did not answer, while it was starting. "
                     f"The administrator can see why: journalctl -t jupyter-{name}")  # fmt: skip
