"""The engine's client for the network, and what its errors mean."""

from __future__ import annotations

import re

from rattler.networking import AuthenticationMiddleware, Client, OciMiddleware, RetryMiddleware

from installer.builder.answer import Failure, Kind

_RETRIES = 2

# In this order: an error often carries the signs of a later kind too.
_SIGNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("no-space", ("no space left", "os error 28", "quota exceeded", "os error 122")),
    ("damaged", ("hash mismatch", "checksum", "invalid zip", "unexpected end of file", "corrupt")),
    ("unauthorized", ("401 unauthorized", "403 forbidden", "407 proxy")),
    (
        "unreachable",
        ("error sending request", "dns error", "connection", "timed out", "could not find subdir", "404 not found",
         "502 bad gateway", "503 service", "504 gateway", "error decoding response body", "client error (connect)",
         "unknownissuer", "invalid peer certificate"),
    ),
)  # fmt: skip

_WORDS: dict[Kind, str] = {
    "no-space": "the disk is full",
    "damaged": "a package isn't what the channel's index says",
    "unauthorized": "the channel refuses access",
    "unreachable": "no answer from the channel",
}

_ADDRESS = re.compile(r"(?:https?|file)://[^\s'\")]+")
_IN_ADDRESS = re.compile(r"//[^/@\s]*@|/t/[^/\s]+/")


def client(timeout: int | None = None) -> Client:
    """A client as the environment asks for (proxies, CAs), with the credentials that were provided.

    timeout: for a whole request, in seconds: for small ones only.
    """
    return Client(
        [RetryMiddleware(_RETRIES), AuthenticationMiddleware(), OciMiddleware()],
        user_agent="jupyterhub-installer",
        timeout=timeout,
    )


def explained(error: BaseException) -> Failure:
    """The failure behind an exception of the engine's."""
    said = _IN_ADDRESS.sub(lambda found: "//" if found[0].startswith("//") else "/", str(error).strip())
    low = said.lower()
    for kind, signs in _SIGNS:
        if any(sign in low for sign in signs):
            where = _ADDRESS.search(said)
            return Failure(kind, f"{_WORDS[kind]}{f' ({where[0]})' if where else ''}", said)
    return Failure("other", f"{type(error).__name__}: {said.splitlines()[0] if said else ''}", said)
