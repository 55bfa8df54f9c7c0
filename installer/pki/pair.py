"""A certificate with its chain and its key: read, looked at, and refused in plain words where they don't fit."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from installer.host import files
from installer.host.errors import Problem

SiteKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""The keys that browsers take."""

LONGEST_RESERVE = timedelta(days=60)
_LEAST_RSA = 2048


@dataclass(frozen=True)
class Pair:
    """A certificate, those that lead from it to its authority, and its key."""

    chain: tuple[x509.Certificate, ...]
    key: SiteKey

    @property
    def leaf(self) -> x509.Certificate:
        """The site's own certificate."""
        return self.chain[0]

    def write(self, certificate: Path, key_file: Path) -> None:
        """Put both in place, the key first: nginx reads them when it is told to, and by then both are there."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files.write(key_file, pem, mode=0o600)
        files.write(certificate, pem_of(self.chain), mode=0o644)


def pem_of(chain: Iterable[x509.Certificate]) -> bytes:
    """Certificates as a file has them."""
    return b"".join(member.public_bytes(serialization.Encoding.PEM) for member in chain)


# --- reading, where nothing may be there ---------------------------------------------------------
def read_certificate(path: Path) -> x509.Certificate | None:
    """The first certificate of a file; None where there is none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def read_key(path: Path) -> SiteKey | None:
    """The key of a file; None where there is none that a site can have."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)) else None


# --- reading what somebody else has made ---------------------------------------------------------
def parse(certificate: tuple[Path, bytes], key: tuple[Path, bytes]) -> Pair:
    """A pair from the contents of two files, each with the place to be named. Raises Problem where they don't fit."""
    (place, chain_data), (key_place, key_data) = certificate, key
    try:
        chain = tuple(x509.load_pem_x509_certificates(chain_data))
    except ValueError as error:
        raise Problem(
            f"{place} is no certificate in PEM: {_first_line(error)}",
            "it begins with -----BEGIN CERTIFICATE-----, the site's own first and those of its authority behind it",
        ) from error
    pair = Pair(chain, _parsed_key(key_place, key_data))
    if pair.leaf.public_key() != pair.key.public_key():
        raise Problem(
            f"the key {key_place} does not belong to the certificate {place}",
            f"put there the key that the certificate was asked for with; to compare: "
            f"openssl x509 -in {place} -noout -pubkey; openssl pkey -in {key_place} -pubout",
        )
    for number, (one, signer) in enumerate(pairwise(chain), start=2):
        if not is_signed_by(one, signer):
            raise Problem(
                f"{place} is not in order: its certificate {number} ({_subject(signer)}) has not signed the one before",
                "the site's own comes first, then the one that has signed it, and so on; a CA has it as its "
                '"full chain"',
            )
    return pair


def _parsed_key(place: Path, data: bytes) -> SiteKey:
    try:
        key = serialization.load_pem_private_key(data, None)
    except TypeError as error:
        raise Problem(
            f"the key {place} is locked with a passphrase, and nobody is there to type it when nginx starts",
            f"write one without: openssl pkey -in {place} -out NEW",
        ) from error
    except ValueError as error:
        raise Problem(
            f"{place} is no private key in PEM: {_first_line(error)}", "it begins with -----BEGIN PRIVATE KEY-----"
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _LEAST_RSA:
        raise Problem(
            f"the key {place} has {key.key_size} bits, and browsers want {_LEAST_RSA} at least",
            "ask for a certificate with a new key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        )
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise Problem(
            f"the key {place} is of a kind that browsers don't know",
            "ask for a certificate with an RSA or elliptic curve (P-256) key",
        )
    return key


def refuse_unfit(pair: Pair, names: Iterable[str], place: Path, now: datetime | None = None) -> None:
    """Raises Problem where a certificate isn't for one of the names, or not valid now."""
    now = now or datetime.now(timezone.utc)
    others = [name for name in names if not is_for(pair.leaf, name)]
    if others:
        raise Problem(
            f"the certificate {place} is not for {others[0]}, but for {', '.join(names_of(pair.leaf)) or 'no name'}",
            "take one that is for it, or set hub.domain (or tls.names) to what it is for",
        )
    for member in pair.chain:
        if member.not_valid_before_utc > now:
            what = f"{_subject(member)} in {place} is not valid before {member.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
            raise Problem(what, "see that the clock is right (timedatectl), or wait")
        if member.not_valid_after_utc <= now:
            raise Problem(
                f"{_subject(member)} in {place} has expired on {member.not_valid_after_utc:%Y-%m-%d}",
                "put a new certificate there",
            )


# --- looking -------------------------------------------------------------------------------------
def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names and addresses that a certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*extension.get_values_for_type(x509.DNSName), *map(str, extension.get_values_for_type(x509.IPAddress))]


def is_for(certificate: x509.Certificate, name: str) -> bool:
    """Whether a certificate is for a name or an address (RFC 6125: a star is one whole label, the first)."""
    named = {entry.lower() for entry in names_of(certificate)}
    return name.lower() in named or (not is_address(name) and f"*.{name.lower().partition('.')[2]}" in named)


def is_address(text: str) -> bool:
    """Whether it is an IP address, and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    """Whether one certificate was signed by another's key."""
    try:
        certificate.verify_directly_issued_by(signer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def is_due(certificate: x509.Certificate, now: datetime | None = None) -> bool:
    """Whether it is time for a new one: in the last third of its life."""
    return _left(certificate, now) < _life(certificate) / 3


def is_overdue(certificate: x509.Certificate, now: datetime | None = None) -> bool:
    """Whether the new one should have been there for long: in the last sixth of its life, at most the last 60 days."""
    return _left(certificate, now) < min(_life(certificate) / 6, LONGEST_RESERVE)


def has_expired(certificate: x509.Certificate) -> bool:
    """Whether its time is over."""
    return _left(certificate, None) <= timedelta(0)


def _life(certificate: x509.Certificate) -> timedelta:
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc


def _left(certificate: x509.Certificate, now: datetime | None) -> timedelta:
    return certificate.not_valid_after_utc - (now or datetime.now(timezone.utc))


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"the one with serial number {certificate.serial_number:x}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
