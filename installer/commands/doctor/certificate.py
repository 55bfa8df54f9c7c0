"""The certificate: not expired, for the site's names, and the one that nginx really shows."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509

from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.resources.certificate import RENEW_DAYS, SiteCertificate

AREA = "certificate"
_SOON = timedelta(days=7)


@dataclass(frozen=True)
class Certificate:
    """What matters of a certificate. digest: of the whole, in hexadecimal."""

    path: str
    begins: datetime
    ends: datetime
    digest: str


def look(server: Server) -> list[Finding]:
    """Read the files, ask nginx."""
    site = server.known.site
    if site.behind:
        return [ok(AREA, "none here: tls.mode is off, and the proxy in front has it")]
    own = next(each for each in server.known.desired if isinstance(each, SiteCertificate))
    seen = own.probe()
    names = str(seen["names"]).split(", ") if seen else []
    return judge(
        [_read(paths.CA_CERTIFICATE), _read(paths.SITE_CERTIFICATE)],
        missing=sorted(set(own.names) - set(names)),
        shown=_shown(site.host),
        now=datetime.now(timezone.utc),
    )


def judge(
    certificates: Sequence[Certificate | None], *, missing: Sequence[str], shown: str | None, now: datetime
) -> list[Finding]:
    """Judge them, the authority's first and the site's last.

    missing: names that the site's isn't for. shown: digest of the one that nginx shows, None where it shows none.
    """
    if None in certificates:
        return [problem(AREA, f"a certificate in {paths.TLS} is missing, or none", APPLY)]
    there = [each for each in certificates if each is not None]
    found = [finding for each in there for finding in _age(each, now)]
    site = there[-1]
    if missing:
        found.append(problem(AREA, f"{site.path} is not for {', '.join(missing)}", APPLY))
    if shown is not None and shown != site.digest:
        found.append(problem(AREA, f"nginx shows another certificate than {site.path}", "sudo systemctl reload nginx"))
    return found or [ok(AREA, f"good until {site.ends:%Y-%m-%d}")]


def _age(certificate: Certificate, now: datetime) -> list[Finding]:
    if certificate.begins > now:
        what = f"{certificate.path} is not valid before {certificate.begins:%Y-%m-%d %H:%M} UTC: the clock is wrong"
        return [problem(AREA, what, "sudo timedatectl set-ntp true")]
    if certificate.ends - now < _SOON:
        tense = "has expired" if certificate.ends < now else "expires"
        return [problem(AREA, f"{certificate.path} {tense} on {certificate.ends:%Y-%m-%d}", APPLY)]
    if certificate.ends - now < timedelta(days=RENEW_DAYS):
        return [warning(AREA, f"{certificate.path} expires on {certificate.ends:%Y-%m-%d}", APPLY)]
    return []


def _read(path: Path) -> Certificate | None:
    try:
        return _certificate(str(path), x509.load_pem_x509_certificate(path.read_bytes()))
    except (OSError, ValueError):
        return None


def _certificate(path: str, read: x509.Certificate) -> Certificate:
    digest = read.fingerprint(read.signature_hash_algorithm).hex() if read.signature_hash_algorithm else ""
    return Certificate(path, read.not_valid_before_utc, read.not_valid_after_utc, digest)


def _shown(host: str) -> str | None:
    """What nginx shows to those who ask for the site; whether to trust it is not the question here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), timeout=2) as line,
            context.wrap_socket(line, server_hostname=host) as tls,
        ):
            data = tls.getpeercert(binary_form=True)
    except OSError:
        return None
    return _certificate("", x509.load_der_x509_certificate(data)).digest if data else None
