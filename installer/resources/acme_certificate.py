"""A certificate that a public CA has given: asked for when the rest is up, and done without where it can't be had."""

from __future__ import annotations

import time
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import paths, systemd
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.pki import taking
from installer.pki.pair import is_signed_by, names_of, read_certificate
from installer.resources.acme_preflight import see_that_names_lead_here
from installer.resources.certificate import state_of

_SECONDS = 1200


class AcmeCertificate(Resource):
    """The CA's certificate in the place that nginx reads.

    lineage: what certbot calls it, which tells of what server it is. names: what it is to be for.
    addresses: this machine's. check_first: whether to see that the names lead here before the CA is asked.
    """

    kind: ClassVar[str] = "acme-certificate"
    optional: ClassVar[bool] = True

    lineage: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    check_first: bool = True

    @property
    def name(self) -> str:
        """Its first name."""
        return self.names[0]

    def wanted(self) -> Attributes:
        """Valid, for the names, from the server that the config says."""
        return {"state": "valid", "names": ", ".join(sorted(self.names)), "from": self.lineage}

    def probe(self) -> Attributes | None:
        """The same, as they are; None as long as our own CA's stands in for it."""
        certificate, authority = read_certificate(paths.SITE_CERTIFICATE), read_certificate(paths.CA_CERTIFICATE)
        if certificate is None or (authority is not None and is_signed_by(certificate, authority)):
            return None
        state = state_of(paths.SITE_CERTIFICATE, paths.SITE_KEY)
        return {
            "state": state if state == "valid" else f"{state}: {refusal() or 'it was not renewed'}",
            "names": ", ".join(sorted(names_of(certificate))),
            "from": taking.source(),
        }

    def realize(self, before: Attributes | None) -> None:
        """Look whether the CA will find us, and do what the timer does. Raises Problem where there is none then."""
        if self.check_first and (before is None or before["names"] != self.wanted()["names"]):
            see_that_names_lead_here(self.names, self.addresses, paths.ACME_CHALLENGES)
        begun = time.time()
        try:
            run(["systemctl", "start", paths.CERTIFICATE_UNIT], timeout=_SECONDS)
        except CommandFailed as failed:
            tail = systemd.journal_tail(paths.CERTIFICATE_UNIT, since=begun)
            raise Problem(
                "the certificate can't be put in place",
                f"see what it says: journalctl --unit={paths.CERTIFICATE_UNIT} --since=-5min",
                tail or failed.detail,
            ) from failed
        if self.probe() != self.wanted():
            raise Problem(
                f"the CA gave no certificate: {refusal(since=begun) or 'it has not said why'}",
                f"see all that it said: journalctl --unit={paths.ACME_UNIT} --since=-5min",
            )

    def remove(self) -> None:
        """Nothing: what is in place goes, or is made anew, with our own certificate, for which it stands."""


def refusal(since: float | None = None) -> str:
    """Why the last question to the CA failed, in its own words; "" where it did not. Reads the journal."""
    lines = systemd.journal_tail(paths.ACME_UNIT, since=since, lines=40).splitlines()
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else ""
