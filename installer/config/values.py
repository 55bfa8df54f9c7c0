"""The kinds of value a config key can have: what each accepts, and in which words it refuses the rest.

What passes here ends up in nginx, systemd and Python files that root acts on: each kind lists what is allowed and
refuses everything else, so that no template has to quote.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from installer.config.kinds import Kind, Unfit, each_once, first_wrong, items, some_text
from installer.host import paths

# --- durations -----------------------------------------------------------------------------------
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = r"(?=[0-9])" + "".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS)
_SPELLED_OUT = re.compile(
    r"\s*([0-9]+)\s*(?:(d)(?:ays?)?|(h)(?:rs?|ours?)?|(m)(?:ins?|inutes?)?|(s)(?:ecs?|econds?)?)\s*",
    re.IGNORECASE,
)
_LONGEST = 365 * _UNITS["d"]


def seconds(value: object) -> int:
    """Read a duration: 0, or whole numbers with a unit, the largest unit first (1h30m)."""
    if value in (0, "0") and not isinstance(value, (bool, float)):
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        raise Unfit("negative") if value < 0 else Unfit("no unit", _duration_meant(str(value)))
    text = some_text(value)
    parts = re.fullmatch(_DURATION, text)
    if parts is None:
        raise Unfit("no unit" if text.isdecimal() else "not a duration", _duration_meant(text))
    total = sum(int(amount or 0) * size for amount, size in zip(parts.groups(), _UNITS.values(), strict=True))
    if total > _LONGEST:
        raise Unfit("longer than 365d", "365d")
    return total


def duration_text(total: int) -> str:
    """Write seconds the way a config file has them: 5400 as 1h30m, 0 as 0."""
    text = ""
    for unit, size in _UNITS.items():
        amount, total = divmod(total, size)
        text += f"{amount}{unit}" if amount else ""
    return text or "0"


def _as_written(total: int) -> str | int:
    return duration_text(total) if total else 0


def _duration_meant(text: str) -> str | None:
    if text.isascii() and text.isdecimal():
        return duration_text(int(text)) if int(text[:12]) <= _LONGEST else None
    spelled = _SPELLED_OUT.fullmatch(text)
    if spelled is None or len(spelled[1]) > len("365"):
        return None
    unit = next(letter for letter in spelled.groups()[1:] if letter)
    return f"{int(spelled[1])}{unit.lower()}"


Duration = Annotated[
    int,
    Kind(
        "a duration such as 1h, 30m or 90s",
        "Whole numbers with a unit (`d`, `h`, `m`, `s`), the largest unit first: `1h`, `30m`, `1h30m`; at "
        "most `365d`. Only `0` goes without a unit.",
    ),
    BeforeValidator(seconds),
    PlainSerializer(_as_written),
    # The pattern is for text and the bounds are for numbers: of these there is only 0.
    WithJsonSchema({"type": ["string", "integer"], "pattern": f"^(0|{_DURATION})$", "minimum": 0, "maximum": 0}),
]
"""Seconds, written with a unit in the file."""

# --- how many ------------------------------------------------------------------------------------
_MOST = 1000


def count(value: object) -> int:
    """Read how many of something there are to be, one at least."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit(
            "wrong type", int(value) if isinstance(value, str) and re.fullmatch("[1-9][0-9]{0,2}", value) else None
        )
    if not 1 <= value <= _MOST:
        raise Unfit("less than 1" if value < 1 else f"more than {_MOST}", 1 if value < 1 else _MOST)
    return value


Count = Annotated[
    int,
    Kind("a number such as 14", f"A whole number from 1 to {_MOST}."),
    BeforeValidator(count),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": _MOST}),
]
"""How many."""

# --- host names and addresses --------------------------------------------------------------------
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LONGEST_HOST_NAME = 253


def host(value: object) -> str:
    """Read a host name (RFC 1123), lower-cased, or an IP address in its usual form."""
    text = some_text(value)
    wrong = _wrong_with_host(text)
    if wrong is not None:
        raise Unfit(wrong, _host_meant(text))
    address = _address(text)
    return str(address) if address else text.lower()


def _wrong_with_host(text: str) -> str | None:
    address = _address(text)
    if address is not None:
        return "an address that no host has" if address.is_unspecified or address.is_multicast else None
    labels = text.split(".")
    for found, wrong in (
        ("://" in text, "a whole URL"),
        ("/" in text, "has a path"),
        ("*" in text, "a wildcard"),
        (text.startswith("["), "has brackets"),
        (re.search(r":[0-9]*$", text), "has a port"),
        (not text.isascii(), "not ASCII (such a name is given in its punycode form)"),
        (len(text) > _LONGEST_HOST_NAME, f"longer than {_LONGEST_HOST_NAME} characters"),
        (text.endswith("."), "ends with a dot"),
        (not all(re.fullmatch(_LABEL, label) for label in labels), "not a host name"),
        (labels[-1].isdecimal(), "its last part is a number"),
    ):
        if found:
            return wrong
    return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _host_meant(text: str) -> str | None:
    bare = re.sub(r"^[a-z]+://", "", text.strip().lower()).split("/")[0]
    if bare.startswith("["):
        bare = bare[1:].split("]")[0]
    else:
        bare = re.sub(r":[0-9]*$", "", bare).removeprefix("*.").rstrip(".").replace("_", "-")
        bare = ".".join(map(_punycode, bare.split(".")))
    return bare if bare and _wrong_with_host(bare) is None else None


def _punycode(label: str) -> str:
    if label.isascii() or not all(c.isalnum() or c == "-" for c in label):
        return label
    return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode()


Host = Annotated[
    str,
    Kind(
        "a host name or IP address such as hub.example.org",
        "A name of letters, digits and inner hyphens, in parts joined by dots (RFC 1123), at most 253 characters, "
        "taken in lower case; international names in punycode. Or an IPv4 or IPv6 address, without brackets. "
        "No scheme, port, path, wildcard or trailing dot.",
    ),
    BeforeValidator(host),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": _LONGEST_HOST_NAME,
            "anyOf": [
                {"pattern": rf"^(?!(.*\.)?[0-9]+$){_LABEL}(\.{_LABEL})*$"},
                {"pattern": r"^([0-9]{1,3}\.){3}[0-9]{1,3}$"},
                {"pattern": "^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$"},
            ],
        }
    ),
]
"""What people type into the browser to reach the site."""

# --- paths in URLs -------------------------------------------------------------------------------
_SEGMENT = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_HUBS_OWN = ("hub", "user", "services")
"""What JupyterHub itself puts below the base URL: above it they would make logs and proxy rules unreadable."""
_LONGEST_URL_PATH = 200


def url_path(value: object) -> str:
    """Read a path that starts and ends with a slash, of characters that need no quoting anywhere."""
    text = some_text(value)
    wrong = _wrong_with_url_path(text)
    if wrong is not None:
        raise Unfit(wrong, _url_path_meant(text))
    return text


def _wrong_with_url_path(path: str) -> str | None:
    segments = path.strip("/").split("/")
    for found, wrong in (
        ("://" in path, "a whole URL"),
        ("%" in path, "percent-encoded"),
        (not path.startswith("/"), "doesn't start with /"),
        (not path.endswith("/"), "doesn't end with /"),
        ("//" in path, "has an empty segment"),
        (any(segment.startswith(".") for segment in segments), "has a segment that starts with a dot"),
        (not re.fullmatch(f"/(?:{_SEGMENT}/)*", path), "has characters that are not safe in a path"),
        (any(segment in _HUBS_OWN for segment in segments), "has a segment that JupyterHub itself uses"),
        (len(path) > _LONGEST_URL_PATH, f"longer than {_LONGEST_URL_PATH} characters"),
    ):
        if found:
            return wrong
    return None


def _url_path_meant(text: str) -> str | None:
    segments = re.sub(r"^[a-z]+://[^/]*", "", text.strip()).split("/")
    meant = "".join(f"/{segment}" for segment in segments if re.fullmatch(_SEGMENT, segment)) + "/"
    return meant if meant != "/" and _wrong_with_url_path(meant) is None else None


UrlPath = Annotated[
    str,
    Kind(
        "a path such as / or /jupyter/",
        "Starts and ends with `/`; segments of letters, digits, `_`, `~`, `-` and `.` (not as the first character), "
        "at most 200 characters. No segment `hub`, `user` or `services`, which JupyterHub adds itself.",
    ),
    BeforeValidator(url_path),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": _LONGEST_URL_PATH,
            "pattern": f"^/((?!({'|'.join(_HUBS_OWN)})/){_SEGMENT}/)*$",
        }
    ),
]
"""The path below which something is served."""

# --- accounts ------------------------------------------------------------------------------------
_ACCOUNT = r"[a-z0-9_][a-z0-9_.-]{0,31}"
_NOT_FOR_PEOPLE = ("root", *paths.SERVICE_USERS)


def account_name(value: object) -> str:
    """Read the name of a person's Linux account, as useradd would accept it."""
    name = some_text(value)
    if name in _NOT_FOR_PEOPLE:
        raise Unfit("not a person's account")
    if name.isdecimal():
        raise Unfit("nothing but digits (programs take it for a user id)")
    if not re.fullmatch(_ACCOUNT, name):
        meant = name.strip().lower()
        usable = re.fullmatch(_ACCOUNT, meant) and meant not in _NOT_FOR_PEOPLE and not meant.isdecimal()
        wrong = "not in lower case" if usable and name != name.lower() else "not an account name"
        raise Unfit(wrong, meant if usable else None)
    return name


_ACCOUNT_NAME = Kind(
    "an account name such as ada",
    "What useradd accepts, in lower case as JupyterHub makes it at login: letters, digits, `_`, `.` and `-`, at "
    "most 32 characters, not starting with `.` or `-`, not digits alone. Not root, nor one of the hub's own.",
)
_ACCOUNT_NAME_SCHEMA = {"type": "string", "pattern": f"^(?!({'|'.join(_NOT_FOR_PEOPLE)}|[0-9]+)$){_ACCOUNT}$"}

AccountName = Annotated[str, _ACCOUNT_NAME, BeforeValidator(account_name), WithJsonSchema(_ACCOUNT_NAME_SCHEMA)]
"""The name of a person's account."""

AccountNames = Annotated[
    tuple[AccountName, ...],
    Kind(
        "a list of account names such as [ada, grace]",
        "Account names, each once, in brackets or one a line after `- `.",
        items=_ACCOUNT_NAME,
    ),
    BeforeValidator(items(re.compile(_ACCOUNT).fullmatch)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _ACCOUNT_NAME_SCHEMA, "uniqueItems": True}),
]
"""Several accounts, each once."""

# --- what stays as it was changed by hand --------------------------------------------------------
KEEPABLE = tuple(
    map(
        str,
        (
            paths.NGINX_SITE,
            paths.PAM_SERVICE,
            paths.UNITS / paths.USERS_SLICE,
            paths.UNITS / paths.NOTIFY_UNIT,
            paths.UNITS / paths.BACKUP_TIMER_UNIT,
        ),
    )
)
"""Files of ours that a site may have its own way: none that says what may be run as root, and none that names an
environment, of which the next one would not find its way in."""


def kept_file(value: object) -> str:
    """Read the path of a file of ours that may stay as somebody has changed it."""
    text = some_text(value)
    if text not in KEEPABLE:
        name = text.rpartition("/")[2]
        raise Unfit(
            first_wrong(
                (text == str(paths.HUB_CONFIG), f"not to be kept (settings of yours go into {paths.CONF_D}/)"),
                (
                    text.startswith(f"{paths.UNITS}/"),
                    f"not to be kept (changes of yours go beside it: sudo systemctl edit {name})",
                ),
            )
            or "not a file that can be kept",
            next((path for path in KEEPABLE if not text.startswith("/") and path.endswith(f"/{name}")), None),
            expected=f"one of {', '.join(KEEPABLE)}",
        )
    return text


_KEPT_FILE = Kind(
    f"a file such as {paths.NGINX_SITE}", f"One of {', '.join(f'`{path}`' for path in KEEPABLE)}, each once."
)
KeptFiles = Annotated[
    tuple[Annotated[str, _KEPT_FILE, BeforeValidator(kept_file)], ...],
    Kind(
        f"a list of files such as [{paths.NGINX_SITE}]",
        f"{_KEPT_FILE.rules} [What that means](../how-to/keep-changes.md).",
        items=_KEPT_FILE,
    ),
    BeforeValidator(items(KEEPABLE.__contains__)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(KEEPABLE)}, "uniqueItems": True}),
]
"""Files of ours that stay as somebody has changed them."""

# --- telling of failures -------------------------------------------------------------------------
_PROGRAM = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.+-]+)+"
_LONGEST_PROGRAM = 200


def program_path(value: object) -> str:
    """Read the absolute path of a program, of characters that need no quoting in a unit."""
    text = some_text(value)
    wrong = first_wrong(
        (not text.startswith("/"), "not an absolute path"),
        (re.search(r"\s", text), "has blanks (arguments can't be given: write a small program that gives them)"),
        (len(text) > _LONGEST_PROGRAM, f"longer than {_LONGEST_PROGRAM} characters"),
        (not re.fullmatch(_PROGRAM, text), "has an empty segment, . or .., or characters that are not safe in a unit"),
    )
    if wrong is not None:
        raise Unfit(wrong)
    return text


ProgramPath = Annotated[
    str,
    Kind(
        "the path of a program such as /usr/local/bin/notify-failed",
        "Starts with `/`; letters, digits, `_`, `.`, `+` and `-` between slashes, no `.` or `..` alone, at most "
        f"{_LONGEST_PROGRAM} characters, and no arguments. The program and all directories above it have to be "
        "root's, with nobody else able to write there, and everybody able to run it.",
    ),
    BeforeValidator(program_path),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_PROGRAM, "pattern": f"^{_PROGRAM}$"}),
]
"""A program of the admin's own."""

_MAILBOX = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"
_MAIL_ADDRESS = rf"{_MAILBOX}(?:@{_LABEL}(?:\.{_LABEL})*)?"


def mail_address(value: object) -> str:
    """Read a mail address, or the name of an account of this machine."""
    text = some_text(value)
    if not re.fullmatch(_MAIL_ADDRESS, text) or len(text) > _LONGEST_HOST_NAME:
        raise Unfit("not a mail address")
    return text


MailAddress = Annotated[
    str,
    Kind(
        "a mail address such as root or ada@example.org",
        "An account of this machine, or an address: letters, digits, `_`, `.`, `+` and `-` before the `@`, a host name "
        f"behind it, at most {_LONGEST_HOST_NAME} characters. A mail system has to be installed.",
    ),
    BeforeValidator(mail_address),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_HOST_NAME, "pattern": f"^{_MAIL_ADDRESS}$"}),
]
"""Where a mail goes."""
