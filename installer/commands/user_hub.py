"""What the hub knows of people: who has been there, whose server runs; asked by its API, with a token for just that."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from installer.commands.hub_api import HubApi
from installer.commands.situation import unchecked
from installer.host import paths
from installer.host.errors import Problem

_PAGE = 200
"""The most users that the hub lists at a time."""
_PATIENCE = 60.0


@dataclass(frozen=True)
class Known:
    """Somebody the hub has seen. server: stopped, starting, running or stopping."""

    name: str
    admin: bool
    last_activity: str | None
    server: str


def connect() -> HubApi:
    """The hub's API. Raises Problem."""
    if not paths.PEOPLE_TOKEN.exists():
        raise Problem(
            f"{paths.PEOPLE_TOKEN} is missing: the hub isn't set up for this command",
            "run: sudo python3 -m installer apply",
        )
    return HubApi(unchecked().site, paths.PEOPLE_TOKEN)


def everybody(hub: HubApi) -> list[Known]:
    """All whom the hub knows. Raises Problem."""
    found: list[Known] = []
    while True:
        page: list[dict[str, Any]] = hub.request(
            "GET", f"/users?limit={_PAGE}&offset={len(found)}", expect=(httpx.codes.OK,)
        ).json()
        found += [_read(user) for user in page]
        if len(page) < _PAGE:
            return found


def knows(hub: HubApi, name: str) -> bool:
    """Whether the hub has seen somebody. Raises Problem."""
    answer = hub.request("GET", f"/users/{quote(name, safe='')}", expect=(httpx.codes.OK, httpx.codes.NOT_FOUND))
    return answer.status_code == httpx.codes.OK


def forget(hub: HubApi, name: str) -> bool:
    """Stop somebody's server, and delete what the hub has of them, tokens too; whether it had anything."""
    user = f"/users/{quote(name, safe='')}"
    stop(hub, name)
    answer = hub.request("DELETE", user, expect=(httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND))
    return answer.status_code == httpx.codes.NO_CONTENT


def end_logins(hub: HubApi, name: str) -> None:
    """Log somebody out everywhere, and delete their tokens; a server that runs goes on. Raises Problem."""
    hub.request(
        "DELETE", f"/users/{quote(name, safe='')}/logins", expect=(httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND)
    )


def stop(hub: HubApi, name: str) -> None:
    """Stop somebody's server, if one runs, and wait until it is gone. Raises Problem."""
    server = f"/users/{quote(name, safe='')}/server"
    deadline = time.monotonic() + _PATIENCE
    # 400: it doesn't run, or is still on its way up.
    while hub.request("DELETE", server, expect=(202, 204, 400, 404)).status_code == httpx.codes.ACCEPTED:
        if time.monotonic() > deadline:
            raise Problem(f"{name}'s server doesn't stop", "see: journalctl --unit=jupyterhub --since=-5min")
        time.sleep(0.2)


def _read(user: dict[str, Any]) -> Known:
    server = (user.get("servers") or {}).get("")
    state = "stopped"
    if server is not None:
        pending = {"spawn": "starting", "stop": "stopping"}.get(server.get("pending") or "", "")
        state = pending or ("running" if server.get("ready") else "stopped")
    return Known(user["name"], bool(user.get("admin")), user.get("last_activity"), state)
