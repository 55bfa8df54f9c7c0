"""nginx in front: one file of ours, beside whatever else it serves."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.host.errors import Conflict
from installer.host.nginx import Sites
from installer.resources.apt import AptPackage
from installer.resources.nginx_site import DisabledSite, NginxSite
from installer.resources.unit import Service

FEATURE = "web"

_SYSTEMD_OF_2025 = 256
"""Distributions with this systemd or a newer one ship nginx 1.26 or newer; those with an older one, 1.24 or older."""


def _nginx_version(site: Site) -> tuple[int, ...]:
    """nginx's version; before it is installed, what the distribution of this age will bring (only 1.25.1 matters)."""
    return site.facts.nginx or ((1, 26) if site.facts.systemd >= _SYSTEMD_OF_2025 else (1, 18))


def resources(site: Site) -> tuple[Resource, ...]:
    """The package, the site, and the running server, which is only ever reloaded. Raises Conflict."""
    sites = site.facts.sites
    _refuse_same_name(site, sites)
    alone = not sites.foreign
    stock: tuple[DisabledSite, ...] = ()
    if sites.stock_default and (alone or not sites.stock_enabled):
        # A machine that serves nothing else: without the distribution's placeholder, its bare address leads to the hub.
        # Once it is out it stays out: other sites that came since may have taken its place as the default server.
        link, target = paths.NGINX_DEFAULT_SITE, "/etc/nginx/sites-available/default"
        stock = (DisabledSite(feature=FEATURE, path=link, target=target),)
    nginx_site = NginxSite(
        feature=FEATURE,
        path=paths.NGINX_SITE,
        text=render(
            "nginx/jupyterhub.conf.j2",
            base_url=site.config.hub.base_url,
            # An IPv6 address stands in brackets in the Host header.
            server_names=(*site.names, *(f"[{a}]" if ":" in a else a for a in site.addresses)),
            default_server_80=_free(sites, 80) and (bool(stock) or not sites.stock_enabled),
            default_server_443=_free(sites, 443),
            nginx=_nginx_version(site),
            ipv6=site.facts.ipv6,
            acme=site.config.tls.mode == "letsencrypt",
            hsts=site.config.tls.strict,
        ),
        needs=("package:nginx", f"certificate:{paths.SITE_CERTIFICATE}", *(placeholder.key for placeholder in stock)),
    )
    return (
        AptPackage(feature=FEATURE, package="nginx", brings=(str(paths.NGINX_DEFAULT_SITE.parent),)),
        *stock,
        nginx_site,
        Service(
            feature=FEATURE,
            unit="nginx.service",
            refresh="reload",
            shared=True,
            files=(
                paths.NGINX_SITE,
                paths.SITE_CERTIFICATE,
                paths.SITE_KEY,
                *(placeholder.path for placeholder in stock),
            ),
            check=("nginx", "-t", "-q"),
            needs=("package:nginx",),
        ),
    )


def _free(sites: Sites, port: int) -> bool:
    return not any(port in foreign.default_ports for foreign in sites.foreign)


def _refuse_same_name(site: Site, sites: Sites) -> None:
    names = {*site.names, *site.addresses}
    for foreign in sites.foreign:
        same = sorted(names.intersection(foreign.names))
        if same and {80, 443}.intersection(foreign.ports):
            raise Conflict(
                f"nginx already serves {same[0]} from {foreign.file}",
                f"give the hub a name of its own (hub.domain in {paths.CONFIG_FILE}), or take that site away",
            )
