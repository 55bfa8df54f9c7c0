"""From what a file says to a Config, or to a finding for each thing that a Config can't take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from installer.config import describe
from installer.config.findings import Finding, KeyPath, in_words
from installer.config.kinds import Unfit
from installer.config.models import Config
from installer.config.yaml_tree import Tree


def validate(tree: Tree) -> tuple[Config | None, list[Finding]]:
    """Hold the tree against the models: a config and no findings, or none and all of them."""
    empty = list(_keys_left_empty(tree.values, ()))
    findings = [*tree.findings, *(_left_empty(tree, at) for at in empty)]
    config: Config | None = None
    try:
        config = Config.model_validate(_without_empty(tree.values, ()))
    except ValidationError as error:
        refused = [dict(details) for details in error.errors(include_url=False)]
        findings += [_refused(tree, details) for details in refused if details["loc"] not in empty]
    told = {finding.at for finding in findings}
    findings += [
        _unclear(tree, at)
        for at in tree.unclear
        if not any(at[: len(path)] == path for path in told) and not _a_choice(tree, at)
    ]
    return (None if findings else config), findings


# --- what was left empty -------------------------------------------------------------------------
def _keys_left_empty(values: object, at: KeyPath) -> Iterator[KeyPath]:
    """Keys with nothing behind the colon. (A section with nothing in it is fine: it has its defaults.)"""
    if isinstance(values, Mapping):
        for name, value in values.items():
            if value is None and describe.key_at((*at, name)):
                yield (*at, name)
            else:
                yield from _keys_left_empty(value, (*at, name))
    elif isinstance(values, list):
        for place, value in enumerate(values):
            yield from _keys_left_empty(value, (*at, place))


def _without_empty(values: object, at: KeyPath) -> object:
    """The same without keys that were left empty, and with sections that were as empty sections."""
    if values is None and at in describe.sections():
        return {}
    if isinstance(values, Mapping):
        return {
            name: _without_empty(value, (*at, name))
            for name, value in values.items()
            if value is not None or not describe.key_at((*at, name))
        }
    if isinstance(values, list):
        return [_without_empty(value, (*at, place)) for place, value in enumerate(values)]
    return values


def _left_empty(tree: Tree, at: KeyPath) -> Finding:
    key = describe.example_at(at)
    return Finding(
        line=_line(tree, at),
        at=at,
        wrong="no value",
        expected=describe.kind_at(at).phrase,
        found="nothing",
        example=key.set_to(key.example),
        advice="leave the key out to have its default, or write",
    )


# --- what the models refused ---------------------------------------------------------------------
def _refused(tree: Tree, details: Mapping[str, Any]) -> Finding:
    at: KeyPath = details["loc"]
    if details["type"] == "extra_forbidden":
        return _unknown(tree, at)
    if details["type"] == "missing":
        return _missing(tree, at)
    unfit = details.get("ctx", {}).get("error")
    if not isinstance(unfit, Unfit):
        unfit = Unfit("not a choice" if details["type"] == "literal_error" else "wrong type")
    at = _in_file(tree, (*at, *unfit.below))
    key = describe.example_at(at)
    example = key.example
    if unfit.example is not None:
        example = [unfit.example] if isinstance(at[-1], int) else unfit.example
    return Finding(
        line=_line(tree, at),
        at=at,
        wrong=unfit.wrong,
        expected=unfit.expected or describe.kind_at(at).phrase,
        found=unfit.found or _found(tree, at),
        example=key.set_to(example),
    )


def _missing(tree: Tree, at: KeyPath) -> Finding:
    key, place = describe.example_at(at), _in_file(tree, at)
    return Finding(
        line=_line(tree, place),
        at=place,
        wrong=f"without its {at[-1]}",
        expected=describe.kind_at(place).phrase,
        found=_found(tree, place),
        example=key.set_to(key.example),
    )


def _unknown(tree: Tree, at: KeyPath) -> Finding:
    meant = describe.nearest(at)
    shown = meant or describe.example_at(at[:-1])
    return Finding(
        line=_line(tree, at),
        at=at,
        wrong="unknown key",
        expected=f"one of {', '.join(describe.names_in(at[:-1]))}",
        found=in_words(at[-1]),
        example=shown.set_to(shown.example),
        advice=f"did you mean {meant.name}? Write" if meant else "take it out, or write a key that there is",
    )


# --- what YAML 1.1 and 1.2 disagree about --------------------------------------------------------
def _a_choice(tree: Tree, at: KeyPath) -> bool:
    """Whether it is one of the words that a key takes: then no other reading makes sense (tls.mode: off)."""
    key = describe.key_at(at)
    return key is not None and _value(tree.values, at) in key.choices


def _unclear(tree: Tree, at: KeyPath) -> Finding:
    word = _value(tree.values, at)
    return Finding(
        line=_line(tree, at),
        at=at,
        wrong="unclear without quotes",
        expected=describe.kind_at(at).phrase,
        found=_found(tree, at),
        example=describe.example_at(at).set_to([word] if isinstance(at[-1], int) else word),
        advice="if you mean the text, put it in quotes",
    )


# --- looking things up in the file ---------------------------------------------------------------
def _found(tree: Tree, at: KeyPath) -> str:
    words = in_words(_value(tree.values, at))
    return f"{words} ({tree.unclear[at]})" if at in tree.unclear else words


def _value(values: Any, at: KeyPath) -> object:  # noqa: ANN401 - the file's own shape
    for part in at:
        values = values[part]
    return values


def _in_file(tree: Tree, at: KeyPath) -> KeyPath:
    """The path as far as it is in the file: what is asked of an entry's keys may be wrong with a name alone."""
    values = tree.values
    for depth, part in enumerate(at):
        found = part in values if isinstance(values, dict) else isinstance(values, list) and isinstance(part, int)
        if not found:
            return at[:depth]
        values = _value(values, (part,))
    return at


def _line(tree: Tree, at: KeyPath) -> int:
    return next((tree.lines[at[:depth]] for depth in range(len(at), 0, -1) if at[:depth] in tree.lines), 1)
