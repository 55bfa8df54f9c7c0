"""The site's certificate, and what keeps it fresh: from a small CA of this machine's own."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.certificate import CertificateAuthority, SiteCertificate
from installer.resources.directory import Directory
from installer.resources.unit import Service

FEATURE = "tls"


def resources(site: Site) -> tuple[Resource, ...]:
    """The CA, made once so that clients can go on trusting it, a certificate for all names, and the timer."""
    certificate = SiteCertificate(
        feature=FEATURE,
        certificate=paths.SITE_CERTIFICATE,
        key_file=paths.SITE_KEY,
        ca_certificate=paths.CA_CERTIFICATE,
        ca_key=paths.CA_KEY,
        names=(*site.names, *site.addresses),
    )
    service = unit_file(FEATURE, paths.CERTIFICATE_UNIT, site, host=site.host)
    timer = unit_file(FEATURE, paths.CERTIFICATE_TIMER_UNIT, site, (service,), calendar="*-*-* 00/12:00:00", delay="6h")
    return (
        Directory(feature=FEATURE, path=paths.TLS),
        CertificateAuthority(
            feature=FEATURE,
            certificate=paths.CA_CERTIFICATE,
            key_file=paths.CA_KEY,
            common_name=f"JupyterHub on {site.facts.hostname}",
        ),
        certificate,
        service,
        timer,
        Service(feature=FEATURE, unit=paths.CERTIFICATE_TIMER_UNIT, files=(timer.path,)),
    )
