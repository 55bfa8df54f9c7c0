"""Certificates of our own: a small CA that clients can trust once, and the site's certificate that it signs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import files
from installer.pki.issuing import new_authority, new_site
from installer.pki.pair import (
    Pair,
    has_expired,
    is_overdue,
    is_signed_by,
    names_of,
    read_certificate,
    read_key,
)


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
        if not self.certificate.exists() and not self.key_file.exists():
            return None
        return {"state": state_of(self.certificate, self.key_file), "key mode": mode_of(self.key_file)}

    def realize(self, before: Attributes | None) -> None:
        """Make a new one; or, where only the key's mode was wrong, set that right."""
        if before is not None and before["state"] == "valid":
            files.write(self.key_file, self.key_file.read_bytes(), mode=0o600)
            return
        new_authority(self.common_name).write(self.certificate, self.key_file)

    def remove(self) -> None:
        """Remove certificate and key."""
        files.remove(self.certificate)
        files.remove(self.key_file)


class SiteCertificate(Resource):
    """The site's certificate, signed by our CA.

    names: DNS names and IP addresses that it is for, the first one as its common name.
    stand_in: whether it is there for as long as there is none by somebody else; what they have signed is left alone.
    """

    kind: ClassVar[str] = "certificate"

    certificate: Path
    key_file: Path
    ca_certificate: Path
    ca_key: Path
    names: tuple[str, ...]
    stand_in: bool = False

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
        if not self.certificate.exists() and not self.key_file.exists():
            return None
        certificate = read_certificate(self.certificate)
        authority = read_certificate(self.ca_certificate)
        ours = certificate is not None and authority is not None and is_signed_by(certificate, authority)
        if self.stand_in and not ours and self._is_good():
            return self.wanted()
        return {
            "state": state_of(self.certificate, self.key_file),
            "names": ", ".join(sorted(names_of(certificate))) if certificate else "",
            "signed by": "our CA" if ours else "another",
            "key mode": mode_of(self.key_file),
        }

    def _is_good(self) -> bool:
        """Whether it fits its key, which is closed, and is valid still; that it gets old, its own resource sees."""
        pair = _pair(self.certificate, self.key_file)
        return isinstance(pair, Pair) and not has_expired(pair.leaf) and mode_of(self.key_file) == "0600"

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """A new CA hasn't signed it."""
        if self.stand_in and observed == self.wanted():
            return self.probe()
        return observed and {**observed, "signed by": "another"}

    def realize(self, before: Attributes | None) -> None:
        """Make a new key and have our CA sign it."""
        authority, authority_key = read_certificate(self.ca_certificate), read_key(self.ca_key)
        if authority is None or authority_key is None:
            raise FileNotFoundError(self.ca_certificate)
        new_site(Pair((authority,), authority_key), self.names).write(self.certificate, self.key_file)

    def remove(self) -> None:
        """Remove certificate and key."""
        files.remove(self.certificate)
        files.remove(self.key_file)


def state_of(certificate: Path, key_file: Path) -> str:
    """How a certificate with its key is, in a few words."""
    pair = _pair(certificate, key_file)
    if isinstance(pair, str):
        return pair
    return f"expires on {pair.leaf.not_valid_after_utc:%Y-%m-%d}" if is_overdue(pair.leaf) else "valid"


def mode_of(path: Path) -> str:
    """A file's mode."""
    try:
        return f"{files.ownership(path).mode:04o}"
    except (FileNotFoundError, NotADirectoryError):
        return "absent"


def _pair(certificate: Path, key_file: Path) -> Pair | str:
    """Both together; where they are none, why."""
    leaf, key = read_certificate(certificate), read_key(key_file)
    if leaf is None or key is None:
        return "incomplete"
    return Pair((leaf,), key) if leaf.public_key() == key.public_key() else "of another key"
