"""The table of keys, read off the models for whoever tells of a key: errors, the reference, `config show`."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from installer.config.findings import KeyPath
from installer.config.models import Config, Section
from installer.config.values import Kind


@dataclass(frozen=True)
class Key:
    """One key: its path, and everything there is to say of it.

    choices: the words it takes, where it takes no others.
    default: as the file would have it; None where `unset` says what happens without the key.
    """

    path: tuple[str, ...]
    kind: Kind
    choices: tuple[str, ...]
    default: object
    unset: str | None
    description: str
    example: object

    @property
    def name(self) -> str:
        """The path as people say it."""
        return ".".join(self.path)

    def is_below(self, section: KeyPath) -> bool:
        """Whether the key is somewhere in a section."""
        return self.path != section and self.path[: len(section)] == section


@functools.cache
def all_keys() -> tuple[Key, ...]:
    """Every key there is, in the order of the models."""
    return tuple(_keys_of(Config, ()))


@functools.cache
def sections() -> dict[tuple[str, ...], type[Section]]:
    """Every section by its path, the whole file as the empty one."""
    return dict(_sections_of(Config, ()))


def key_at(path: KeyPath) -> Key | None:
    """The key that a path leads to or through (a list's item belongs to its list)."""
    names = tuple(part for part in path if isinstance(part, str))
    return next((key for key in all_keys() if key.path == names), None)


def kind_at(path: KeyPath) -> Kind:
    """What is expected at a path: of a section, of a key, or of an item in a key's list."""
    key = key_at(path)
    if key is None:
        return Kind(f"a section with any of {', '.join(names_in(path))}", "")
    return key.kind.items if key.kind.items and isinstance(path[-1], int) else key.kind


def example_at(path: KeyPath) -> tuple[KeyPath, object]:
    """A key with a value that is right: the one at a path, or the first below it."""
    names = tuple(part for part in path if isinstance(part, str))
    chosen = next((key for key in all_keys() if key.path[: len(names)] == names), all_keys()[0])
    return chosen.path, chosen.example


def nearest(path: tuple[str, ...]) -> Key | None:
    """The key that somebody who wrote an unknown one most likely meant."""
    section, name = path[:-1], path[-1]
    siblings = {key.path[len(section)]: key for key in reversed(all_keys()) if key.is_below(section)}
    anywhere = {key.path[-1]: key for key in all_keys()}
    in_full = {key.name: key for key in all_keys()}
    for word, candidates in ((name, siblings), (name, anywhere), (".".join(path), in_full), (name, in_full)):
        match = difflib.get_close_matches(word.lower().replace("-", "_"), candidates, n=1, cutoff=0.75)
        if match:
            return candidates[match[0]]
    return None


def names_in(section: KeyPath) -> tuple[str, ...]:
    """The names that may stand in a section."""
    return tuple(dict.fromkeys(key.path[len(section)] for key in all_keys() if key.is_below(section)))


def _sections_of(model: type[Section], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    yield path, model
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _sections_of(field.annotation, (*path, name))


def _keys_of(model: type[Section], path: tuple[str, ...]) -> Iterator[Key]:
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _keys_of(field.annotation, (*path, name))
        else:
            yield _key(field, hints[name], (*path, name))


def _key(field: FieldInfo, hint: Any, path: tuple[str, ...]) -> Key:  # noqa: ANN401 - a type hint has no type
    extra = field.json_schema_extra
    assert field.description and field.examples and isinstance(extra, dict), path  # noqa: S101 - see models.py
    unset = extra["unset"]
    if get_origin(hint) is Union or isinstance(hint, UnionType):  # with None: the key may be left out
        hint = get_args(hint)[0]
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return Key(
        path=path,
        kind=Kind(" or ".join(choices), "") if choices else next(x for x in hint.__metadata__ if isinstance(x, Kind)),
        choices=choices,
        default=None if field.default is None else TypeAdapter[Any](hint).dump_python(field.default),
        unset=None if unset is None else str(unset),
        description=field.description,
        example=field.examples[0],
    )


def _is_section(annotation: object) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)
