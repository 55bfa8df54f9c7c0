"""Text that is shown on a terminal without doing anything to it."""

from __future__ import annotations

import re

# Packages' output and names are among what is printed.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """The text without characters that would move the cursor, set titles, or fill the clipboard."""
    return _CONTROL.sub("\ufffd", text)
