"""The table of keys, read off the models for whoever tells of a key: errors, the reference, `config show`."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from installer.config.findings import KeyPath, nested
from installer.config.kinds import Kind
from installer.config.models import Config
from installer.config.section import Section


@dataclass(frozen=True)
class Key:
    """One key: its path, and everything there is to say of it.

    choices: the words it takes, where it takes no others.
    default: as the file would have it; None where `unset` says what happens without the key.
    along: for a key of a section: other keys that it is nothing without, by example.
    beside: for a key in the entries of a list or mapping: what an entry can't go without, by example.
    called: for a key in the entries of a mapping: the name of one, by example.
    """

    path: tuple[str, ...]
    kind: Kind
    choices: tuple[str, ...]
    default: object
    unset: str | None
    description: str
    example: object
    along: Mapping[str, object]
    beside: Mapping[str, object] | None = None
    called: str | None = None

    @property
    def name(self) -> str:
        """The path as people say it: hub.domain, and kernels[].packages for a key in a list's entries."""
        if self.beside is None:
            return ".".join(self.path)
        return f"{entry_name(self.path[:-1])}.{self.path[-1]}"

    def set_to(self, value: object) -> str:
        """Write a whole config file, on one line, that sets the key and no more than has to go with it."""
        if self.beside is None:
            return nested(self.path[:-1], {**self.along, self.path[-1]: value})
        entry = {**self.beside, self.path[-1]: value}
        return nested(self.path[:-1], [entry] if self.called is None else {self.called: entry})

    def is_below(self, section: KeyPath) -> bool:
        """Whether the key is somewhere in a section."""
        return self.path != section and self.path[: len(section)] == section


@functools.cache
def all_keys() -> tuple[Key, ...]:
    """Every key of the file, in the order of the models."""
    return tuple(_keys_of(Config, ()))


@functools.cache
def entry_keys() -> tuple[Key, ...]:
    """Every key in the entries of a list or mapping."""
    return tuple(key for path, model in entries().items() for key in _keys_of(model, path, in_entries=True))


@functools.cache
def sections() -> dict[tuple[str, ...], type[Section]]:
    """Every section by its path, the whole file as the empty one."""
    return dict(_sections_of(Config, ()))


@functools.cache
def entries() -> dict[tuple[str, ...], type[Section]]:
    """The lists and mappings whose entries can have keys of their own, by path, with the model of an entry."""
    return {path: model for path, hint in _hints() for model in _models_in(hint)}


@functools.cache
def mappings() -> Mapping[tuple[str, ...], str]:
    """Those of them whose entries have names that are the admin's to choose, with such a name by example."""
    return {
        path: next(iter(sections()[path[:-1]].model_fields[path[-1]].examples[0]))  # type: ignore[index]
        for path, hint in _hints()
        if path in entries() and _is_mapping(hint)
    }


def entry_name(path: tuple[str, ...]) -> str:
    """An entry of a list or mapping, as people say it."""
    return f"{'.'.join(path)}.NAME" if path in mappings() else f"{'.'.join(path)}[]"


def key_at(path: KeyPath) -> Key | None:
    """The key that a path leads to or through (a list's item belongs to its list)."""
    names = _names(path)
    return next((key for key in _every_key() if key.path == names), None)


def kind_at(path: KeyPath) -> Kind:
    """What is expected at a path: of a section, of a key, or of an item in a key's list."""
    key = key_at(path)
    if key is None:
        return Kind(f"a section with any of {', '.join(names_in(path))}", "")
    return key.kind.items if key.kind.items and _is_entry(path) else key.kind


def example_at(path: KeyPath) -> Key:
    """A key to give an example with: the one at a path, or the first below it, or below what it is in."""
    names = _names(path)
    sections = (names[:depth] for depth in range(len(names), -1, -1))
    return next(key for section in sections for key in _every_key() if key.path[: len(section)] == section)


def nearest(path: KeyPath) -> Key | None:
    """The key that somebody who wrote an unknown one most likely meant."""
    *section, name = _names(path)
    siblings = {key.path[len(section)]: key for key in reversed(_every_key()) if key.is_below(tuple(section))}
    # The first of a name: a section's own rather than that of entries in it.
    anywhere = {key.path[-1]: key for key in reversed(_every_key())}
    in_full = {key.name: key for key in _every_key()}
    for word, candidates in (
        (name, siblings),
        (name, anywhere),
        (".".join((*section, name)), in_full),
        (name, in_full),
    ):
        match = difflib.get_close_matches(word.lower().replace("-", "_"), candidates, n=1, cutoff=0.75)
        if match:
            return candidates[match[0]]
    return None


def names_in(path: KeyPath) -> tuple[str, ...]:
    """The names that may stand in a section, or in an entry of a list."""
    section = _names(path)
    return tuple(dict.fromkeys(key.path[len(section)] for key in _every_key() if key.is_below(section)))


def _every_key() -> tuple[Key, ...]:
    return (*all_keys(), *entry_keys())


def _names(path: KeyPath) -> tuple[str, ...]:
    """The path without what only says which entry of a list or mapping it is."""
    names: tuple[str, ...] = ()
    for place, part in enumerate(path):
        if isinstance(part, str) and not _is_entry(path[: place + 1]):
            names = (*names, part)
    return names


def _is_entry(path: KeyPath) -> bool:
    return isinstance(path[-1], int) or path[:-1] in mappings()


def _hints() -> Iterator[tuple[tuple[str, ...], object]]:
    """The types of all that is in a section and isn't one itself."""
    for path, section in sections().items():
        for name, hint in get_type_hints(section, include_extras=True).items():
            if (*path, name) not in sections():
                yield (*path, name), hint


def _is_mapping(hint: object) -> bool:
    return get_origin(hint) is dict or any(_is_mapping(part) for part in get_args(hint))


def _sections_of(model: type[Section], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    yield path, model
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _sections_of(field.annotation, (*path, name))


def _models_in(hint: object) -> Iterator[type[Section]]:
    if _is_section(hint):
        yield hint
    for part in get_args(hint):
        yield from _models_in(part)


def _keys_of(model: type[Section], path: tuple[str, ...], *, in_entries: bool = False) -> Iterator[Key]:
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _keys_of(field.annotation, (*path, name))
        else:
            yield _key(field, hints[name], (*path, name), model.along(name), model.beside(name) if in_entries else None)


def _key(
    field: FieldInfo,
    hint: Any,  # noqa: ANN401 - a type hint has no type
    path: tuple[str, ...],
    along: Mapping[str, object],
    beside: Mapping[str, object] | None,
) -> Key:
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
        default=None if unset is not None else TypeAdapter[Any](hint).dump_python(field.default),
        unset=None if unset is None else str(unset),
        description=field.description,
        example=field.examples[0],
        along=along,
        beside=beside,
        called=mappings().get(path[:-1]) if beside is not None else None,
    )


def _is_section(annotation: object) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)
