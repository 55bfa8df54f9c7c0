"""The whole host, feature by feature."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features import admin, backup, culler, ground, hub, kernels, passwords, proxy, server, spawning, tls, web
from installer.features.site import Site

FEATURES = (ground, admin, server, proxy, passwords, spawning, hub, culler, tls, web, backup, kernels)


def desired(site: Site) -> tuple[Resource, ...]:
    """All that the host should have. Raises Conflict."""
    return tuple(resource for feature in FEATURES for resource in feature.resources(site))
