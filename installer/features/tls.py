"""The site's certificate, from a small CA of this machine's own."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.host import paths
from installer.resources.certificate import CertificateAuthority, SiteCertificate
from installer.resources.directory import Directory

FEATURE = "tls"


def resources(site: Site) -> tuple[Resource, ...]:
    """The CA, made once so that clients can go on trusting it, and a certificate for all the site's names."""
    if site.behind:
        return ()
    return (
        Directory(feature=FEATURE, path=paths.TLS),
        CertificateAuthority(
            feature=FEATURE,
            certificate=paths.CA_CERTIFICATE,
            key_file=paths.CA_KEY,
            common_name=f"JupyterHub on {site.facts.hostname}",
        ),
        SiteCertificate(
            feature=FEATURE,
            certificate=paths.SITE_CERTIFICATE,
            key_file=paths.SITE_KEY,
            ca_certificate=paths.CA_CERTIFICATE,
            ca_key=paths.CA_KEY,
            names=(*site.names, *site.addresses),
        ),
    )
