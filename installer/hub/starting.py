"""What both ways of starting servers have in common: asking a helper, the wait for the port, what people are told."""

from __future__ import annotations

import asyncio
import pwd
import time
from typing import Any

from installer.hub.helper import HelperUnreachable, ask
from installer.hub.home_trouble import unusable
from installer.hub.listener import listener_uid

PORT_EVERY = 0.03


class NotStarted(Exception):  # noqa: N818 - told to the person who waits
    """The server did not start; JupyterHub shows the message to its owner."""

    @property
    def jupyterhub_message(self) -> str:
        """What the progress page says."""
        return str(self)


async def have_done(
    spawner: Any,  # noqa: ANN401 - either spawner
    helper: str,
    action: str,
    question: dict[str, Any],
    *,
    seconds: float,
) -> dict[str, Any]:
    """Have a root helper carry out one action, and return its answer. Raises NotStarted, HomeUnusable.

    helper: what its units are called. seconds: how long it may take.
    """
    try:
        reply = await ask(spawner.socket_path, question, seconds=seconds)
    except HelperUnreachable as error:
        spawner.log.error(  # noqa: TRY400 - the cause is in the message
            "No server can be started or stopped: %s. See: systemctl status %s.socket", error, helper
        )
        raise NotStarted("Servers can't be started at the moment. Please tell the administrator.") from None
    if not reply.get("ok"):
        if told := unusable(spawner.user.name, reply.get("status")):
            raise told
        spawner.log.error("%s for %s failed: %s", action, spawner.user.name, reply.get("error"))
        raise NotStarted(
            f"That did not work: {reply.get('error')}. The administrator can see why: journalctl -u '{helper}@*'"
        )
    return reply


async def until_it_listens(spawner: Any, ip: str, port: int) -> tuple[str, int]:  # noqa: ANN401 - either spawner
    """Return a server's address as soon as it listens there.

    JupyterHub's own wait for the port backs off to seconds; this one looks often.
    """
    name = spawner.user.name
    uid = pwd.getpwnam(name).pw_uid
    deadline = time.monotonic() + spawner.http_timeout
    status = None
    while time.monotonic() < deadline and (status := await spawner.poll()) is None:
        listener = listener_uid(ip, port)
        if listener == uid:
            return ip, port
        if listener is not None:
            # Between the choice of the port and the server's start, any account can take it. Whoever listens there
            # would be sent this user's requests, cookies and all.
            spawner.log.error("Port %d, meant for %s's server, was taken by uid %d", port, name, listener)
            raise NotStarted("Your server's port was taken by another program. Please start it again.")
        await asyncio.sleep(PORT_EVERY)
    raise unusable(name, status) or NotStarted(
        "Your server ended, or did not answer, while it was starting. "
        f"The administrator can see why: journalctl -t jupyter-{name}"
    )
