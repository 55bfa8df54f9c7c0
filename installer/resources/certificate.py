"""Certificates of our own: a small CA that clients can trust once, and the site's certificate that it signs."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from installer.engine.resource import Attributes, Resource
from installer.host import files

CA_DAYS = 3650
SITE_DAYS = 397
"""Browsers accept no longer life of a site's certificate (CA/Browser Forum Baseline Requirements 6.3.2, 2020)."""
RENEW_DAYS = 60
_SKEW = timedelta(hours=1)


class CertificateAuthority(Resource):
    """A CA of this machine's own. Its certificate is public; its key is root's alone and signs nothing but our site."""

    kind: ClassVar[str] = "ca"

    certificate: Path
    key_file: Path
    common_name: str

    @property
    def name(self) -> str:
        """The certificate's path."""
        return str(self.certificate)

    @property
    def provides(self) -> tuple[str, ...]:
        """Certificate and key."""
        return str(self.certificate), str(self.key_file)

    def wanted(self) -> Attributes:
        """Valid, and the key's mode."""
        return {"state": "valid", "key mode": "0600"}

    def probe(self) -> Attributes | None:
        """The same, as they are; the name is fixed when it is made, so that clients go on trusting it."""
        certificate, key = _read(self.certificate), _read_key(self.key_file)
        if certificate is None and key is None:
            return None
        return {"state": _state(certificate, key), "key mode": _mode(self.key_file)}

    def realize(self, before: Attributes | None) -> None:
        """Make a new one; or, where only the key's mode was wrong, set that right."""
        if before is not None and before["state"] == "valid":
            files.write(self.key_file, self.key_file.read_bytes(), mode=0o600)
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.common_name[:64])])
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            _begun(name, name, key.public_key(), CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.key_file, key, self.certificate, [certificate])

    def remove(self) -> None:
        """Remove certificate and key."""
        files.remove(self.certificate)
        files.remove(self.key_file)


class SiteCertificate(Resource):
    """The site's certificate, signed by our CA.

    names: DNS names and IP addresses that it is for, the first one as its common name.
    """

    kind: ClassVar[str] = "certificate"

    certificate: Path
    key_file: Path
    ca_certificate: Path
    ca_key: Path
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The certificate's path."""
        return str(self.certificate)

    @property
    def provides(self) -> tuple[str, ...]:
        """Certificate and key."""
        return str(self.certificate), str(self.key_file)

    @property
    def reads(self) -> tuple[str, ...]:
        """The CA: with a new one, this one is made anew."""
        return str(self.ca_certificate), str(self.ca_key)

    def wanted(self) -> Attributes:
        """Valid, for the names, signed by our CA."""
        return {"state": "valid", "names": ", ".join(sorted(self.names)), "signed by": "our CA", "key mode": "0600"}

    def probe(self) -> Attributes | None:
        """The same, as they are."""
        certificate, key = _read(self.certificate), _read_key(self.key_file)
        if certificate is None and key is None:
            return None
        authority = _read(self.ca_certificate)
        ours = certificate is not None and authority is not None and _signed_by(certificate, authority)
        return {
            "state": _state(certificate, key),
            "names": ", ".join(sorted(_names(certificate))) if certificate else "",
            "signed by": "our CA" if ours else "another",
            "key mode": _mode(self.key_file),
        }

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """A new CA hasn't signed it."""
        return observed and {**observed, "signed by": "another"}

    def realize(self, before: Attributes | None) -> None:
        """Make a new key and have our CA sign it."""
        authority, authority_key = _read(self.ca_certificate), _read_key(self.ca_key)
        if authority is None or authority_key is None:
            raise FileNotFoundError(self.ca_certificate)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.names[0][:64])])
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        certificate = (
            _begun(subject, authority.subject, key.public_key(), SITE_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in self.names]), critical=False)
            .add_extension(issuer_id, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        _write(self.key_file, key, self.certificate, [certificate, authority])

    def remove(self) -> None:
        """Remove certificate and key."""
        files.remove(self.certificate)
        files.remove(self.key_file)


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    start = datetime.now(timezone.utc) - _SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*extension.get_values_for_type(x509.DNSName), *map(str, extension.get_values_for_type(x509.IPAddress))]


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _state(certificate: x509.Certificate | None, key: ec.EllipticCurvePrivateKey | None) -> str:
    if certificate is None or key is None:
        return "incomplete"
    if certificate.public_key() != key.public_key():
        return "of another key"
    now = datetime.now(timezone.utc)
    if certificate.not_valid_after_utc - timedelta(days=RENEW_DAYS) < now:
        return f"expires on {certificate.not_valid_after_utc:%Y-%m-%d}"
    return "valid"


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _mode(path: Path) -> str:
    try:
        return f"{files.ownership(path).mode:04o}"
    except (FileNotFoundError, NotADirectoryError):
        return "absent"


def _write(key_file: Path, key: ec.EllipticCurvePrivateKey, path: Path, chain: Sequence[x509.Certificate]) -> None:
    """Key first: nginx reads both only when it is told to, and by then both are there."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.write(key_file, pem, mode=0o600)
    files.write(path, b"".join(member.public_bytes(serialization.Encoding.PEM) for member in chain), mode=0o644)
