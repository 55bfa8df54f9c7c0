"""The kinds of value that `apps` has; like all others, they end up in nginx's file as they are."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from installer.config.kinds import Kind, Unfit, each_once, first_wrong, items, some_text
from installer.config.values import url_path

# --- where an app is on the site -----------------------------------------------------------------
OWN_PREFIX = "jupyterhub-"
"""Paths that begin so are the site's own: the CA's certificate, pages for errors, logging in to an app."""


def app_path(value: object) -> str:
    """Read the path of an app: one of the site, but not all of it, nor one of our own."""
    path = url_path(value)
    wrong = first_wrong(
        (path == "/", "the whole site"), (path.startswith(f"/{OWN_PREFIX}"), "one of the hub's own paths")
    )
    if wrong is not None:
        raise Unfit(wrong)
    return path


_SEGMENT = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
AppPath = Annotated[
    str,
    Kind(
        "a path below the site's such as /rstudio/",
        "Starts and ends with `/`, with one segment at least, of letters, digits, `_`, `~`, `-` and `.` (not as the "
        "first character); at most 200 characters. No segment `hub`, `user` or `services`, and nothing that begins "
        f"with `/{OWN_PREFIX}`.",
    ),
    BeforeValidator(app_path),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 200,
            "pattern": f"^/(?!{OWN_PREFIX})((?!(hub|user|services)/){_SEGMENT}/)+$",
        }
    ),
]
"""The path of an app."""

# --- paths of the machine ------------------------------------------------------------------------
_PLAIN_PATH = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.+@-]+)+"
_LONGEST_PATH = 200
_LONGEST_SOCKET = 107
"""What fits into an address of the kernel's (unix(7))."""


def static_root(value: object) -> str:
    """Read the directory of static files, of characters that need no quoting in nginx's file."""
    text = some_text(value)
    wrong = first_wrong(
        (not text.startswith("/"), "not an absolute path"),
        (text.endswith("/") and text != "/", "ends with /"),
        (not re.fullmatch(_PLAIN_PATH, text), "has an empty segment, . or .., or characters that need quoting"),
        (len(text) > _LONGEST_PATH, f"longer than {_LONGEST_PATH} characters"),
    )
    if wrong is not None:
        meant = re.sub("/+", "/", text).rstrip("/")
        raise Unfit(wrong, meant if re.fullmatch(_PLAIN_PATH, meant) else None)
    return text


StaticRoot = Annotated[
    str,
    Kind(
        "a directory such as /srv/www/course",
        "Starts with `/` and doesn't end with one; letters, digits, `_`, `.`, `+`, `@` and `-` between slashes, no `.` "
        f"or `..` alone, at most {_LONGEST_PATH} characters.",
    ),
    BeforeValidator(static_root),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_PATH, "pattern": f"^{_PLAIN_PATH}$"}),
]
"""A directory whose files everybody may see who gets in."""

# --- where an app listens ------------------------------------------------------------------------
_NUMBER = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_ORIGIN = rf"http://(localhost|(?:{_NUMBER}\.){{3}}{_NUMBER}|\[[0-9A-Fa-f:.]+\])"
_HTTP = f"{_ORIGIN}:{_PORT}"
_UNIX = f"unix:{_PLAIN_PATH}"


def upstream(value: object) -> str:
    """Read where an app takes connections."""
    text = some_text(value)
    http = re.fullmatch(_HTTP, text)
    if http is None and (len(text) > _LONGEST_SOCKET or not re.fullmatch(_UNIX, text)):
        raise Unfit(_wrong_with_upstream(text), _upstream_meant(text))
    if http is not None and http[1].startswith("["):  # the pattern alone would take much that is none
        try:
            ipaddress.IPv6Address(http[1].strip("[]"))
        except ValueError:
            raise Unfit("not an IPv6 address") from None
    return text


def _wrong_with_upstream(text: str) -> str:
    return (
        first_wrong(
            (text.startswith("https://"), "https (on the way inside of a machine, it is http)"),
            (text.startswith("unix:") and len(text) > _LONGEST_SOCKET, "longer than a socket's path may be"),
            (text.startswith("unix:"), "not a socket's path"),
            (re.fullmatch(f"{_HTTP}/.*", text), "has a path (strip_prefix says what the app gets)"),
            (re.fullmatch(f"{_ORIGIN}/?", text), "has no port"),
            # nginx looks a name up when it starts, and where it can't, it doesn't, with all other sites.
            (
                re.fullmatch(r"http://[0-9.-]*[A-Za-z][A-Za-z0-9.-]*(:[0-9]+)?/?", text),
                "a name (nginx wouldn't start without DNS)",
            ),
        )
        or "not where a service listens"
    )


def _upstream_meant(text: str) -> str | None:
    port = re.fullmatch(rf"({_PORT})|:({_PORT})", text)
    meant = f"http://127.0.0.1:{port[1] or port[2]}" if port else re.sub(r"^(https?://)?", "http://", text)
    meant = re.sub(r"^(http://[^/]*)/.*$", r"\1", meant)
    return meant if re.fullmatch(_HTTP, meant) else None


Upstream = Annotated[
    str,
    Kind(
        "where a service listens, such as http://127.0.0.1:8787 or unix:/run/app/http.sock",
        "`http://`, an IP address or `localhost` (which is 127.0.0.1), and a port, without a path; or `unix:` and the "
        "absolute path of a socket that the group `www-data` may connect to. No host names: nginx looks them up as it "
        "starts, and doesn't start where it can't.",
    ),
    BeforeValidator(upstream),
    WithJsonSchema(
        {"type": "string", "anyOf": [{"pattern": f"^{_HTTP}$"}, {"pattern": f"^{_UNIX}$", "maxLength": 107}]}
    ),
]
"""Where an app takes connections."""

# --- sizes ---------------------------------------------------------------------------------------
_SIZE = "[1-9][0-9]{0,5}[KMG]"


def byte_size(value: object) -> str:
    """Read a size as nginx takes it; 0 is no limit."""
    if value in (0, "0") and not isinstance(value, (bool, float)):
        return "0"
    if isinstance(value, int) and not isinstance(value, bool):
        raise Unfit("negative" if value < 0 else "no unit")
    text = some_text(value)
    if not re.fullmatch(_SIZE, text):
        meant = re.sub(r"(?i)\s*(i?b|bytes?)?$", "", text.strip()).upper().replace(" ", "")
        raise Unfit("no unit" if text.isdecimal() else "not a size", meant if re.fullmatch(_SIZE, meant) else None)
    return text


ByteSize = Annotated[
    str,
    Kind(
        "a size such as 50M",
        "A whole number with a unit (`K`, `M`, `G`; 1024 of each are one of the next), at most six digits. Only `0`, "
        "which is no limit, goes without a unit.",
    ),
    BeforeValidator(byte_size),
    WithJsonSchema({"type": ["string", "integer"], "pattern": f"^(0|{_SIZE})$", "minimum": 0, "maximum": 0}),
]
"""How large something may be."""

# --- groups --------------------------------------------------------------------------------------
_GROUP = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}"


def group_name(value: object) -> str:
    """Read the name of a Linux group."""
    name = some_text(value)
    if not re.fullmatch(_GROUP, name):
        raise Unfit("not a group's name")
    return name


_GROUP_NAME = Kind(
    "a group's name such as staff",
    "The name of a Linux group: letters, digits, `_`, `.` and `-`, at most 32 characters, not starting with `.` or "
    "`-`.",
)
_GROUP_NAME_SCHEMA = {"type": "string", "pattern": f"^{_GROUP}$"}
GroupName = Annotated[str, _GROUP_NAME, BeforeValidator(group_name), WithJsonSchema(_GROUP_NAME_SCHEMA)]
"""A Linux group."""

GroupNames = Annotated[
    tuple[GroupName, ...],
    Kind("a list of groups such as [staff]", "Groups, each once, in brackets or one a line after `- `.", _GROUP_NAME),
    BeforeValidator(items(re.compile(_GROUP).fullmatch)),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _GROUP_NAME_SCHEMA, "uniqueItems": True}),
]
"""Several groups, each once."""
