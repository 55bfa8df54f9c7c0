"""The admin's own certificate: looked at, and copied to where nginx reads it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import paths
from installer.host.errors import Problem
from installer.pki import taking
from installer.pki.pair import Pair
from installer.resources.certificate import mode_of

SOURCE = "files"


class OwnCertificate(Resource):
    """The admin's certificate and key in the place that nginx reads.

    certificate, key_file: where the admin keeps them. names: what the certificate has to be for.
    """

    kind: ClassVar[str] = "own-certificate"

    certificate: Path
    key_file: Path
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The path of the admin's."""
        return str(self.certificate)

    @property
    def provides(self) -> tuple[str, ...]:
        """What nginx reads."""
        return str(paths.SITE_CERTIFICATE), str(paths.SITE_KEY)

    def wanted(self) -> Attributes:
        """That it is the one in place."""
        return {"in place": True, "key mode": "0600"}

    def probe(self) -> Attributes | None:
        """Whether it is; None where nothing is."""
        if not paths.SITE_CERTIFICATE.exists():
            return None
        try:
            placed = taking.is_in_place(self.read())
        except Problem:
            placed = False
        return {"in place": placed, "key mode": mode_of(paths.SITE_KEY)}

    def read(self) -> Pair:
        """The admin's. Raises Problem where it doesn't fit."""
        return taking.read_pair(self.certificate, self.key_file, self.names)

    def realize(self, before: Attributes | None) -> None:
        """Look at it and copy it."""
        taking.put_in_place(self.read(), SOURCE)

    def remove(self) -> None:
        """Nothing: what is in place goes, or is made anew, with our own certificate, for which it stands."""
