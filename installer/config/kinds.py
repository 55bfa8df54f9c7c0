"""What a kind of value is, and the words in which it refuses a value; the kinds themselves are built from these."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Kind:
    """A kind of value, in words for errors and the reference.

    phrase: how it is called ("a duration such as 1h").
    rules: what it has to look like.
    items: the kind of a list's items.
    """

    phrase: str
    rules: str
    items: Kind | None = None


class Unfit(ValueError):  # noqa: N818 - it is told to a person, not only to a programmer
    """A value that its key can't take.

    wrong: what is wrong with it, in a few words.
    example: the value it was probably meant to be; None where the key's own example serves.
    expected: what would do, where the kind alone doesn't say it.
    found: what was found, where the value is not the whole story.
    below: where exactly, as seen from the key or section that is being validated.
    """

    def __init__(
        self,
        wrong: str,
        example: object = None,
        *,
        expected: str | None = None,
        found: str | None = None,
        below: tuple[str | int, ...] = (),
    ) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.example = example
        self.expected = expected
        self.found = found
        self.below = below


def some_text(value: object) -> str:
    """Take text, and no empty one."""
    if not isinstance(value, str):
        raise Unfit("wrong type")
    if not value:
        raise Unfit("empty text")
    return value


def first_wrong(*checks: tuple[object, str]) -> str | None:
    """The words of the first check that found something."""
    return next((wrong for found, wrong in checks if found), None)


def items(looks_like_one: Callable[[str], object]) -> Callable[[object], tuple[object, ...]]:
    """Make a reader of lists; `looks_like_one` recognizes an item that stands without its brackets."""

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, (list, tuple)):
            raise Unfit("wrong type", [value] if isinstance(value, str) and looks_like_one(value) else None)
        return tuple(value)

    return read


_Item = TypeVar("_Item", bound=Hashable)


def each_once(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Refuse a list that names something twice."""
    for place, value in enumerate(values):
        if value in values[:place]:
            raise Unfit("named twice", expected="each name once", below=(place,))
    return values
