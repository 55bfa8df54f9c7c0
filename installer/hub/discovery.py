"""What an OpenID Connect provider says of itself, and whether it may be believed (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WELL_KNOWN = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")


class NotBelieved(Exception):  # noqa: N818 - an answer, not an error
    """The document is not that of the provider; the message says why, in one line."""


@dataclass(frozen=True)
class Endpoints:
    """Where people are sent, where codes are turned into tokens, and where it is told who somebody is.

    issuer: exactly as the provider's tokens have it. basic: whether the secret goes into a header.
    """

    issuer: str
    authorize: str
    token: str
    userinfo: str
    basic: bool


def document_of(issuer: str) -> str:
    """Where the document is."""
    return issuer.rstrip("/") + WELL_KNOWN


def endpoints(issuer: str, document: object) -> Endpoints:
    """Read the document. Raises NotBelieved."""
    if not isinstance(document, Mapping):
        raise NotBelieved("what it answers is no discovery document")
    said = document.get("issuer")
    # Some end in a slash, some don't, and people write either: it is the same place.
    if not isinstance(said, str) or said.rstrip("/") != issuer.rstrip("/"):
        raise NotBelieved(f"it says that it is {said!r:.200}")
    for name in _NEEDED:
        if not str(document.get(name, "")).startswith("https://"):
            raise NotBelieved(f"its {name} is not at an https:// address")
    ways = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Endpoints(
        issuer=said,
        authorize=str(document["authorization_endpoint"]),
        token=str(document["token_endpoint"]),
        userinfo=str(document["userinfo_endpoint"]),
        basic="client_secret_basic" in ways,
    )
