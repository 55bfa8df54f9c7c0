"""Whoever opens somebody else's server is one line in the hub's journal.

A server asks the hub, with what its visitor has brought (a cookie's token, or one of a program's), who that is, and
does so again every five minutes. Here, and nowhere else, pass all who come in. Which server asks, the request doesn't
say; the kernel knows whose process is at the other end.
"""

from __future__ import annotations

import pwd
from typing import Any

from jupyterhub.apihandlers.users import SelfAPIHandler
from jupyterhub.scopes import Scope

from installer.hub.admins import REACH
from installer.hub.listener import client_uid


class WhoIs(SelfAPIHandler):  # type: ignore[misc]
    """JupyterHub's own, which notes the visit."""

    async def get(self) -> None:
        """Answer, having noted it: as long as the server waits, its end of the connection is there to be looked at."""
        if self._goes_visiting():
            self._note()
        await super().get()

    def _goes_visiting(self) -> bool:
        """Whether the token that was brought is good for others' servers than the visitor's own."""
        held = self.parsed_scopes.get(REACH, {})
        if held == Scope.ALL:
            return True
        name = self.current_user.name if self.current_user else ""
        users, servers = held.get("user", set()), held.get("server", set())
        own = users <= {name} and all(server.startswith(f"{name}/") for server in servers)
        return not own or bool(held.keys() - {"user", "server"})

    def _note(self) -> None:
        name, owner = self.current_user.name, self._asking_account()
        if owner not in ("", name) and self.find_user(owner) and self.has_scope(f"{REACH}!server={owner}/"):
            self.log.info("%s opens %s's server", name, owner)

    def _asking_account(self) -> str:
        """The account of the process that asks; "" where that isn't one of this machine's."""
        peer = self.request.connection.stream.socket.getpeername()
        uid = client_uid(str(peer[0]), int(peer[1]))
        try:
            return pwd.getpwuid(uid).pw_name if uid is not None else ""
        except KeyError:
            return ""


def noting(handlers: list[Any]) -> list[Any]:
    """The hub's table of handlers, with ours in the place of JupyterHub's."""
    return [(entry[0], WhoIs, *entry[2:]) if entry[1] is SelfAPIHandler else entry for entry in handlers]
