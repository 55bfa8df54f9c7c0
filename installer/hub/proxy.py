"""configurable-http-proxy, without its opinion of who is active."""

from __future__ import annotations

from typing import Any

from jupyterhub.proxy import ConfigurableHTTPProxy


class UnitProxy(ConfigurableHTTPProxy):  # type: ignore[misc]
    """The proxy of a unit of its own.

    It takes all that passes for activity, the pings and polls of a forgotten tab too, and would keep such a server for
    ever. The servers themselves tell the hub what was done (`in_server.watch`).
    """

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """The routes, as the hub asks for them."""
        routes: dict[str, dict[str, Any]] = await super().get_all_routes()
        for route in routes.values():
            route["data"].pop("last_activity", None)
        return routes
