"""Who may open an app: a small service that nginx asks, only where an app wants its visitors logged in to the hub."""

from __future__ import annotations

import json

from installer.config.models import Config
from installer.engine.resource import Resource
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Account
from installer.resources.file import File
from installer.resources.secret import Secret
from installer.resources.unit import Service

FEATURE = "apps"


def gated(config: Config) -> bool:
    """Whether any app wants that."""
    return any(app.login == "hub" for app in config.apps)


def resources(site: Site) -> tuple[Resource, ...]:
    """Account, token, rules, and the socket with the service behind it; nothing where no app asks for it."""
    if not gated(site.config):
        return ()
    account = Account(
        feature=FEATURE, account=paths.APPS_USER, home=paths.HUB_STATE, comment="Logs visitors of apps in to JupyterHub"
    )
    rules = {
        "base_url": site.config.hub.base_url,
        "apps": {
            app.path: {"groups": list(app.groups), "admins": app.admins}
            for app in site.config.apps
            if app.login == "hub"
        },
    }
    file = File(feature=FEATURE, path=paths.APPS_RULES, text=json.dumps(rules, indent=1) + "\n")
    service = unit_file(FEATURE, paths.APPS_UNIT, site, (account,))
    socket = unit_file(FEATURE, paths.APPS_SOCKET_UNIT, site, (service,))
    return (
        account,
        Secret(feature=FEATURE, path=paths.APPS_TOKEN),
        file,
        service,
        socket,
        Service(feature=FEATURE, unit=paths.APPS_SOCKET_UNIT, files=(socket.path,)),
        Service(
            feature=FEATURE,
            unit=paths.APPS_UNIT,
            files=(service.path, socket.path, file.path, paths.APPS_TOKEN, site.revision_path),
            needs=(f"service:{paths.APPS_SOCKET_UNIT}",),
        ),
    )
