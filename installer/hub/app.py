"""JupyterHub as it runs under systemd: tells it when it answers, and tells a bad config in one line.

usage: python -I -m installer.hub.app --config FILE      (as the unit does)
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jupyterhub.app import JupyterHub

from installer.hub import config as hub_config
from installer.hub.follow_proxy import follow_proxy
from installer.hub.redact import Redact

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
        """JupyterHub's own, less the secrets."""
        super().init_logging()
        for handler in self.log.handlers:
            handler.addFilter(Redact())

    async def launch_instance_async(self, argv: list[str] | None = None) -> None:
        """Start, and say so."""
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
