"""Credentials of private channels: kept out of addresses, given to the engine by a file that is only in memory."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

Credentials = dict[str, Any]
"""As the engine reads them: by host, {"BearerToken": …}, {"CondaToken": …} or {"BasicHTTP": {username, password}}."""

_TOKEN = re.compile(r"^/t/([^/]+)(?=/)")


def provide(credentials: Credentials) -> None:
    """Have the engine's clients made from here on use them."""
    handle = os.memfd_create("credentials")
    os.write(handle, json.dumps(credentials).encode())
    os.environ["RATTLER_AUTH_FILE"] = f"/proc/self/fd/{handle}"


def taken_out(channels: Sequence[str], known: Credentials) -> tuple[list[str], Credentials]:
    """The channels' addresses without credentials in them, and all credentials.

    An address is written into each package's record, which everybody can read.
    """
    clean: list[str] = []
    found: Credentials = {}
    for channel in channels:
        parts = urlsplit(channel)
        if not parts.hostname:
            clean.append(channel)
            continue
        if parts.password is not None:
            basic = {"username": unquote(parts.username or ""), "password": unquote(parts.password)}
            found[parts.hostname] = {"BasicHTTP": basic}
        if token := _TOKEN.match(parts.path):
            found[parts.hostname] = {"CondaToken": token[1]}
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=_TOKEN.sub("", parts.path))
        clean.append(urlunsplit(bare))
    return clean, {**known, **found}
