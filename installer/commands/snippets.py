"""What another proxy is to be told, so that it leads to the hub: configuration to copy, with comments."""

from __future__ import annotations

from typing import Literal, get_args

from installer.features.site import Site
from installer.features.templates import render

Proxy = Literal["haproxy", "apache", "caddy"]
PROXIES: tuple[Proxy, ...] = get_args(Proxy)


def snippet(proxy: Proxy, site: Site) -> str:
    """The configuration for one of them."""
    base_url = site.config.hub.base_url
    # With the hub at the root of the site, all else leads there by itself.
    apps = [] if base_url == "/" else [app.path for app in site.config.apps]
    text = render(
        f"nginx/snippets/{proxy}.j2",
        url=site.url,
        host=f"[{site.host}]" if ":" in site.host else site.host,
        base_url=base_url,
        paths_on_site=[*apps, base_url],
        server=_found_at(site),
    )
    return (
        text if site.behind else f"# Not yet: tls.mode is {site.config.tls.mode}, and has to be off for this.\n{text}"
    )


def _found_at(site: Site) -> str:
    """Where the other proxy finds it: on all addresses, it is another machine's, most likely."""
    web = site.config.web
    host = web.listens.rpartition(":")[0]
    wanted = {"0.0.0.0": False, "[::]": True}.get(host)  # noqa: S104 - only compared
    own = [address for address in site.facts.addresses if (":" in address) is wanted]
    if wanted is None or not own:
        return web.reached_at
    return f"[{own[0]}]:{web.port}" if wanted else f"{own[0]}:{web.port}"
