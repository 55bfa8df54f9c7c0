"""The hub itself, as the unprivileged user jupyter."""

from __future__ import annotations

from pathlib import Path

from installer.config.auth import Auth
from installer.engine.resource import Resource
from installer.features import branding, spawning
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
    paths.PEOPLE_TOKEN,
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
            admin_access=site.config.hub.admin_access,
            gated=gated(site.config),
            logo=branding.logo(site),
            template_paths=branding.template_paths(site),
            template_vars=branding.template_vars(site),
            creates_accounts=site.creates_accounts,
            auth=site.config.auth,
            spawner=site.config.spawner,
        ),
        check=(*check, "{}", *branding.known_as(site)),
        check_as=paths.HUB_USER,
        needs=(
            f"environment:{site.revision_path}",
            f"directory:{paths.CONF_D}",
            f"file:{paths.AUTH_RULES}",
            *(resource.key for resource in branding.resources(site)),
        ),
    )
    secrets = _secrets(site)
    sockets = list(spawning.sockets(site.config))
    if site.checks_passwords:
        sockets += [paths.PAM_SOCKET_UNIT, paths.CHANGE_SOCKET_UNIT]
    if site.creates_accounts:
        sockets.append(paths.ACCOUNT_SOCKET_UNIT)
    unit = unit_file(
        FEATURE,
        paths.HUB_UNIT,
        site,
        sockets=sockets,
        secrets=[secret.name for secret in secrets],
        spawner=site.config.spawner,
    )
    return (
        Account(feature=FEATURE, account=paths.HUB_USER, home=paths.HUB_STATE, comment="JupyterHub"),
        Directory(feature=FEATURE, path=paths.HUB_STATE, mode=0o700, owner=paths.HUB_USER, group=paths.HUB_USER),
        Secret(feature=FEATURE, path=paths.COOKIE_SECRET),
        Secret(feature=FEATURE, path=paths.INSTALLER_TOKEN),
        Secret(feature=FEATURE, path=paths.PEOPLE_TOKEN),
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
                paths.AUTH_RULES,
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
                *(f"service:{socket}" for socket in sockets),
                f"link:{paths.VENV}",
            ),
        ),
    )


def _secrets(site: Site) -> tuple[Path, ...]:
    """Those that the unit is given."""
    apps = (paths.APPS_TOKEN,) if gated(site.config) else ()
    return (*_SECRETS, *apps, *_login_secrets(site.config.auth))


def _login_secrets(auth: Auth) -> tuple[Path, ...]:
    """What the login provider gave for this hub, and what people's tokens are encrypted with."""
    if not auth.is_elsewhere:
        return ()
    given = (paths.CLIENT_SECRET,) if auth.is_oauth else (paths.LDAP_PASSWORD,) if auth.ldap.bind_dn else ()
    return (*given, paths.AUTH_STATE_KEY)
