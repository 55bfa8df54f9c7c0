"""Members' servers as services of systemd's, each started by the root helper behind jupyterhub-start.socket.

The hub sends a name and an environment, and has no other right. A server goes on being the same one through restarts
of the hub, since what is noted of it is its control group, which no other process gets into.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port
from traitlets import Unicode

from installer.hub.control_groups import runs, scope_of
from installer.hub.starting import NotStarted, have_done, until_it_listens

HELPER_SECONDS = 110
"""Less than the helper's unit gives it."""

REASONS = {
    "oom-kill": "it needed more memory than it may have, and was stopped",
    "timeout": "it was stopped at the end of the time that it may run",
    "signal": "it was killed, most likely because memory had run out",
    "core-dump": "it crashed",
}
"""What systemd's results (systemd.exec(5), $SERVICE_RESULT) mean to people."""


class UnitSpawner(Spawner):  # type: ignore[misc]
    """A member's server, in a service of its own in the member's slice."""

    socket_path = Unicode("/run/jupyterhub-start.sock", help="Socket of the helper that starts servers.").tag(
        config=True
    )
    users_slice = Unicode("jupyterusers.slice", help="The slice that holds all servers.").tag(config=True)

    pid: int | None = None
    born: int | None = None
    """When that process began (see process_birth): not for this spawner, but for MemberSpawner, should it be next."""

    group: str = ""
    """The server's control group (see control_groups)."""

    ends: ClassVar[dict[tuple[str, str], str]] = {}
    """How servers ended, by person and server, if not in good order: for the next start, whose spawner is another."""

    @property
    def started_by_sudo(self) -> bool:
        """Whether the server is one that MemberSpawner has started, in a scope of its own."""
        return self.group.endswith(".scope")

    async def do(self, action: str, **more: object) -> dict[str, Any]:
        """Have the helper carry out one action. Raises NotStarted."""
        question = {"action": action, "user": self.user.name, "server": self.name, **more}
        if self.started_by_sudo and action != "start":
            question["pid"] = self.pid
        return await have_done(self, "jupyterhub-start", action, question, seconds=HELPER_SECONDS)

    async def start(self) -> tuple[str, int]:
        """Start the server and return its address as soon as it listens there."""
        self.port = random_port()
        reply = await self.do("start", environment=self.get_env(), arguments=self.get_args())
        self.pid, self.born, self.group = reply["pid"], reply["born"], reply["group"]
        if reply["left_out"]:
            self.log.warning(
                "Not in the environment of %s's server: %s. Name them in spawner.environment of the installer's config",
                self.user.name, ", ".join(reply["left_out"]),
            )  # fmt: skip
        return await until_it_listens(self, self.ip or "127.0.0.1", self.port)

    async def poll(self) -> int | None:
        """None while the server runs, else how it ended, which is asked for once."""
        if self.pid is None:
            return 0
        if runs(self.group, self.pid):
            return None
        return 0 if self.started_by_sudo else await self._end()

    async def _end(self) -> int:
        """What systemd says of the end."""
        try:
            reply = await self.do("ended")
        except NotStarted:
            return 0  # told of in the log; that it doesn't run is known
        reason = REASONS.get(reply["result"])
        if reason:
            self.ends[self.user.name, self.name] = reason
            self.log.warning("The server of %s ended: %s (%s)", self.user.name, reason, reply["result"])
        return int(reply["status"])

    async def stop(self, now: bool = False) -> None:
        """Stop the server, and return when nothing is left of it."""
        if self.pid is not None:
            await self.do("stop")

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """What the page that waits for the start says: what became of the server before, if that matters."""
        reason = self.ends.pop((self.user.name, self.name), None)
        if reason:
            yield {"progress": 10, "message": f"Your last server did not end by itself: {reason}."}
        yield {"progress": 50, "message": "Starting your server ..."}

    def get_state(self) -> dict[str, Any]:
        """What has to outlive a restart of the hub; MemberSpawner can take up from it, too."""
        state = super().get_state()
        if self.pid is not None:
            state |= {"pid": self.pid, "born": self.born, "group": self.group}
        return dict(state)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what the hub before this one noted, be it of a server that sudo started."""
        super().load_state(state)
        self.pid, self.born = state.get("pid"), state.get("born")
        self.group = state.get("group", "")
        if self.pid is not None and not self.group:
            self.group = scope_of(self.user.name, self.pid, self.users_slice)

    def clear_state(self) -> None:
        """Forget the server."""
        super().clear_state()
        self.pid, self.born, self.group = None, None, ""
