"""The server environment: JupyterHub, JupyterLab and the proxy, in one immutable revision that a link points at."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Account
from installer.resources.link import Link
from installer.resources.server_environment import ServerEnvironment

FEATURE = "server"


def resources(site: Site) -> tuple[Resource, ...]:
    """The locked account that builds, the revision, and the link for people and sudoers."""
    return (
        Account(
            feature=FEATURE,
            account=paths.BUILD_USER,
            home=paths.CACHE,
            comment="Builds environments for JupyterHub",
        ),
        ServerEnvironment(
            feature=FEATURE,
            path=site.revision_path,
            python=site.facts.python_program,
            needs=(f"account:{paths.BUILD_USER}", f"directory:{paths.CACHE}"),
        ),
        Link(feature=FEATURE, path=paths.VENV, target=str(site.revision_path.relative_to(paths.OPT))),
    )
