"""The site's certificate, and what keeps it fresh; certbot, and what it needs, only with `tls.mode: letsencrypt`."""

from __future__ import annotations

from pathlib import Path

from installer.engine.resource import Resource
from installer.features import letsencrypt
from installer.features.programs import unit_file
from installer.features.site import Site
from installer.host import paths
from installer.resources.certificate import CertificateAuthority, SiteCertificate
from installer.resources.directory import Directory
from installer.resources.own_certificate import SOURCE, OwnCertificate
from installer.resources.unit import Service

FEATURE = "tls"


def resources(site: Site) -> tuple[Resource, ...]:
    """Our own CA and its certificate, which stands in where somebody else's is to come; the timer; and that other."""
    if site.behind:
        return ()
    mode = site.config.tls.mode
    stand_in = SiteCertificate(
        feature=FEATURE,
        certificate=paths.SITE_CERTIFICATE,
        key_file=paths.SITE_KEY,
        ca_certificate=paths.CA_CERTIFICATE,
        ca_key=paths.CA_KEY,
        names=(*site.names, *site.addresses),
        stand_in=mode != "self-signed",
    )
    always = (
        Directory(feature=FEATURE, path=paths.TLS),
        # Made once, so that clients can go on trusting it.
        CertificateAuthority(
            feature=FEATURE,
            certificate=paths.CA_CERTIFICATE,
            key_file=paths.CA_KEY,
            common_name=f"JupyterHub on {site.facts.hostname}",
        ),
        stand_in,
    )
    if mode == "letsencrypt":
        asking = letsencrypt.resources(FEATURE, site)
        keeping, timer = _keeping(site, asking[-1], taken=letsencrypt.taken_from(site), acme=True)
        return (*always, *asking, *keeping, letsencrypt.certificate(FEATURE, site, timer))
    own = own_certificate(site)
    if own is not None:
        taken = [
            "--certificate", str(own.certificate), "--key", str(own.key_file), "--source", SOURCE, "--for", *own.names
        ]  # fmt: skip
        keeping, _ = _keeping(site, taken=taken)
        watching = unit_file(
            FEATURE, paths.CERTIFICATE_PATH_UNIT, site, keeping[:1], watched=(own.certificate, own.key_file)
        )
        watcher = Service(feature=FEATURE, unit=paths.CERTIFICATE_PATH_UNIT, files=(watching.path,))
        return (*always, own, *keeping, watching, watcher)
    keeping, _ = _keeping(site)
    return (*always, *keeping)


def own_certificate(site: Site) -> OwnCertificate | None:
    """The admin's, where the config names one."""
    tls = site.config.tls
    if tls.mode != "files" or tls.certificate is None or tls.key is None:
        return None
    return OwnCertificate(
        feature=FEATURE,
        certificate=Path(tls.certificate),
        key_file=Path(tls.key),
        names=site.config.certificate_names or (site.host,),
        needs=(f"certificate:{paths.SITE_CERTIFICATE}",),
    )


def _keeping(
    site: Site, *behind: Resource, taken: list[str] | None = None, acme: bool = False
) -> tuple[tuple[Resource, ...], Service]:
    """The service that looks after the certificate, and the timer that starts it, which is returned again."""
    service = unit_file(
        FEATURE, paths.CERTIFICATE_UNIT, site, behind, host=site.host, taken=" ".join(taken or []), acme=acme
    )
    hurried = acme and letsencrypt.short_lived(site)
    timer = unit_file(
        FEATURE,
        paths.CERTIFICATE_TIMER_UNIT,
        site,
        (service,),
        calendar="*-*-* 00/6:00:00" if hurried else "*-*-* 00/12:00:00",
        delay="2h" if hurried else "6h",
    )
    running = Service(feature=FEATURE, unit=paths.CERTIFICATE_TIMER_UNIT, files=(timer.path,))
    return (service, timer, running), running
