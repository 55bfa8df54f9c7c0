"""Without nginx: a port of this machine on which another proxy finds the hub's own."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.unit import Service

FEATURE = "forward"


def resources(site: Site) -> tuple[Resource, ...]:
    """A socket, and the service behind it; neither, where there is nginx."""
    if site.has_nginx:
        return ()
    listen = site.config.web.listens
    anywhere = not listen.startswith(("127.", "[::1]"))
    service = unit_file(FEATURE, paths.FORWARD_UNIT, site)
    socket = unit_file(FEATURE, paths.FORWARD_SOCKET_UNIT, site, (service,), listen=listen, free_bind=anywhere)
    return (
        service,
        socket,
        Service(feature=FEATURE, unit=paths.FORWARD_SOCKET_UNIT, files=(socket.path,)),
        Service(
            feature=FEATURE,
            unit=paths.FORWARD_UNIT,
            files=(service.path, socket.path),
            needs=(f"service:{paths.FORWARD_SOCKET_UNIT}", f"service:{paths.PROXY_UNIT}"),
        ),
    )
