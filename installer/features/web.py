"""nginx in front: one file of ours, beside whatever else it serves."""

from __future__ import annotations

from installer.config.web import Web
from installer.engine.resource import Resource
from installer.features import branding, pages
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.host.errors import ConfigProblem, Conflict
from installer.host.nginx import Sites
from installer.resources import static_files
from installer.resources.apt import AptPackage
from installer.resources.directory import Directory
from installer.resources.nginx_limits import NginxLimits
from installer.resources.nginx_site import DisabledSite, NginxSite
from installer.resources.unit import Service

FEATURE = "web"

_CONNECTIONS = 8192
"""For each of nginx's processes: 500 people with three notebooks and what else a page keeps open, two connections for
each (the browser's, and the one to the proxy), should one process get them all. Costs 4 MB."""

_SYSTEMD_OF_2025 = 256
"""Distributions with this systemd or a newer one ship nginx 1.26 or newer; those with an older one, 1.24 or older."""


def _nginx_version(site: Site) -> tuple[int, ...]:
    """nginx's version; before it is installed, what the distribution of this age will bring (only 1.25.1 matters)."""
    return site.facts.nginx or ((1, 26) if site.facts.systemd >= _SYSTEMD_OF_2025 else (1, 18))


def resources(site: Site) -> tuple[Resource, ...]:
    """The package, the site, its pages, and the running server, which is only ever reloaded. Raises Conflict.

    Nothing, where another proxy is to do without nginx.
    """
    _refuse_idle_keys(site)
    if not site.has_nginx:
        return ()
    sites = site.facts.sites
    _refuse_same_name(site, sites)
    alone = not sites.foreign
    stock: tuple[DisabledSite, ...] = ()
    if sites.stock_default and (alone or not sites.stock_enabled):
        # A machine that serves nothing else: without the distribution's placeholder, its bare address leads to the hub.
        # Once it is out it stays out: other sites that came since may have taken its place as the default server.
        link, target = paths.NGINX_DEFAULT_SITE, "/etc/nginx/sites-available/default"
        stock = (DisabledSite(feature=FEATURE, path=link, target=target),)
    placeholder_out = bool(stock) or not sites.stock_enabled
    certificate = () if site.behind else (paths.SITE_CERTIFICATE, paths.SITE_KEY)
    nginx_site = NginxSite(
        feature=FEATURE,
        path=paths.NGINX_SITE,
        text=_behind(site) if site.behind else _facing_everybody(site, placeholder_out=placeholder_out),
        needs=(
            "package:nginx",
            *(f"certificate:{path}" for path in certificate[:1]),
            *(placeholder.key for placeholder in stock),
        ),
    )
    limits = NginxLimits(
        feature=FEATURE,
        path=paths.NGINX_CONFIG,
        connections=_CONNECTIONS,
        files=2 * _CONNECTIONS,
        needs=("package:nginx",),
    )
    return (
        *pages.resources(FEATURE, site),
        Directory(feature=FEATURE, path=paths.WEB_STATE),
        # nginx may look for a pass that it is told of, and can't list them.
        Directory(feature=FEATURE, path=paths.PASSES, mode=0o711),
        AptPackage(feature=FEATURE, package="nginx", brings=(str(paths.NGINX_DEFAULT_SITE.parent),)),
        *stock,
        limits,
        nginx_site,
        Service(
            feature=FEATURE,
            unit=paths.NGINX_UNIT,
            refresh="reload",
            shared=True,
            files=(paths.NGINX_CONFIG, paths.NGINX_SITE, *certificate, *(placeholder.path for placeholder in stock)),
            check=("nginx", "-t", "-q"),
            needs=("package:nginx",),
        ),
    )


def _facing_everybody(site: Site, *, placeholder_out: bool) -> str:
    """The site as browsers reach it, with its certificate."""
    sites = site.facts.sites
    return render(
        "nginx/jupyterhub.conf.j2",
        default_server_80=_free(sites, 80) and placeholder_out,
        default_server_443=_free(sites, 443),
        nginx=_nginx_version(site),
        ipv6=site.facts.ipv6,
        acme=site.config.tls.mode == "letsencrypt",
        **_common(site, scheme="$scheme"),
    )


def _behind(site: Site) -> str:
    """The site as another proxy reaches it, in the clear."""
    web = site.config.web
    return render(
        "nginx/behind.conf.j2",
        listen=web.listens,
        default_server=_free(site.facts.sites, web.port),
        trusted_proxies=web.trusted_proxies,
        **_common(site, scheme="$jupyterhub_scheme"),
    )


def _common(site: Site, *, scheme: str) -> dict[str, object]:
    """What both are made with; scheme: nginx's variable that says by which one people have come."""
    return {
        "base_url": site.config.hub.base_url,
        # An IPv6 address stands in brackets in the Host header.
        "server_names": (*site.names, *(f"[{a}]" if ":" in a else a for a in site.addresses)),
        "apps": site.config.apps,
        "scheme": scheme,
        "logo": branding.logo(site),
        "logo_type": branding.logo_type(site),
        "logo_address": branding.logo_address(site),
        "hsts": site.config.tls.strict and not site.behind,
        "static": static_files,
    }


def _free(sites: Sites, port: int) -> bool:
    return not any(port in foreign.default_ports for foreign in sites.foreign)


def _refuse_idle_keys(site: Site) -> None:
    given = [name for name, field in Web.model_fields.items() if getattr(site.config.web, name) != field.default]
    if given and not site.behind:
        raise ConfigProblem(
            f"{paths.CONFIG_FILE}: web.{given[0]} is for a site behind another proxy, and tls.mode is "
            f"{site.config.tls.mode}",
            f"take it out, or write: tls: {{mode: off}} (and web: {{{given[0]}: …}} as it is)",
        )


def _refuse_same_name(site: Site, sites: Sites) -> None:
    names = {*site.names, *site.addresses}
    ours = {site.config.web.port} if site.behind else {80, 443}
    for foreign in sites.foreign:
        same = sorted(names.intersection(foreign.names))
        if same and ours.intersection(foreign.ports):
            raise Conflict(
                f"nginx already serves {same[0]} from {foreign.file}",
                f"give the hub a name of its own (hub.domain in {paths.CONFIG_FILE}), or take that site away",
            )
