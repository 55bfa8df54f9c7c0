"""SudoSpawner for a hub that is sandboxed itself: the sudo is done by the helper behind jupyterhub-sudo.socket."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sudospawner import SudoSpawner
from traitlets import Unicode

from installer.hub.control_groups import left_by, runs, scope_of
from installer.hub.process_birth import birth
from installer.hub.starting import NotStarted, have_done, until_it_listens

HELPER_SECONDS = 130
"""A little longer than the helper gives itself and the mediator."""


class MemberSpawner(SudoSpawner):  # type: ignore[misc]
    """A member's server, started by sudospawner as the member, in a scope of the member's own."""

    socket_path = Unicode("/run/jupyterhub-sudo.sock", help="Socket of the helper that runs sudo.").tag(config=True)
    users_slice = Unicode("jupyterusers.slice", help="The slice that holds all servers.").tag(config=True)

    born: int | None = None
    """Birth of the process `pid` (see process_birth)."""

    async def do(self, action: str, **kwargs: object) -> dict[str, Any]:
        """Have sudospawner's mediator carry out one action."""
        question = {"user": self.user.name, "request": {"action": action, **kwargs}}
        return await have_done(self, "jupyterhub-sudo", action, question, seconds=HELPER_SECONDS)

    async def start(self) -> tuple[str, int]:
        """Start the server and return its address as soon as it listens there."""
        ip, port = await super().start()
        self.born = birth(self.pid)
        return await until_it_listens(self, ip, port)

    async def poll(self) -> int | None:
        """None while the server runs; where it has ended, however that came, nothing is left of it."""
        pid = self.pid
        status: int | None = await super().poll()
        # As with systemd's services: what went on would hold its person's memory, out of everybody's sight.
        if status is not None and pid and left_by(pid, self._scope(pid)):
            with suppress(NotStarted):  # told of in the log; the server itself is gone
                await self.do("end", pid=pid)
        return status

    async def _signal(self, sig: int) -> bool:
        """Whether the process was there; sig 0 only looks."""
        # An id that went to another process (after a reboot, say) is not ours to wait for, nor to kill.
        now = birth(self.pid)
        other = now is None or (self.born is not None and now != self.born)
        # In containers without rights, /proc may be the system's own, which may hide processes (hidepid=2).
        if other and not runs(self._scope(self.pid), self.pid):
            return False
        return True if sig == 0 else bool(await super()._signal(sig))

    def _scope(self, pid: int) -> str:
        """The control group of its own that a server was put into."""
        return scope_of(self.user.name, pid, self.users_slice)

    def get_state(self) -> dict[str, Any]:
        """What has to outlive a restart of the hub."""
        return {**super().get_state(), "born": self.born}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what the hub before this one noted."""
        super().load_state(state)
        self.born = state.get("born")

    def clear_state(self) -> None:
        """Forget the process."""
        super().clear_state()
        self.born = None
