"""Reading YAML strictly: plain mappings, lists and scalars, each with its line, and nothing clever.

No tags, anchors, aliases, directives or second documents, no duplicate keys, no tabs: a config file has no use
for them, and each is a way for a file to mean something else than it seems to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from installer.config.findings import Finding, KeyPath, in_words
from installer.config.scalars import read_plain

_DEEPEST = 16
_EXAMPLE = "hub: {domain: hub.example.org}"


@dataclass
class Tree:
    """What a file says.

    values: its content as dicts, lists and scalars; None for an empty file.
    lines: where each key and each list item stands.
    unclear: unquoted words that YAML 1.1 and 1.2 read differently, with both readings in words.
    findings: what was wrong but could be stepped over.
    """

    values: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    unclear: dict[KeyPath, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class NotReadable(Exception):  # noqa: N818 - it carries a finding, which is told to a person
    """The text can't be read any further."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.wrong)
        self.finding = finding


def read_tree(data: bytes) -> Tree:
    """Read the bytes of a file; raises NotReadable where they make no sense as YAML at all."""
    text = _decoded(data)
    _refuse_tabs(text)
    reader = _Reader(text)
    try:
        reader.read()
    except MarkedYAMLError as error:
        said = " ".join(str(error.problem or error.context).split())
        # Where the end came too soon, what was left open says more than the end.
        mark = error.context_mark if "end of stream" in said or "stream end" in said else error.problem_mark
        raise _not_yaml(text, mark.line + 1 if mark else reader.line, said) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = in_words(text[error.position])
        raise _at_line(text, line, "a character that is not allowed", "printable text", character) from None
    except (YAMLError, ValueError) as error:  # ValueError: an escape in quotes that is no character
        raise _not_yaml(text, reader.line, str(error)) from None
    return reader.tree


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        found = f"the byte 0x{data[error.start]:02x}"
        raise _at_line(before, before.count("\n") + 1, "not UTF-8", "text in UTF-8", found) from None


def _refuse_tabs(text: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(r" *\t[ \t]*[^ \t#\r]", line):
            raise _at_line(text, number, "a tab", "spaces for indentation", "a tab")
        if re.match(r" *[\w.-]+:[ ]*\t", line):
            raise _at_line(text, number, "a tab", "a space after the colon", "a tab")


def _not_yaml(text: str, line: int, said: str) -> NotReadable:
    return _at_line(text, line, "not valid YAML", "keys and values", f"a mistake ({said})")


def _at_line(text: str, line: int, wrong: str, expected: str, found: str) -> NotReadable:
    line = min(line, text.rstrip().count("\n") + 1)  # what is missing at the end is missed on the last line
    return NotReadable(Finding(line, _key_near(text, line), wrong, expected, found, _EXAMPLE))


def _key_near(text: str, line: int) -> KeyPath:
    """The key that a line belongs to, by its indentation: of what can't be parsed nobody knows better."""
    path: list[str] = []
    shallowest: int | None = None
    for row in reversed(text.split("\n")[:line]):
        key = re.match(r"(\s*)(?:- )*([A-Za-z_][\w.-]*)\s*:", row.expandtabs(8))
        if key is not None and (shallowest is None or len(key[1]) < shallowest):
            shallowest = len(key[1])
            path.insert(0, key[2])
    return tuple(path)


class _Reader:
    """Builds the tree from the parser's events, one at a time: nothing is built of what will be refused."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = Tree()
        self.line = 1

    def read(self) -> None:
        """Fill the tree."""
        events: Iterator[Event] = YAML(typ="safe", pure=True).parse(self.text)
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                self.line = event.start_mark.line + 1
                self._check_start(event, documents)
            elif isinstance(event, NodeEvent):
                self.tree.values = self._node(event, events, ())

    def _check_start(self, event: DocumentStartEvent, documents: int) -> None:
        if documents > 1:
            self._refuse((), "a second document starts here", "one document", "another ---")
        if event.version or event.tags:
            self._refuse((), "a directive", "keys and values", "a line that starts with %")

    def _node(self, event: Event, events: Iterator[Event], at: KeyPath) -> object:
        self.line = event.start_mark.line + 1
        self._refuse_cleverness(event, at)
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, at)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, at)
        assert isinstance(event, ScalarEvent)  # noqa: S101 - the only kind of node that is left
        if not event.implicit[0]:
            return event.value
        plain = read_plain(event.value)
        if plain.older is not None:
            self.tree.unclear[at] = plain.older
        return plain.value

    def _refuse_cleverness(self, event: Event, at: KeyPath) -> None:
        if isinstance(event, AliasEvent):
            self._refuse(at, "an alias", "the value written out", f"*{event.anchor}")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse(at, "an anchor", "the value alone", f"&{event.anchor}")
        if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag is not None:
            self._refuse(at, "a tag", "the value alone", in_words(str(event.tag)))
        if len(at) > _DEEPEST:
            self._refuse(at[:2], "nested too deep", f"at most {_DEEPEST} levels", "more")

    def _mapping(self, events: Iterator[Event], at: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, at)
            if key is None:
                self._pass_over(events, (*at, ""))
                continue
            below = (*at, key)
            if key in values:
                first = self.tree.lines[below]
                self._note(below, "given twice", "each key once", f"it on line {first} as well")
                self._pass_over(events, below)
                continue
            self.tree.lines[below] = self.line
            values[key] = self._node(next(events), events, below)
        return values

    def _key(self, event: Event, at: KeyPath) -> str | None:
        self.line = event.start_mark.line + 1
        if not isinstance(event, ScalarEvent):
            self._refuse(at, "a key that is not text", "a key such as domain", "something else")
        self._refuse_cleverness(event, at)
        key = read_plain(event.value).value if event.implicit[0] else event.value
        if not isinstance(key, str) or not key.isprintable() or not key:
            self._note(at, "a key that is not text", "a key such as domain", in_words(key))
            return None
        return key

    def _sequence(self, events: Iterator[Event], at: KeyPath) -> list[object]:
        items: list[object] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            place = (*at, len(items))
            self.tree.lines[place] = event.start_mark.line + 1
            items.append(self._node(event, events, place))
        return items

    def _pass_over(self, events: Iterator[Event], at: KeyPath) -> None:
        """Read a node whose key is of no use, and keep nothing of it."""
        kept, self.tree = self.tree, Tree()
        self._node(next(events), events, at)
        self.tree = kept

    def _note(self, at: KeyPath, wrong: str, expected: str, found: str) -> None:
        self.tree.findings.append(Finding(self.line, at, wrong, expected, found, _EXAMPLE))

    def _refuse(self, at: KeyPath, wrong: str, expected: str, found: str) -> NoReturn:
        raise NotReadable(Finding(self.line, at, wrong, expected, found, _EXAMPLE))
