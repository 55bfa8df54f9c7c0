"""The hub itself, as the unprivileged user jupyter."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features import branding
from installer.features.apps import gated
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.features.templates import render
from installer.host import paths
from installer.resources.account import Account
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.hub_database import HubDatabase
from installer.resources.secret import Secret
from installer.resources.unit import Service

FEATURE = "hub"

_SECRETS = (
    paths.COOKIE_SECRET,
    paths.PROXY_AUTH_TOKEN,
    paths.CULLER_TOKEN,
    paths.INSTALLER_TOKEN,
)


def resources(site: Site) -> tuple[Resource, ...]:
    """Account, state, secrets, the configuration (loaded once as the hub before it counts), the unit, the database."""
    check = (str(site.revision_path / "bin" / "python"), "-I", "-m", "installer.hub.check_config")
    configuration = File(
        feature=FEATURE,
        path=paths.HUB_CONFIG,
        text=render(
            "installer/hub/jupyterhub_config.py.j2",
            base_url=site.config.hub.base_url,
            admin_users=site.admin_users,
            gated=gated(site.config),
            logo=branding.logo(site),
            template_paths=branding.template_paths(site),
            template_vars=branding.template_vars(site),
        ),
        check=(*check, "{}", *branding.known_as(site)),
        check_as=paths.HUB_USER,
        needs=(
            f"environment:{site.revision_path}",
            f"directory:{paths.CONF_D}",
            *(resource.key for resource in branding.resources(site)),
        ),
    )
    secrets = (*_SECRETS, paths.APPS_TOKEN) if gated(site.config) else _SECRETS
    unit = unit_file(FEATURE, paths.HUB_UNIT, site, secrets=[secret.name for secret in secrets])
    return (
        Account(feature=FEATURE, account=paths.HUB_USER, home=paths.HUB_STATE, comment="JupyterHub"),
        Directory(feature=FEATURE, path=paths.HUB_STATE, mode=0o700, owner=paths.HUB_USER, group=paths.HUB_USER),
        Secret(feature=FEATURE, path=paths.COOKIE_SECRET),
        Secret(feature=FEATURE, path=paths.INSTALLER_TOKEN),
        configuration,
        unit,
        HubDatabase(feature=FEATURE, environment=site.revision_path, known=site.schemas),
        Service(
            feature=FEATURE,
            unit=paths.HUB_UNIT,
            # The directory too: it changes when a fragment goes.
            files=(
                unit.path,
                configuration.path,
                *secrets,
                paths.CONF_D,
                *site.facts.hub_fragments,
                site.revision_path,
            ),
            check=(*check, str(paths.HUB_CONFIG), *branding.known_as(site)),
            check_as=paths.HUB_USER,
            needs=(
                f"directory:{paths.HUB_STATE}",
                f"service:{paths.PROXY_UNIT}",
                f"service:{paths.PAM_SOCKET_UNIT}",
                f"service:{paths.SUDO_SOCKET_UNIT}",
                f"service:{paths.ADOPT_SOCKET_UNIT}",
                f"link:{paths.VENV}",
            ),
        ),
    )
