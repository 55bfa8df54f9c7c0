"""What a package tool's failure means to a person: no network, no room, a package other than the locked one."""

from __future__ import annotations

from installer.host.errors import Problem
from installer.host.process import CommandFailed

_NO_ROOM = ("no space left", "enospc", "disk quota exceeded", "edquot")
_NOT_WHAT_WAS_LOCKED = ("hash mismatch", "do not match the hashes", "eintegrity")
_NOT_TRUSTED = ("certificate verify failed", "invalid peer certificate", "unknownissuer", "self-signed certificate",
                "unable to get local issuer", "self_signed_cert")  # fmt: skip
_NO_NETWORK = ("dns error", "failed to lookup address", "name resolution", "name or service not known", "enotfound",
               "eai_again", "could not resolve", "temporary failure resolving", "connection refused", "econnrefused",
               "connection reset", "econnreset", "network is unreachable", "enetunreach", "no route to host",
               "timed out", "etimedout", "still running after", "tcp connect error", "connection closed before",
               "failed to establish a new connection", "error sending request", "proxyerror")  # fmt: skip


def explained(failed: CommandFailed, doing: str) -> Problem:
    """The problem behind a package tool's failure, `doing` being what it was about."""
    said = f"{failed.completed.stderr}\n{failed.completed.stdout}".lower()

    def one_of(signs: tuple[str, ...]) -> bool:
        return any(sign in said for sign in signs)

    def line_with(signs: tuple[str, ...]) -> str:
        lines = [line.strip() for line in failed.detail.splitlines() if any(sign in line.lower() for sign in signs)]
        return lines[-1] if lines else ""

    if one_of(_NO_ROOM):
        return Problem(f"the disk filled up while {doing}", "make room (see `df -h`), then try again")
    if one_of(_NOT_WHAT_WAS_LOCKED):
        return Problem(
            f"a package that came over the network while {doing} isn't the locked one",
            "check the mirror or proxy that packages come through, then try again",
            failed.detail,
        )
    if one_of(_NOT_TRUSTED):
        return Problem(
            f"the package index's certificate isn't trusted here, noticed while {doing}",
            "behind an inspecting proxy, add its CA with update-ca-certificates or set SSL_CERT_FILE, then try again",
            line_with(_NOT_TRUSTED),
        )
    if one_of(_NO_NETWORK):
        return Problem(
            f"no answer from the network while {doing}",
            "check DNS and routes; where a proxy is needed: sudo --preserve-env=https_proxy python3 -m installer apply",
            line_with(_NO_NETWORK),
        )
    return Problem(f"something went wrong while {doing}", failed.hint, failed.detail)
