"""The kinds of value that say who logs in how; they end up in a file that the hub reads, never in a program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from installer.config.kinds import Kind, Unfit, each_once, first_wrong, items, some_text

# --- addresses of providers ----------------------------------------------------------------------
WELL_KNOWN = "/.well-known/openid-configuration"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATH = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?"
_URL = rf"https://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?{_PATH}"
_LONGEST_URL = 400


def provider_url(value: object) -> str:
    """Read the address of a provider; one of its discovery document is taken for that of the provider."""
    text = some_text(value)
    wrong = first_wrong(
        (len(text) > _LONGEST_URL, f"longer than {_LONGEST_URL} characters"),
        (text.startswith("http://"), "without TLS"),
        (not text.startswith("https://"), "not a URL that starts with https://"),
        ("@" in text, "has credentials"),
        ("?" in text or "#" in text, "has a query or a fragment"),
        (not re.fullmatch(_URL, text), "not the URL of a provider"),
    )
    if wrong is not None:
        meant = {"without TLS": f"https://{text[7:]}", "not a URL that starts with https://": f"https://{text}"}
        offered = meant.get(wrong)
        raise Unfit(wrong, offered if offered and re.fullmatch(_URL, offered) else None)
    try:
        urlsplit(text).port  # noqa: B018 - raises where it is too large
    except ValueError:
        raise Unfit("has a port that there can't be") from None
    return text.removesuffix(WELL_KNOWN)


ProviderUrl = Annotated[
    str,
    Kind(
        "a URL such as https://login.example.org/realms/campus",
        "Starts with `https://`; a host name, a port if need be, and a path of letters, digits, `.`, `_`, `~`, `-`.",
    ),
    BeforeValidator(provider_url),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_URL, "pattern": f"^{_URL}$"}),
]
"""Where a provider is."""

# --- words of a provider's -----------------------------------------------------------------------
_WORD = r"(?!(?:.*/)?\.\.(?:/|$))[A-Za-z0-9._~:/@+|=-]+"
_LONGEST_WORD = 200


def word(value: object) -> str:
    """Read a word as providers have them: nothing in it that any file would have to quote."""
    text = some_text(value)
    if len(text) > _LONGEST_WORD or not re.fullmatch(_WORD, text):
        raise Unfit(
            first_wrong(
                (len(text) > _LONGEST_WORD, f"longer than {_LONGEST_WORD} characters"),
                (re.search(r"\s", text), "has blanks"),
            )
            or "has characters that it can't have"
        )
    return text


_WORD_KIND = Kind(
    "a word such as groups",
    "Letters, digits and `.`, `_`, `~`, `:`, `/`, `@`, `+`, `|`, `=`, `-`, without a `..` between slashes, at most "
    f"{_LONGEST_WORD} characters.",
)
_WORD_SCHEMA = {"type": "string", "maxLength": _LONGEST_WORD, "pattern": f"^{_WORD}$"}
Word = Annotated[str, _WORD_KIND, BeforeValidator(word), WithJsonSchema(_WORD_SCHEMA)]
"""A client id, a scope, the name of a claim."""

Words = Annotated[
    tuple[Word, ...],
    Kind(
        "a list of words such as [groups, offline_access]",
        "Words, each once, in brackets or one a line after `- `.",
        items=_WORD_KIND,
    ),
    BeforeValidator(items(re.compile(_WORD).fullmatch)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _WORD_SCHEMA, "uniqueItems": True}),
]
"""Several of them, each once."""

# --- people and what they belong to, as the provider names them ----------------------------------
_LONGEST_NAME = 254


def name_there(value: object) -> str:
    """Read a name as a provider may have it: anything that can be shown on one line."""
    text = some_text(value)
    wrong = first_wrong(
        (text != text.strip(), "has blanks around it"),
        (len(text) > _LONGEST_NAME, f"longer than {_LONGEST_NAME} characters"),
        (not text.isprintable(), "has characters that can't be shown"),
    )
    if wrong is not None:
        raise Unfit(wrong, text.strip() if wrong == "has blanks around it" and text.strip().isprintable() else None)
    return text


def _fits(read: Callable[[object], str], text: str) -> bool:
    try:
        read(text)
    except Unfit:
        return False
    return True


_NAME = Kind("a name such as ada or ada@example.org", f"Text on one line, at most {_LONGEST_NAME} characters.")
_NAME_SCHEMA: dict[str, object] = {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME}
NamesThere = Annotated[
    tuple[Annotated[str, _NAME, BeforeValidator(name_there)], ...],
    Kind(
        "a list of names such as [ada, grace@example.org]",
        f"Names as the provider has them, each once, at most {_LONGEST_NAME} characters, in brackets or one a line "
        "after `- `.",
        items=_NAME,
    ),
    BeforeValidator(items(lambda text: _fits(name_there, text))),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _NAME_SCHEMA, "uniqueItems": True}),
]
"""People, or groups, as the provider names them."""

_ORGANIZATION = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9][A-Za-z0-9_.-]{0,99})?"


def organization(value: object) -> str:
    """Read an organisation of GitHub's, or a team in one, as their addresses have them."""
    text = some_text(value)
    if not re.fullmatch(_ORGANIZATION, text):
        meant = text.replace(":", "/", 1).removeprefix("@")
        raise Unfit("not an organisation, nor a team in one", meant if re.fullmatch(_ORGANIZATION, meant) else None)
    return text


_ORGANIZATION_KIND = Kind(
    "an organisation such as our-lab, or a team such as our-lab/students",
    "As in their addresses on GitHub: letters, digits and hyphens; for a team, a slash and its name.",
)
_ORGANIZATION_SCHEMA = {"type": "string", "pattern": f"^{_ORGANIZATION}$"}
Organizations = Annotated[
    tuple[Annotated[str, _ORGANIZATION_KIND, BeforeValidator(organization)], ...],
    Kind(
        "a list of organisations such as [our-lab, other/students]",
        f"{_ORGANIZATION_KIND.rules} Each once, in brackets or one a line after `- `.",
        items=_ORGANIZATION_KIND,
    ),
    BeforeValidator(items(re.compile(_ORGANIZATION).fullmatch)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _ORGANIZATION_SCHEMA, "uniqueItems": True}),
]
"""Organisations and teams, each once."""

# --- e-mail domains ------------------------------------------------------------------------------
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})+"


def domain(value: object) -> str:
    """Read the domain of e-mail addresses, lower-cased."""
    text = some_text(value)
    if not re.fullmatch(_DOMAIN, text) or len(text) > _LONGEST_NAME:
        meant = text.rpartition("@")[2].removeprefix("*.").lower()
        raise Unfit(
            "a whole address" if "@" in text.lstrip("@") else "not a domain",
            meant if re.fullmatch(_DOMAIN, meant) else None,
        )
    return text.lower()


_DOMAIN_KIND = Kind("a domain such as example.org", "What is behind the `@`, taken in lower case; no wildcard.")
_DOMAIN_SCHEMA = {"type": "string", "maxLength": _LONGEST_NAME, "pattern": f"^{_DOMAIN}$"}
Domain = Annotated[str, _DOMAIN_KIND, BeforeValidator(domain), WithJsonSchema(_DOMAIN_SCHEMA)]
"""What is behind the @."""
Domains = Annotated[
    tuple[Domain, ...],
    Kind(
        "a list of domains such as [example.org]",
        f"{_DOMAIN_KIND.rules} Each once, in brackets or one a line after `- `.",
        items=_DOMAIN_KIND,
    ),
    BeforeValidator(items(re.compile(_DOMAIN).fullmatch)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _DOMAIN_SCHEMA, "uniqueItems": True}),
]
"""Several of them, each once."""

# --- beginnings of account names -----------------------------------------------------------------
_PREFIX = r"[a-z][a-z0-9-]{0,11}"


def prefix(value: object) -> str:
    """Read what the names of accounts begin with."""
    text = some_text(value)
    if not re.fullmatch(_PREFIX, text):
        meant = text.lower().replace("_", "-")
        raise Unfit("not the beginning of an account's name", meant if re.fullmatch(_PREFIX, meant) else None)
    return text


Prefix = Annotated[
    str,
    Kind(
        "a beginning such as gh-",
        "A lower-case letter, and up to eleven more, digits or hyphens.",
    ),
    BeforeValidator(prefix),
    WithJsonSchema({"type": "string", "pattern": f"^{_PREFIX}$"}),
]
"""What accounts' names begin with."""
