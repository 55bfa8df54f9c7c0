"""JupyterHub as it runs under systemd: tells it when it answers, and tells a bad config in one line.

usage: python -I -m installer.hub.app --config FILE      (as the unit does)
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyterhub.app import JupyterHub

from installer.hub import admins, visits
from installer.hub import config as hub_config
from installer.hub.failure_lines import OneLine, leave_out_homes
from installer.hub.follow_proxy import follow_proxy
from installer.hub.logins import with_logins
from installer.hub.redact import Redact
from installer.hub.sign_in import SignIn

LARGEST_REQUEST = 1 << 20
"""The hub keeps a whole request in memory, and takes it from anybody; tornado's own limit is 100 MB each."""

PAGES = Path(__file__).with_name("pages")
"""Templates of pages that JupyterHub doesn't have."""

EX_CONFIG = 78
"""sysexits.h: the unit does not restart after this one, as it would fail in the same way."""


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing if it was not systemd that started this."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
            notification.connect("\0" + address[1:] if address.startswith("@") else address)
            notification.sendall(message.encode())


class Hub(JupyterHub):  # type: ignore[misc]
    """JupyterHub with readiness and one-line config errors."""

    name = "jupyterhub"

    def load_config_file(self, filename: str, path: str | None = None) -> None:
        """Read the config and conf.d, refuse what is wrong, and take the rest."""
        file = Path(path or "", filename)
        loaded = hub_config.read(file)
        files = [file, *hub_config.additions(file)]
        hub_config.check(loaded, [JupyterHub], files)
        loaded.merge(self.cli_config)
        self.update_config(loaded)
        in_use = [self.authenticator_class, self.spawner_class, self.proxy_class]
        hub_config.check(loaded, [JupyterHub, *in_use, *self.classes], files)

    def init_tornado_settings(self) -> None:
        """JupyterHub's own, with pages of ours where the authenticator has some; the admin's go first."""
        if told := getattr(self.authenticator, "told_to_pages", None):
            stock = self._template_paths_default()
            own = [path for path in self.template_paths if path not in stock]
            self.set_trait("template_paths", [*own, str(PAGES)])
            self.set_trait("template_vars", {**told, **self.template_vars})
        super().init_tornado_settings()

    def init_logging(self) -> None:
        """JupyterHub's own, less the secrets, and less what is said already."""
        super().init_logging()
        for handler in self.log.handlers:
            handler.addFilter(OneLine())
            handler.addFilter(Redact())

    def init_handlers(self) -> None:
        """JupyterHub's own, less one (see `visits`), and one more (see `logins`)."""
        super().init_handlers()
        self.handlers: list[Any] = with_logins(visits.noting(self.handlers), self.hub_prefix)

    async def init_role_creation(self) -> None:
        """JupyterHub's own, and then what an admin may do here."""
        admins.reset_scopes(self.db)
        await super().init_role_creation()
        admins.set_scopes(self.db, reach=self.admin_access)

    async def init_role_assignment(self) -> None:
        """JupyterHub's own, and then nobody else than the config says is an admin: who was one is none any more.

        Whom a list of people or a group makes one is one again as soon as they turn up.
        """
        await super().init_role_assignment()
        # With a login of the admin's own (conf.d), that says who is.
        if isinstance(getattr(self.authenticator, "sign_in", None), SignIn):
            for name in admins.dismiss_others(self.db, self.authenticator.admin_users):
                self.log.info("%s is no admin by the config", name)

    async def launch_instance_async(self, argv: list[str] | None = None) -> None:
        """Start, and say so."""
        asyncio.get_running_loop().set_exception_handler(leave_out_homes)
        try:
            await self.initialize(argv)
            await self.start()
            self.http_server.conn_params.max_body_size = LARGEST_REQUEST
        except hub_config.BadConfig as bad:
            self.log.critical("%s", bad)
            self.exit(EX_CONFIG)
        except Exception:
            self.log.exception("JupyterHub did not start")
            self.exit(1)
        notify("READY=1\nSTATUS=Answering.")
        self._following = asyncio.ensure_future(self.follow_proxy())

    async def follow_proxy(self) -> None:
        """Keep a proxy that restarts without the hub supplied with routes."""
        api = urlsplit(self.proxy.api_url)
        if api.scheme == "http+unix":
            await follow_proxy(
                Path(unquote(api.netloc)), lambda: self.proxy.check_routes(self.users, self._service_map), self.log
            )


if __name__ == "__main__":
    Hub.launch_instance()
