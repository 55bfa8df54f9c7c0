"""`web`: how the site is reached behind another proxy."""

from __future__ import annotations

from typing import Literal

from installer.config.section import Section, setting
from installer.config.web_values import Listen, Networks
from installer.host import paths


class Web(Section):
    """The site's front, where another proxy stands before it (`tls.mode: off`)."""

    server: Literal["nginx", "none"] = setting(
        "nginx",
        "What answers that proxy. `none` is nothing between it and the hub's own: without nginx, and without `apps`, "
        "maintenance and a limit on logins.",
        example="nginx",
    )
    listen: Listen | None = setting(
        None,
        "Where that proxy finds it.",
        example="10.0.0.5:8080",
        unset=f"127.0.0.1:{paths.WEB_PORT}, or 127.0.0.1:{paths.FORWARD_PORT} without nginx",
    )
    trusted_proxies: Networks = setting(
        ("127.0.0.1", "::1"),
        "Who is believed when they say for whom they ask (X-Forwarded-For) and whether it was https "
        "(X-Forwarded-Proto).",
        example=["10.0.0.4"],
    )

    @property
    def listens(self) -> str:
        """Where it listens."""
        if self.listen is not None:
            return self.listen
        return f"127.0.0.1:{paths.WEB_PORT if self.server == 'nginx' else paths.FORWARD_PORT}"

    @property
    def reached_at(self) -> str:
        """The same, as a program of this machine reaches it."""
        host, _, port = self.listens.rpartition(":")
        return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"  # noqa: S104 - one that is told

    @property
    def port(self) -> int:
        """The port alone."""
        return int(self.listens.rpartition(":")[2])
