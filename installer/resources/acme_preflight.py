"""Whether a CA will find us: each name leads somewhere, and there, on port 80, this machine's nginx answers."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

import httpx

from installer.host import files
from installer.host.errors import Problem

_SECONDS = 5.0
_AFTER = "then run apply again; tls.preflight: false in the config asks the CA all the same"


def see_that_names_lead_here(names: Sequence[str], addresses: Sequence[str], challenges: Path) -> None:
    """Ask for a file by every name, at every address that DNS has for it. Raises Problem for the first that fails.

    addresses: this machine's. challenges: the directory that nginx serves for the CA's questions.
    """
    token = secrets.token_hex(16)
    place = challenges / f"preflight-{token}"
    files.write(place, token.encode(), mode=0o644)
    try:
        for name in names:
            _see(name, _resolved(name), addresses, place.name, token)
    finally:
        files.remove(place)


def _resolved(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Problem(
            f"the name {name} leads nowhere: {error.strerror or error}",
            f"have your DNS lead it to this machine (A, and AAAA where it has IPv6), {_AFTER}",
        ) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _see(name: str, found: Sequence[str], addresses: Sequence[str], file: str, token: str) -> None:
    troubles = {address: _trouble(name, address, file, token) for address in found}
    reached = [address for address, trouble in troubles.items() if trouble == ""]
    for address, trouble in troubles.items():
        # A machine without IPv6 can't see what its own IPv6 address in DNS comes to.
        if trouble == "" or (trouble == _NO_WAY and reached):
            continue
        whose = "this machine's" if address in addresses else "none of this machine's own"
        raise Problem(
            f"port 80 of {name} does not lead to this machine's nginx: at {address} ({whose}) {trouble}",
            f"let port 80 in at the firewall, and see that DNS has no other address for {name}, {_AFTER}",
        )


_NO_WAY = "there is no way to it"


def _trouble(name: str, address: str, file: str, token: str) -> str:
    """What is wrong with the answer at an address, "" for nothing."""
    host = f"[{address}]" if ":" in address else address
    named = f"[{name}]" if ":" in name else name
    try:
        with httpx.Client(timeout=_SECONDS, trust_env=False) as client:
            answer = client.get(f"http://{host}/.well-known/acme-challenge/{file}", headers={"Host": named})
    except httpx.HTTPError as error:
        cause = error.__cause__.__cause__ if error.__cause__ else None
        number = cause.errno if isinstance(cause, OSError) else None
        if number in {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            return _NO_WAY
        return f"nobody answers ({str(error) or type(error).__name__})"
    if answer.status_code != httpx.codes.OK:
        return f"somebody answers {answer.status_code}"
    return "" if answer.text.strip() == token else "somebody else answers"
