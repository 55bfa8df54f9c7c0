"""Writing small YAML: values on one line, quoted only where they must be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from installer.config.scalars import read_plain

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9/_][A-Za-z0-9/_.~-]*")


def inline(value: object, *, outermost: bool = False) -> str:
    """Write a value in YAML's flow style; the outermost mapping goes without its braces."""
    if isinstance(value, str):
        # What can't be seen is escaped; all else is easier to read as it is.
        return value if _means_itself(value) else json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{inline(key)}: {inline(below)}" for key, below in value.items())
        return pairs if outermost else f"{{{pairs}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value)


def _means_itself(text: str) -> bool:
    plain = read_plain(text)
    return _NEEDS_NO_QUOTES.fullmatch(text) is not None and plain.value == text and plain.older is None
