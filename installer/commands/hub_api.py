"""The hub's REST API as the installer uses it, with tokens of its own, on loopback."""

from __future__ import annotations

from pathlib import Path

import httpx

from installer.features.site import Site
from installer.host import paths, systemd
from installer.host.errors import Problem


class HubApi:
    """A client for one hub. Use it in a with block."""

    def __init__(self, site: Site, token_file: Path = paths.INSTALLER_TOKEN) -> None:
        """Read the token.

        token_file: whose, and so for what.
        """
        token = token_file.read_text(encoding="ascii").strip()
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{paths.HUB_API_PORT}{site.config.hub.base_url}hub/api",
            headers={"Authorization": f"token {token}"},
            timeout=30,
            # A proxy for the way out has no business between this machine and itself.
            trust_env=False,
        )

    def __enter__(self) -> HubApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def request(self, method: str, path: str, *, expect: tuple[int, ...]) -> httpx.Response:
        """Ask the hub. Raises Problem unless it answers with one of the expected codes."""
        try:
            answer = self._client.request(method, path)
        except httpx.HTTPError as error:
            raise Problem(
                f"the hub's API doesn't answer: {error}",
                "see: journalctl --unit=jupyterhub --since=-5min",
                systemd.journal_tail(paths.HUB_UNIT),
            ) from error
        if answer.status_code not in expect:
            raise Problem(
                f"the hub answered {answer.status_code} to {method} {path}",
                "see: journalctl --unit=jupyterhub --since=-5min",
                answer.text[:500],
            )
        return answer
