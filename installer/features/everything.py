"""The whole host, feature by feature."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features import (
    accounts,
    admin,
    apps,
    backup,
    branding,
    culler,
    forward,
    ground,
    hub,
    kernels,
    limits,
    notify,
    passwords,
    proxy,
    quotas,
    server,
    shared,
    sign_in,
    spawning,
    tls,
    web,
)
from installer.features.site import Site

FEATURES = (
    ground,
    admin,
    server,
    notify,
    proxy,
    passwords,
    accounts,
    limits,
    quotas,
    spawning,
    sign_in,
    branding,
    hub,
    culler,
    apps,
    tls,
    web,
    forward,
    backup,
    shared,
    kernels,
)


def desired(site: Site) -> tuple[Resource, ...]:
    """All that the host should have. Raises Conflict."""
    return tuple(resource for feature in FEATURES for resource in feature.resources(site))
