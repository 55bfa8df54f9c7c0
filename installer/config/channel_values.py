"""Conda channels: where the packages of kernels come from."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from installer.config.credentials import BEHIND_A_HOST, credentials_in, has_credentials
from installer.config.kinds import Kind, Unfit, each_once, first_wrong, items, some_text
from installer.host import paths

_WORD = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_SEGMENT = "[A-Za-z0-9_~%][A-Za-z0-9_.+~%-]*"
_CHANNEL_NAME = rf"{_WORD}(?:/{_WORD}){{0,3}}"
_CHANNEL_URL = rf"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?(?:/{_SEGMENT})*/?"
_CHANNEL_FILE = rf"file://(?:/{_SEGMENT})+/?"
_PLATFORM = r"/(?:noarch|(?:linux|osx|win)-[a-z0-9]+)/?$"
_WORDS_OF_CONDAS = ("defaults", "nodefaults", "local")
ANY_CHANNEL = f"(?:{_CHANNEL_NAME}|{_CHANNEL_URL}|{_CHANNEL_FILE})"
"""A pattern; see `is_channel` for what else is refused."""


def channel(value: object) -> str:
    """Read a conda channel: its name, or its URL without the last slash."""
    text = some_text(value)
    if has_credentials(text):
        raise credentials_in(text, _wrong_with_channel)
    wrong = _wrong_with_channel(text)
    if wrong is not None:
        raise Unfit(wrong, _channel_meant(text))
    return text.rstrip("/")


def is_channel(text: str) -> bool:
    """Whether a text is a channel, with nothing to be said against it."""
    return not has_credentials(text) and _wrong_with_channel(text) is None


def _wrong_with_channel(text: str) -> str | None:
    return first_wrong(
        (text in _WORDS_OF_CONDAS, "a word of conda's for several channels, or for none"),
        (text.startswith("/"), "a path without file://"),
        (re.match("file://[^/]", text), "a file on another host"),
        (re.search(_PLATFORM, text), "one platform's part of a channel"),
        ("?" in text or "#" in text, "has a query or a fragment"),
        (not re.fullmatch(ANY_CHANNEL, text), "not a channel"),
    )


def _channel_meant(text: str) -> str | None:
    bare = text.strip()
    if bare.startswith("/"):
        bare = f"file://{bare}"
    bare = re.sub(_PLATFORM, "", re.split("[?#]", bare)[0])
    return bare.rstrip("/") if is_channel(bare) else None


_CHANNEL = Kind(
    "a conda channel such as conda-forge",
    "A name (`conda-forge`, `bioconda`, `org/label/dev`), a URL (`https://mirror.example.org/conda-forge`) or a "
    "directory on this machine (`file:///srv/channel`). No credentials in the URL: everybody can read the config, "
    f"and they go into `{paths.CHANNEL_CREDENTIALS}`.",
)
_CHANNEL_SCHEMA = {
    "type": "string",
    "pattern": rf"^(?!({'|'.join(_WORDS_OF_CONDAS)})$)(?!{BEHIND_A_HOST})(?!.*{_PLATFORM}){ANY_CHANNEL}$",
}
Channel = Annotated[str, _CHANNEL, BeforeValidator(channel), WithJsonSchema(_CHANNEL_SCHEMA)]
"""A conda channel."""


def _some(channels: tuple[str, ...]) -> tuple[str, ...]:
    if not channels:
        raise Unfit("no channel", expected="at least one (for no kernels at all, set kernels to [])")
    return channels


Channels = Annotated[
    tuple[Channel, ...],
    Kind(
        "a list of conda channels such as [conda-forge]",
        "Channels, each once, the one that is preferred first: a package that an earlier one has is never taken "
        "from a later one.",
        items=_CHANNEL,
    ),
    BeforeValidator(items(is_channel)),
    AfterValidator(each_once),
    AfterValidator(_some),
    WithJsonSchema({"type": "array", "items": _CHANNEL_SCHEMA, "uniqueItems": True, "minItems": 1}),
]
"""Where packages come from, the preferred one first."""
