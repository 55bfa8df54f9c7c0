"""A certificate by Let's Encrypt, or another ACME server: certbot as an account of its own, and what it works with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from installer.engine.resource import Resource
from installer.features.programs import helper, unit_file
from installer.features.site import Site
from installer.host import paths
from installer.pki.pair import is_address
from installer.resources.account import Account
from installer.resources.acme_certificate import AcmeCertificate
from installer.resources.directory import Directory
from installer.resources.revision_id import read_certbot_ingredients, revision_id
from installer.resources.server_environment import CertbotEnvironment

_PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
_SHORT_LIVED = "shortlived"
"""The profile of certificates that last 160 hours, the only ones that Let's Encrypt gives for addresses."""


def server(site: Site) -> str:
    """Which ACME server is asked."""
    return site.config.tls.directory_url or (_STAGING if site.config.tls.staging else _PRODUCTION)


def lineage(site: Site) -> str:
    """What certbot calls the certificate: another name for each server, so that one is never taken for another's."""
    return f"hub-{hashlib.sha256(server(site).encode()).hexdigest()[:8]}"


def short_lived(site: Site) -> bool:
    """Whether the certificate lasts for days."""
    return any(map(is_address, site.config.certificate_names))


def taken_from(site: Site) -> list[str]:
    """How the keeper is told where the certificate is."""
    live = paths.ACME_CONFIG / "live" / lineage(site)
    return [
        "--certificate", f"{live}/fullchain.pem", "--key", f"{live}/privkey.pem",
        "--source", lineage(site), "--account", paths.ACME_USER, "--for", *site.config.certificate_names,
    ]  # fmt: skip


def resources(feature: str, site: Site) -> tuple[Resource, ...]:
    """Account, environment, directories, helper and unit; all but the timer, which is there for every certificate."""
    tls = site.config.tls
    revision = revision_id(read_certbot_ingredients(site.facts.python, site.facts.machine))
    environment = CertbotEnvironment(
        feature=feature,
        path=paths.CERTBOT_REVISIONS / revision,
        python=site.facts.python_program,
        needs=(f"account:{paths.BUILD_USER}", f"directory:{paths.CACHE}"),
    )
    closed = (paths.ACME_CONFIG, paths.ACME_WORK, paths.ACME_LOGS)
    program = helper(feature, "jupyterhub-acme", "ask_ca.py")
    return (
        Account(feature=feature, account=paths.ACME_USER, home=paths.ACME, comment="Asks CAs for JupyterHub"),
        Directory(feature=feature, path=paths.CERTBOT_REVISIONS),
        environment,
        Directory(feature=feature, path=paths.ACME),
        *(_own_directory(feature, path, 0o700) for path in closed),
        Directory(feature=feature, path=paths.ACME_WEBROOT),
        Directory(feature=feature, path=paths.ACME_CHALLENGES.parent),
        _own_directory(feature, paths.ACME_CHALLENGES, 0o755),
        program,
        unit_file(
            feature,
            paths.ACME_UNIT,
            site,
            (program, environment),
            certbot=environment.path / "bin" / "certbot",
            server=server(site),
            lineage=lineage(site),
            names=site.config.certificate_names,
            email=tls.email,
            profile=_SHORT_LIVED if short_lived(site) else "",
            ca_file=tls.ca_file,
        ),
    )


def _own_directory(feature: str, path: Path, mode: int) -> Directory:
    return Directory(feature=feature, path=path, mode=mode, owner=paths.ACME_USER, group=paths.ACME_USER)


def certificate(feature: str, site: Site, timer: Resource) -> AcmeCertificate:
    """What comes last, and may fail."""
    return AcmeCertificate(
        feature=feature,
        lineage=lineage(site),
        names=site.config.certificate_names,
        addresses=site.facts.addresses,
        check_first=site.config.tls.preflight,
        needs=(timer.key, "service:nginx.service"),
    )
