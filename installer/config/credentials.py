"""Credentials inside URLs: they have no place in a file that everybody can read, nor in what is told of it."""

from __future__ import annotations

import re
from collections.abc import Callable

from installer.config.kinds import Unfit
from installer.host import paths

BEFORE_A_HOST = r"://[^/\s]*@"
BEHIND_A_HOST = r"https?://[^/\s]+/t/[^/\s]+"
"""How conda has a token in a URL."""
_HOWEVER_MISWRITTEN = r"(?<=://)\S*(?=@)|(?<=/t/)[^/\s]+"


def has_credentials(text: str) -> bool:
    """Whether a URL in the text has a user's name, a password or a token of conda's in it."""
    return re.search(f"{BEFORE_A_HOST}|{BEHIND_A_HOST}", text) is not None


def without_credentials(text: str) -> str:
    """The same text with URLs that anybody may see."""
    without_tokens = re.sub(BEHIND_A_HOST, lambda url: url[0].rpartition("/t/")[0], text)
    return re.sub(BEFORE_A_HOST, "://", without_tokens)


def masked(text: str) -> str:
    """The same text with dots where credentials are; rather too many dots than a part of a password."""
    return re.sub(_HOWEVER_MISWRITTEN, "…", text)


def credentials_in(text: str, wrong_with: Callable[[str], str | None], meant: str | None = None) -> Unfit:
    """Refuse a text for its credentials, and offer it without them where that would do."""
    meant = without_credentials(text) if meant is None else meant
    return Unfit(
        "has credentials in it",
        meant if wrong_with(meant) is None else None,
        expected=f"a URL without them (they go into {paths.CHANNEL_CREDENTIALS}: everybody can read this file)",
    )
