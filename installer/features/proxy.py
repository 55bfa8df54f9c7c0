"""The proxy: configurable-http-proxy under an account of its own, on unix sockets alone."""

from __future__ import annotations

from pathlib import Path

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.account import Account
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.secret import Secret
from installer.resources.server_environment import node_binary
from installer.resources.unit import Service

FEATURE = "proxy"


def resources(site: Site) -> tuple[Resource, ...]:
    """Account, token, socket directories (now, and by tmpfiles at each boot), and the unit."""
    program = helper(FEATURE, "jupyterhub-proxy", "proxy_with_token.sh")
    node = node_binary(site.revision_path, site.facts.python)
    unit = unit_file(FEATURE, paths.PROXY_UNIT, site, (program,), node=node, error_target=_error_target(site))
    return (
        Account(feature=FEATURE, account=paths.PROXY_USER, home=paths.PROXY_RUN, comment="Proxy of JupyterHub"),
        Secret(feature=FEATURE, path=paths.PROXY_AUTH_TOKEN),
        File(feature=FEATURE, path=paths.TMPFILES, text=render("units/jupyterhub.tmpfiles.j2")),
        _socket_directory(paths.PROXY_RUN, paths.NGINX_GROUP),
        _socket_directory(paths.PROXY_API_RUN, paths.HUB_USER),
        program,
        unit,
        Service(
            feature=FEATURE,
            unit=paths.PROXY_UNIT,
            files=(unit.path, program.path, paths.PROXY_AUTH_TOKEN, site.revision_path),
            needs=(f"directory:{paths.PROXY_RUN}", f"directory:{paths.PROXY_API_RUN}"),
        ),
    )


def _error_target(site: Site) -> str:
    """Whom it asks for the page to show when it can't reach a server: nginx, which has one also without the hub."""
    if site.has_nginx:
        return f"http://127.0.0.1:{paths.ERRORS_PORT}/"
    return f"http://127.0.0.1:{paths.HUB_API_PORT}{site.config.hub.base_url}hub/error"


def _socket_directory(path: Path, group: str) -> Directory:
    """setgid, so that the socket in it belongs to the one group that may connect."""
    return Directory(feature=FEATURE, path=path, mode=0o2750, owner=paths.PROXY_USER, group=group)
