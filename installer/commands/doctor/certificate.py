"""The certificate: not expired, for the site's names, and the one that nginx really shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.host.errors import Problem
from installer.pki.pair import LONGEST_RESERVE, is_for, read_certificate
from installer.pki.shown import shown
from installer.resources.acme_certificate import AcmeCertificate, refusal
from installer.resources.certificate import SiteCertificate
from installer.resources.own_certificate import OwnCertificate

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
    wanted = site.config.certificate_names or (site.host,) if own.stand_in else own.names
    present = read_certificate(paths.SITE_CERTIFICATE)
    found = judge(
        [_read(paths.CA_CERTIFICATE), _read(paths.SITE_CERTIFICATE)],
        missing=sorted(name for name in wanted if present is not None and not is_for(present, name)),
        shown=_shown(site.host),
        now=datetime.now(timezone.utc),
    )
    others = [each for each in server.known.desired if isinstance(each, (AcmeCertificate, OwnCertificate))]
    return [*(finding for other in others for finding in judge_other(other, _in_place(other))), *found]


def judge_other(other: AcmeCertificate | OwnCertificate, trouble: str | None) -> list[Finding]:
    """Judge whether the certificate of somebody else is in place. trouble: why not, None where it is."""
    if trouble is None:
        return []
    if isinstance(other, AcmeCertificate):
        what = f"the CA's certificate for {other.name} is not there: {trouble}"
        return [problem(AREA, what, f"mend that, then: sudo systemctl start {paths.CERTIFICATE_UNIT}")]
    return [problem(AREA, f"{other.certificate} is not what nginx has: {trouble}", APPLY)]


def _in_place(other: AcmeCertificate | OwnCertificate) -> str | None:
    if other.probe() == other.wanted():
        return None
    if isinstance(other, AcmeCertificate):
        return refusal() or "it was not asked yet"
    try:
        other.read()
    except Problem as trouble:
        return trouble.what
    return "it is newer"


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
    life = certificate.ends - certificate.begins
    if certificate.ends - now < min(_SOON, life / 12):
        tense = "has expired" if certificate.ends < now else "expires"
        return [problem(AREA, f"{certificate.path} {tense} on {certificate.ends:%Y-%m-%d}", APPLY)]
    if certificate.ends - now < min(LONGEST_RESERVE, life / 6):
        return [warning(AREA, f"{certificate.path} expires on {certificate.ends:%Y-%m-%d}", APPLY)]
    return []


def _read(path: Path) -> Certificate | None:
    read = read_certificate(path)
    return _certificate(str(path), read) if read else None


def _certificate(path: str, read: x509.Certificate) -> Certificate:
    digest = read.fingerprint(hashes.SHA256()).hex()
    return Certificate(path, read.not_valid_before_utc, read.not_valid_after_utc, digest)


def _shown(host: str) -> str | None:
    read = shown(host)
    return _certificate("", read).digest if read else None
