"""The kinds of value that lead to people in a directory; they end up in a file that the hub reads, in no program."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

from installer.config.kinds import Kind, Unfit, first_wrong, some_text

_LONGEST = 1000
NAME = "{name}"
"""Stands for what somebody typed."""

# --- addresses -----------------------------------------------------------------------------------
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?"
_URL = rf"ldaps?://{_HOST}"


def ldap_url(value: object) -> str:
    """Read the address of a directory server."""
    text = some_text(value)
    wrong = first_wrong(
        (len(text) > _LONGEST, f"longer than {_LONGEST} characters"),
        ("@" in text, "has credentials"),
        (not re.match("ldaps?://", text), "not a URL that starts with ldaps:// or ldap://"),
        (not re.fullmatch(_URL, text), "not the URL of a server alone"),
    )
    if wrong is not None:
        meant = re.sub("^(?:[a-z]+://)?", "ldaps://", text) if wrong.startswith("not a URL") else text.rstrip("/")
        raise Unfit(wrong, meant if re.fullmatch(_URL, meant) else None)
    try:
        urlsplit(text).port  # noqa: B018 - raises where it is too large
    except ValueError:
        raise Unfit("has a port that there can't be") from None
    return text


LdapUrl = Annotated[
    str,
    Kind(
        "a URL such as ldaps://ldap.example.org",
        "Starts with `ldaps://` or `ldap://`; a host name or address, and a port if need be.",
    ),
    BeforeValidator(ldap_url),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST, "pattern": f"^{_URL}$"}),
]
"""Where a directory is."""

# --- names of entries ----------------------------------------------------------------------------
_PART = r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)=(?:[^,\\]|\\.)+"
_DN = rf"{_PART}(?:,{_PART})*"


def distinguished_name(value: object) -> str:
    """Read the name of an entry."""
    text = _on_one_line(value)
    if NAME in text:
        raise Unfit(f"has {NAME} in it", expected="the name of one entry")
    return _entry(text)


def distinguished_name_of_one(value: object) -> str:
    """Read the name of somebody's entry, with a place for what they are called."""
    text = _on_one_line(value)
    if text.count(NAME) != 1:
        raise Unfit(f"has {NAME} in it {text.count(NAME)} times", expected="it once")
    return _entry(text)


def _entry(text: str) -> str:
    if not re.fullmatch(_DN, text):
        raise Unfit("not the name of an entry")
    return text


def _on_one_line(value: object) -> str:
    text = some_text(value)
    wrong = first_wrong(
        (len(text) > _LONGEST, f"longer than {_LONGEST} characters"),
        (not text.isprintable(), "has characters that can't be shown"),
    )
    if wrong is not None:
        raise Unfit(wrong)
    return text


_DN_SCHEMA = {"type": "string", "maxLength": _LONGEST, "pattern": f"^{_DN}$"}
DistinguishedName = Annotated[
    str,
    Kind(
        "a distinguished name such as ou=people,dc=example,dc=org",
        "An entry's name in the directory (RFC 4514): pairs of an attribute and a value, with commas between them.",
    ),
    BeforeValidator(distinguished_name),
    WithJsonSchema(_DN_SCHEMA),
]
"""An entry of a directory."""

DistinguishedNameOfOne = Annotated[
    str,
    Kind(
        f"a distinguished name with {NAME} such as uid={NAME},ou=people,dc=example,dc=org",
        f"As `ldap.base`, with `{NAME}` in it once.",
    ),
    BeforeValidator(distinguished_name_of_one),
    WithJsonSchema(_DN_SCHEMA),
]
"""Somebody's entry."""

# --- filters -------------------------------------------------------------------------------------
_ITEM = r"\([A-Za-z0-9.;:-]+[~<>]?=[^()]*\)"


def ldap_filter(value: object) -> str:
    """Read a filter, with a place for what somebody typed."""
    text = _on_one_line(value)
    wrong = first_wrong(
        (NAME not in text, f"has no {NAME} in it"),
        (re.search(r"=\*?\{name\}\*|\*\{name\}", text), f"has a * beside {NAME}"),
        (not _is_filter(text), "not a filter"),
    )
    if wrong is not None:
        meant = f"({text})"
        raise Unfit(wrong, meant if wrong == "not a filter" and _is_filter(meant) else None)
    return text


def _is_filter(text: str) -> bool:
    """Whether it can be read as RFC 4515 has it: from the inside out, what is a filter becomes a plain one."""
    plain = "(a=b)"
    text = re.sub(_ITEM, plain, text)
    item = re.escape(plain)
    before = ""
    while before != text:
        before, text = text, re.sub(rf"\((?:[&|](?:{item})+|!{item})\)", plain, text)
    return text == plain


LdapFilter = Annotated[
    str,
    Kind(
        f"a filter such as (uid={NAME})",
        f"A search filter (RFC 4515) in brackets, with `{NAME}` in it and no `*` beside that.",
    ),
    BeforeValidator(ldap_filter),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST, "pattern": r"^\(.*\{name\}.*\)$"}),
]
"""Which entry is somebody's."""
