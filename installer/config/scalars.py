"""What an unquoted word in a YAML file means, by YAML 1.2 and by YAML 1.1, which many tools still follow.

Where the two differ (`no`, `1:30`, `010`, `1_000`, dates), people and tools disagree about what a file says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Scalar = str | int | float | bool | None

_LONGEST_NUMBER = 40
"""Characters; what is longer is text: nobody sets such a number, and Python limits what it converts."""

_WORDS_12: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WORDS_11: dict[str, bool | None] = {
    **_WORDS_12,
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_FLOAT_12 = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FLOAT_11 = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:.*)?")


@dataclass(frozen=True)
class Plain:
    """An unquoted word: its value by YAML 1.2, and where YAML 1.1 differs, what that takes it for, in words."""

    value: Scalar
    older: str | None = None


def read_plain(text: str) -> Plain:
    """Tell what an unquoted word means; where the two standards differ, the value is the word itself."""
    newer, older = _by_12(text), _by_11(text)
    if newer == older:
        return Plain(newer[1])
    return Plain(text, f"YAML 1.1 reads {_in_words(older)}, YAML 1.2 {_in_words(newer)}")


Reading = tuple[str, Scalar]
"""What sort of thing it is, and its value."""


def _by_12(text: str) -> Reading:
    if text in _WORDS_12:
        return _word(_WORDS_12[text])
    if len(text) > _LONGEST_NUMBER:
        return "text", text
    for pattern, base in ((r"[-+]?[0-9]+", 10), (r"0o[0-7]+", 8), (r"0x[0-9a-fA-F]+", 16)):
        if re.fullmatch(pattern, text):
            return "number", int(text, base)
    return _float(text, _FLOAT_12)


def _by_11(text: str) -> Reading:
    if text in _WORDS_11:
        return _word(_WORDS_11[text])
    if len(text) > _LONGEST_NUMBER:
        return "text", text
    bare = text.replace("_", "")
    for pattern, base in (
        (r"[-+]?0b[01_]+", 2),
        (r"[-+]?0[0-7_]+", 8),
        (r"[-+]?0x[0-9a-fA-F_]+", 16),
        (r"[-+]?(?:0|[1-9][0-9_]*)", 10),
    ):
        if re.fullmatch(pattern, text) and bare[-1:] not in ("b", "x"):
            return "number", int(bare, base)
    if _BASE_60.fullmatch(text):
        return "number", _base_60(bare)
    if _DATE.fullmatch(text):
        return "date", text
    return _float(text, _FLOAT_11)


def _word(value: bool | None) -> Reading:
    return ("nothing", None) if value is None else ("truth", value)


def _float(text: str, finite: re.Pattern[str]) -> Reading:
    if finite.fullmatch(text):
        return "number", float(text.replace("_", ""))
    return "text", text


def _base_60(text: str) -> Scalar:
    total = 0.0
    for part in text.lstrip("+-").split(":"):
        total = total * 60 + float(part)
    total = -total if text.startswith("-") else total
    return int(total) if total.is_integer() else total


def _in_words(reading: Reading) -> str:
    sort, value = reading
    if sort == "truth":
        return "true" if value else "false"
    return {"nothing": "nothing", "number": f"the number {value}", "date": "a date", "text": "text"}[sort]
