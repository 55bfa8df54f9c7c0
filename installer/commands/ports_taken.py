"""Ports that the site needs and another program has: told in a plan, before anything is changed."""

from __future__ import annotations

from installer.features.site import Site
from installer.host import listeners, paths
from installer.host.errors import Conflict

_NGINX = "nginx"


def refuse_taken(site: Site) -> None:
    """Look who listens where we are going to. Raises Conflict, naming port and program."""
    for port, ours in needed(site).items():
        inodes = listeners.listening("/proc", (port,))[port]
        holder = listeners.holder_of("/proc", inodes) if inodes else None
        if inodes and (holder is None or holder[1] != ours):
            who = f"{holder[1]} (pid {holder[0]})" if holder else "another program"
            where = "web.listen" if site.behind and port == site.config.web.port else "its own configuration"
            raise Conflict(
                f"port {port} is held by {who}, and {ours} needs it for the hub",
                f"stop it, or have one of the two use another port ({where}; see: ss -ltnp), then run this again",
            )


def needed(site: Site) -> dict[int, str]:
    """Ports, each with the program that is to listen there: systemd where it does so for one that is started later."""
    if not site.has_nginx:
        return {site.config.web.port: "systemd"}
    front = (site.config.web.port,) if site.behind else (80, 443)
    return dict.fromkeys((*front, paths.ERRORS_PORT), _NGINX)
