"""What counts as activity of a member's server, and telling the hub of it in time.

Jupyter's server counts every request to its API, and JupyterLab sends them without end while a tab is open: with that
alone, a forgotten tab keeps a server for ever. A cell that computes for hours without a word, or a job in a
terminal, counts for nothing: such a server would be stopped at work. Here it is the other way round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import zmq
from jupyter_client.session import Session
from jupyter_server._tz import utcnow
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from traitlets import Bool, Float
from traitlets.config import LoggingConfigurable

from installer.hub.in_server.jobs import Computing, own_cgroup, processes, with_jobs
from installer.hub.in_server.polling import is_page, is_use_of_api, with_all
from installer.hub.in_server.shells import Shells

_A_LOT = 0.1
"""Of one processor: what an idle kernel, or a language server, stays well below."""
_STATUS = b"kernel."
"""What ipykernel, which alone has several shells, publishes its status under; what cells print isn't."""


class Watch(LoggingConfigurable):
    """Looks every few seconds at what is going on in this server."""

    every = Float(10.0, help="Seconds from one look to the next.").tag(config=True)
    tell_after = Float(300.0, help="What the hub knows may be older by so many seconds.").tag(config=True)
    spare_busy = Bool(True, help="Whether what computes is activity.").tag(config=True)
    spare_open = Bool(False, help="Whether an open tab is activity.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets'
        super().__init__(**kwargs)
        self._settings: dict[str, Any] = self._server.web_app.settings
        cgroup = own_cgroup()
        self._cgroup = cgroup
        self._computing = Computing(cgroup) if cgroup else None
        self._told: datetime | None = None
        self._telling: asyncio.Task[None] | None = None
        # Kernels that run are culled by this, too, whether or not the server is.
        kernels = self._settings["kernel_manager"]
        kernels.untracked_message_types = with_all(kernels.untracked_message_types)
        self._shells: dict[str, tuple[Shells, Callable[[], None]]] = {}
        self._follow(kernels)
        if not self.spare_open:
            _count_what_people_do()

    @property
    def _server(self) -> Any:  # noqa: ANN401 - Jupyter's
        return self.parent

    async def keep_looking(self) -> None:
        """Look, tell, wait; for as long as the server runs."""
        while True:
            try:
                self.look(utcnow())
            except Exception:
                self.log.exception("Could not look at what is going on in this server")
            await asyncio.sleep(self.every)

    def look(self, now: datetime) -> None:
        """Note what is going on, where Jupyter's server looks for it (`*_last_activity`), and tell the hub."""
        for name in [name for name in self._shells if name not in self._settings["kernel_manager"]]:
            self._shells.pop(name)[1]()  # of a kernel that was not shut down, but died
        if self.spare_busy and self.is_busy(now):
            self._settings["busy_last_activity"] = now
        if self.spare_open and self.is_open():
            self._settings["open_last_activity"] = now
        if self._is_news(now):
            self._telling = asyncio.ensure_future(self._tell())

    # --- what is going on ------------------------------------------------------------------------
    def is_busy(self, now: datetime) -> bool:
        """Whether a kernel is busy, a terminal has a job, or something else computes."""
        computing = self._computing.share() > _A_LOT if self._computing else False
        busy = any(kernel["execution_state"] == "busy" for kernel in self._kernels()) or self._shells_at_work(now)
        terminals = self._terminals()
        at_work = with_jobs(_shells(terminals), processes(self._cgroup)) if self._cgroup and terminals else set()
        for name in at_work:
            # Terminals are culled by this, which else is the time of the last output.
            terminals[name].last_activity = now
        return computing or busy or bool(at_work)

    def _shells_at_work(self, now: datetime) -> bool:
        """Whether a kernel is busy that Jupyter's server may take for idle."""
        kernels = self._settings["kernel_manager"]
        at_work = [name for name, (shells, _) in self._shells.items() if shells.busy]
        for name in at_work:
            # Kernels are culled by this, which else is the time of what they said last.
            kernels.get_kernel(name).last_activity = now
        return bool(at_work)

    def _follow(self, kernels: Any) -> None:  # noqa: ANN401 - Jupyter's
        """Hear what kernels say for as long as their server does."""
        start, stop = kernels.start_watching_activity, kernels.stop_watching_activity

        def started(name: str) -> None:
            start(name)
            shells = Shells(kernels.track_message_type)
            self._shells[name] = shells, _listen(kernels.get_kernel(name), shells)

        def stopped(name: str) -> None:
            stop(name)
            if name in self._shells:
                self._shells.pop(name)[1]()

        kernels.start_watching_activity, kernels.stop_watching_activity = started, stopped

    def is_open(self) -> bool:
        """Whether a tab is connected to a kernel or a terminal."""
        connected = any(kernel["connections"] for kernel in self._kernels())
        return connected or any(terminal.clients for terminal in self._terminals().values())

    def _kernels(self) -> list[dict[str, Any]]:
        """As Jupyter's API tells of them."""
        return list(self._settings["kernel_manager"].list_kernels())

    def _terminals(self) -> Mapping[str, Any]:
        manager = self._settings.get("terminal_manager")
        return {} if manager is None else dict(manager.terminals)

    # --- telling the hub -------------------------------------------------------------------------
    def _is_news(self, now: datetime) -> bool:
        """Whether something was done since what the hub knows of, and that is long ago.

        Who comes back after a long time is told of at once, before the hub takes the server for idle.
        """
        if self._telling is not None and not self._telling.done():
            return False
        latest: datetime = self._server.web_app.last_activity()
        if self._told is None:
            # Starting a server is activity, which the hub notes itself.
            self._told = latest
        return latest > self._told and now - self._told >= timedelta(seconds=self.tell_after)

    async def _tell(self) -> None:
        latest = self._server.web_app.last_activity()
        points = self._server.extension_manager.extension_points.values()
        for hub in (point.app for point in points if hasattr(point.app, "notify_activity")):
            await hub.notify_activity()
        self._told = latest


def _shells(terminals: Mapping[str, Any]) -> dict[str, int]:
    return {name: terminal.ptyproc.pid for name, terminal in terminals.items()}


def _listen(kernel: Any, shells: Shells) -> Callable[[], None]:  # noqa: ANN401 - Jupyter's
    """Have them hear a kernel of Jupyter's server. Returns what ends that."""
    session = Session(config=kernel.session.config, key=kernel.session.key)
    stream = kernel.connect_iopub()
    stream.socket.setsockopt(zmq.UNSUBSCRIBE, b"")
    stream.socket.setsockopt(zmq.SUBSCRIBE, _STATUS)

    def hear(parts: list[Any]) -> None:
        shells.hear(session.deserialize(session.feed_identities(parts)[1]))

    stream.on_recv(hear)

    def end() -> None:
        if not stream.closed():
            stream.close()

    return end


def _count_what_people_do() -> None:
    """Have what an open tab asks the server all the time not count as activity, and the opening of pages count.

    Jupyter's server goes by its API alone, and takes each request to it for activity.
    """
    count = APIHandler.update_api_activity

    def update_api_activity(handler: APIHandler) -> None:
        request = handler.request
        if is_use_of_api(request.method, request.path, handler.base_url, request.query_arguments):
            count(handler)

    def on_finish(handler: JupyterHandler) -> None:
        # Who isn't logged in has only been sent to the hub.
        known = getattr(handler, "_jupyter_current_user", None) is not None
        request = handler.request
        page = is_page(request.method, request.headers.get("Accept", ""))
        if known and page and not isinstance(handler, APIHandler):
            handler.settings["page_last_activity"] = utcnow()

    APIHandler.update_api_activity = update_api_activity
    JupyterHandler.on_finish = on_finish
