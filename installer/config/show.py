"""The effective config as a config file: what was set, and what the defaults make of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from installer.config import describe
from installer.config.models import Config
from installer.config.yaml_text import inline


def show(config: Config) -> str:
    """Write the config as YAML, with every default marked; reading it back gives the same config."""
    return "\n".join(_lines(config.model_dump(), config.model_dump(exclude_unset=True))) + "\n"


def _lines(values: dict[str, Any], written: dict[str, Any]) -> Iterator[str]:
    section: tuple[str, ...] = ()
    for key in describe.all_keys():
        if key.path[:-1] != section:
            section = key.path[:-1]
            if section:
                yield f"{_indent(section)}{section[-1]}:"
        yield _indent(key.path) + _line(key, _at(values, key.path), is_set=_at(written, key.path) is not None)


def _line(key: describe.Key, value: object, *, is_set: bool) -> str:
    name = key.path[-1]
    if is_set:
        return f"{name}: {inline(value)}"
    if value is None:
        return f"# {name}: {key.unset}  (default)"
    return f"{name}: {inline(value)}  # default"


def _at(values: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - a config as plain data
    for name in path:
        values = values.get(name) if values else None
    return values


def _indent(path: tuple[str, ...]) -> str:
    return "  " * (len(path) - 1)
