"""The kinds of value that say where the certificate comes from."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from installer.config.kinds import Kind, Unfit, each_once, first_wrong, items, some_text
from installer.config.values import Host, host

# --- yes or no -----------------------------------------------------------------------------------
Switch = Annotated[bool, Kind("true or false", "`true` or `false`.")]
"""Whether something is to be."""

# --- names ---------------------------------------------------------------------------------------
_HOST = Kind(
    "a host name or IP address such as hub.example.org",
    "As for `hub.domain`.",
)


def _host_item(text: str) -> bool:
    try:
        host(text)
    except Unfit:
        return False
    return True


HostNames = Annotated[
    tuple[Host, ...],
    Kind(
        "a list of names such as [hub.example.org, jupyter.example.org]",
        "Host names and IP addresses as for `hub.domain`, each once, in brackets or one a line after `- `.",
        items=_HOST,
    ),
    BeforeValidator(items(_host_item)),
    AfterValidator(each_once),
    Field(json_schema_extra={"uniqueItems": True}),
]
"""Several names or addresses, each once."""

_NOT_PUBLIC = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "arpa",
               "test", "invalid", "onion")  # fmt: skip


def is_public(name: str) -> bool:
    """Whether a name or an address may be known to the whole world."""
    try:
        return ipaddress.ip_address(name).is_global
    except ValueError:
        return "." in name and name.rpartition(".")[2] not in _NOT_PUBLIC


# --- mail ----------------------------------------------------------------------------------------
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = rf"[A-Za-z0-9_][A-Za-z0-9_.+-]{{0,63}}@{_LABEL}(?:\.{_LABEL})+"
_LONGEST_ADDRESS = 254


def outside_address(value: object) -> str:
    """Read a mail address that the whole world can write to."""
    text = some_text(value)
    if not re.fullmatch(_ADDRESS, text) or len(text) > _LONGEST_ADDRESS:
        raise Unfit("not a mail address" if "@" not in text or "." not in text else "not a mail address as CAs take it")
    return text


OutsideAddress = Annotated[
    str,
    Kind(
        "a mail address such as ada@example.org",
        f"Letters, digits, `_`, `.`, `+` and `-` before the `@`, a full host name behind it, at most "
        f"{_LONGEST_ADDRESS} characters.",
    ),
    BeforeValidator(outside_address),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_ADDRESS, "pattern": f"^{_ADDRESS}$"}),
]
"""Where a CA writes to."""

# --- the CA --------------------------------------------------------------------------------------
_URL_PATH = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?"
_URL = rf"https://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?{_URL_PATH}"
_LONGEST_URL = 400


def directory_url(value: object) -> str:
    """Read the address of an ACME server's directory."""
    text = some_text(value)
    wrong = first_wrong(
        (len(text) > _LONGEST_URL, f"longer than {_LONGEST_URL} characters"),
        (text.startswith("http://"), "without TLS"),
        (not text.startswith("https://"), "not a URL that starts with https://"),
        ("@" in text, "has credentials"),
        (not re.fullmatch(_URL, text), "not the URL of an ACME directory"),
    )
    if wrong is not None:
        raise Unfit(wrong, "https://" + text.removeprefix("http://") if wrong == "without TLS" else None)
    try:
        urlsplit(text).port  # noqa: B018 - raises where it is too large
    except ValueError:
        raise Unfit("has a port that there can't be") from None
    return text


DirectoryUrl = Annotated[
    str,
    Kind(
        "the URL of an ACME directory such as https://ca.example.org/acme/directory",
        "Starts with `https://`; a host name, a port if need be, and a path of letters, digits, `.`, `_`, `~`, `-`.",
    ),
    BeforeValidator(directory_url),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_URL, "pattern": f"^{_URL}$"}),
]
"""Where an ACME server says what it can do (RFC 8555, 7.1.1)."""

# --- files ---------------------------------------------------------------------------------------
_FILE = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.+-]+)+"
_LONGEST_FILE = 200


def plain_file(value: object) -> str:
    """Read the absolute path of a file, of characters that need no quoting in a unit."""
    text = some_text(value)
    wrong = first_wrong(
        (not text.startswith("/"), "not an absolute path"),
        (len(text) > _LONGEST_FILE, f"longer than {_LONGEST_FILE} characters"),
        (text.startswith(("/home/", "/root/", "/run/user/")), "in a home, which services can't see into"),
        (not re.fullmatch(_FILE, text), "has an empty segment, . or .., or characters that are not safe in a unit"),
    )
    if wrong is not None:
        raise Unfit(wrong)
    return text


PlainFile = Annotated[
    str,
    Kind(
        "the path of a file such as /etc/ssl/hub/fullchain.pem",
        "Starts with `/`; letters, digits, `_`, `.`, `+` and `-` between slashes, no `.` or `..` alone, at most "
        f"{_LONGEST_FILE} characters. Not in a home.",
    ),
    BeforeValidator(plain_file),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_FILE, "pattern": f"^(?!/(home|root|run/user)/){_FILE}$"}),
]
"""A file of the admin's that a unit names."""
