"""The kinds of value that `branding` has: what people read. It is shown as it is written, never taken for HTML."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from installer.config.kinds import Kind, Unfit, first_wrong, some_text

_LONGEST_SENTENCE = 500
_LONGEST_TEXT = 2000


def sentence(value: object) -> str:
    """Read what fits into a banner: one line."""
    text = some_text(value).strip()
    wrong = _wrong_with(text.replace("\n", "\0"), _LONGEST_SENTENCE)
    if wrong is not None:
        meant = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_SENTENCE].strip()
        raise Unfit(wrong if "\n" not in text else "more than one line", meant or None)
    return text


def paragraphs(value: object) -> str:
    """Read a text of one line or several."""
    text = some_text(value).strip()
    wrong = _wrong_with(text, _LONGEST_TEXT)
    if wrong is not None:
        raise Unfit(wrong)
    return text


def _wrong_with(text: str, longest: int) -> str | None:
    return first_wrong(
        (not text, "nothing but blanks"),
        (len(text) > longest, f"longer than {longest} characters"),
        (not text.replace("\n", "").isprintable(), "has characters that can't be seen"),
    )


Sentence = Annotated[
    str,
    Kind(
        "a sentence such as Closed on Friday from 18:00",
        f"One line of at most {_LONGEST_SENTENCE} characters. It is text: `<b>` is shown as `<b>`.",
    ),
    BeforeValidator(sentence),
    WithJsonSchema(
        {"type": "string", "maxLength": _LONGEST_SENTENCE, "pattern": r"^\s*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*\s*$"}
    ),
]
"""What fits into a banner."""

Paragraphs = Annotated[
    str,
    Kind(
        "a text such as Use your university account.",
        f"At most {_LONGEST_TEXT} characters, each line a paragraph. It is text: `<b>` is shown as `<b>`.",
    ),
    BeforeValidator(paragraphs),
    WithJsonSchema(
        {"type": "string", "maxLength": _LONGEST_TEXT, "pattern": r"^\s*[^\s\x00-\x1f\x7f][^\x00-\x09\x0b-\x1f\x7f]*$"}
    ),
]
"""What has room beside a form."""
