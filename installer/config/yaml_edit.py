"""Changing one thing in a YAML text: put in, take out or replaced at the place that the parser tells.

Nothing else is written anew, so comments, quotes, indentation and line ends stay as people left them. Every function
takes a text that `read_tree` reads, and the path of a list or a section that is in it, and returns the text changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.events import DocumentEndEvent
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from installer.config.findings import KeyPath
from installer.config.yaml_text import inline


class _Span(NamedTuple):
    """Where something stands: its first character, and the one behind its last."""

    start: int
    end: int


# --- what can be done ----------------------------------------------------------------------------
def insert_item(text: str, path: KeyPath, index: int, value: object) -> str:
    """Put an item into a list, in front of the one that has the index now, or at the end."""
    node = _node(text, path)
    items = _children(text, node)
    if _is_flow(node):
        return _insert_in_flow(text, node, items, index, inline(value))
    column = node.start_mark.column
    item = f"{' ' * column}- {_in_block(value, column + 2, _newline(text))}"
    if index == 0:
        return _put(text, _line_start(text, items[0].start), item + _newline(text))
    return _put(text, _end_with_comments(text, items[index - 1].end, column), _newline(text) + item)


def add_key(text: str, path: KeyPath, key: str, value: object, *, behind: str | None = None) -> str:
    """Put a key into a section: behind another key where that is there, or at the end."""
    node: Node | None = _node(text, path) if path else _root(text)
    if node is None:
        return _add_at_end(text, _as_key(key, value, 0, _newline(text)))
    if isinstance(node, ScalarNode):  # null, in one of its spellings
        return _replace(text, _span(text, node), inline({key: value}))
    pairs = _children(text, node)
    if _is_flow(node):
        return _insert_in_flow(text, node, pairs, len(pairs), inline({key: value}, outermost=True))
    column = node.start_mark.column
    names = [name.value for name, _ in node.value]
    if not path and behind not in names:
        return _add_at_end(text, " " * column + _as_key(key, value, column, _newline(text)))
    place = pairs[names.index(behind) if behind in names else -1].end
    whole = " " * column + (_as_key(key, value, column, _newline(text)) if not path else f"{key}: {inline(value)}")
    return _put(text, _end_with_comments(text, place, column), _newline(text) + whole)


def set_value(text: str, path: KeyPath, value: object) -> str:
    """Replace a value; in place of an item that is one word, a section gets its first key on the same line."""
    parent, node = _node(text, path[:-1]), _node(text, path)
    in_block = isinstance(parent, SequenceNode) and not _is_flow(parent)
    return _replace(text, _span(text, node), inline(value, outermost=in_block))


def rename_key(text: str, path: KeyPath, new: str) -> str:
    """Give a key of a section another name; its value stays as it is."""
    return _replace(text, _span(text, _key(text, path)), inline(new))


def remove(text: str, path: KeyPath) -> str:
    """Take an item out of a list, or a key out of a section, with the comment on its own line."""
    parent, last = _node(text, path[:-1]), path[-1]
    index = last if isinstance(last, int) else [key.value for key, _ in parent.value].index(last)
    children = _children(text, parent)
    if _is_flow(parent):
        return _remove_from_flow(text, parent, children, index)
    if isinstance(parent, SequenceNode) and len(children) == 1:
        colon = _colon(text, path[:-1])
        return _put(_remove_lines(text, children[0]), colon + 1, " []")
    child = children[index]
    if text[_line_start(text, child.start) : child.start].strip():  # the first key of an item, behind its dash
        return _remove_behind_dash(text, child, children[index + 1 :])
    return _remove_lines(text, child)


def is_plain(text: str, path: KeyPath) -> bool:
    """Whether there is no comment within what stands at a path, and it could go without losing one."""
    span = _span(text, _node(text, path))
    return "#" not in text[span.start : _line_end(text, span.end)]


# --- in brackets and braces ----------------------------------------------------------------------
def _insert_in_flow(text: str, node: Node, children: Sequence[_Span], index: int, new: str) -> str:
    span = _span(text, node)
    if not children:
        behind = " " if text[span.start + 1] == "#" else ""
        return _put(text, span.start + 1, new + behind)
    if index < len(children):
        place = children[index].start
        indent = _own_indent(text, place)
        return _put(text, place, f"{new}, " if indent is None else f"{new},{_newline(text)}{indent}")
    last = children[-1]
    indent = _own_indent(text, last.start)
    if indent is None:
        return _put(text, last.end, f", {new}" + (" " if text[last.end] == "#" else ""))
    comma = _comma(text, last.end, span.end - 1)
    line = f"{_newline(text)}{indent}{new}"
    after = last.end if comma is None else comma + 1
    end_of_line = _line_end(text, after)
    place = end_of_line if end_of_line < span.end else after  # the bracket may close on the same line
    if comma is None:
        return _put(_put(text, place, line), last.end, ",")
    return _put(text, place, f"{line},")


def _remove_from_flow(text: str, node: Node, children: Sequence[_Span], index: int) -> str:
    child, close = children[index], _span(text, node).end - 1
    behind = _comma(text, child.end, children[index + 1].start if index + 1 < len(children) else close)
    before = _comma(text, children[index - 1].end, child.start) if index else None
    stop = child.end if behind is None else behind + 1
    rest_of_line = text[stop : _line_end(text, stop)].strip(" \t")
    if _own_indent(text, child.start) is not None and (not rest_of_line or rest_of_line.startswith("#")):
        shorter = _remove_lines(text, _Span(child.start, stop))
    elif behind is not None:
        shorter = text[: child.start] + text[stop:].lstrip(" \t")
    else:
        shorter = _replace(text, _Span(len(text[: child.start].rstrip(" \t")), child.end), "")
    return _replace(shorter, _Span(before, before + 1), "") if before is not None and behind is None else shorter


def _comma(text: str, start: int, stop: int) -> int | None:
    """The comma between two items, where there is one outside comments."""
    for part in re.finditer(r"#[^\n]*|,", text[start:stop]):
        if part[0] == ",":
            return start + part.start()
    return None


# --- in lines ------------------------------------------------------------------------------------
def _remove_lines(text: str, span: _Span) -> str:
    start, stop = _line_start(text, span.start), _line_end(text, span.end)
    if text[stop:]:
        return text[:start] + text[stop:].removeprefix("\r").removeprefix("\n")
    return text[:start].removesuffix("\n").removesuffix("\r")


def _remove_behind_dash(text: str, child: _Span, others: Sequence[_Span]) -> str:
    following = others[0].start
    if "#" not in text[child.end : following]:
        return _replace(text, _Span(child.start, following), "")
    return _replace(text, _Span(len(text[: child.start].rstrip(" ")), child.end), "")


def _add_at_end(text: str, lines: str) -> str:
    """Put lines at the end of the document; a text without a last newline stays so."""
    newline, end = _newline(text), _end_of_document(text)
    before, behind = text[:end], text[end:]
    if before and not before.endswith("\n"):
        return f"{before}{newline}{lines}{behind}"
    return f"{before}{lines}{newline}{behind}"


def _end_of_document(text: str) -> int:
    events = YAML(typ="safe", pure=True).parse(text)
    return next(
        (event.start_mark.index for event in events if isinstance(event, DocumentEndEvent) and event.explicit),
        len(text),
    )


def _end_with_comments(text: str, position: int, column: int) -> int:
    """The end of a line, or of the comments below it that are indented deeper than the column: they belong to it."""
    end = _line_end(text, position)
    while (comment := re.compile(rf"\r?\n {{{column + 1},}}#[^\r\n]*").match(text, end)) is not None:
        end = comment.end()
    return end


def _line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1


def _line_end(text: str, position: int) -> int:
    """Where a line's text ends, in front of its newline."""
    newline = text.find("\n", position)
    if newline < 0:
        return len(text)
    return newline - 1 if text[max(position, newline - 1)] == "\r" else newline


def _own_indent(text: str, position: int) -> str | None:
    """The blanks in front of what starts its line; None where something else does."""
    before = text[_line_start(text, position) : position]
    return None if before.strip(" ") else before


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _put(text: str, position: int, new: str) -> str:
    return text[:position] + new + text[position:]


def _replace(text: str, span: _Span, new: str) -> str:
    return text[: span.start] + new + text[span.end :]


# --- how new things are written ------------------------------------------------------------------
def _as_key(key: str, value: object, column: int, newline: str) -> str:
    """A key at the top of the file: a list has its items below it."""
    if not isinstance(value, (list, tuple)) or not value:
        return f"{key}: {inline(value)}"
    indent = " " * (column + 2)
    items = (f"{newline}{indent}- {_in_block(item, column + 4, newline)}" for item in value)
    return f"{key}:{''.join(items)}"


def _in_block(value: object, column: int, newline: str) -> str:
    """An item behind its dash: a section has its keys below each other."""
    if not isinstance(value, Mapping):
        return inline(value)
    return f"{newline}{' ' * column}".join(f"{key}: {inline(below)}" for key, below in value.items())


# --- where things are ----------------------------------------------------------------------------
def _root(text: str) -> Node | None:
    """What the document is; None for nothing at all, or nothing behind ---."""
    root: Node | None = YAML(typ="safe", pure=True).compose(text)
    return None if isinstance(root, ScalarNode) and not root.value else root


def _node(text: str, path: KeyPath) -> Any:  # noqa: ANN401 - its value is text, pairs or nodes
    node: Any = _root(text)
    for part in path:
        if isinstance(part, int):
            node = node.value[part]
        else:
            node = next(value for key, value in node.value if key.value == part)
    return node


def _is_flow(node: Node) -> bool:
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _children(text: str, node: Node) -> list[_Span]:
    """Where the items of a list are, from the dash on if it has dashes; or a section's keys with their values."""
    if isinstance(node, MappingNode):
        return [_Span(key.start_mark.index, _span(text, value).end) for key, value in node.value]
    spans = [_span(text, item) for item in node.value]
    return spans if _is_flow(node) else [_Span(_dash(text, node, span.start), span.end) for span in spans]


def _dash(text: str, node: Node, item: int) -> int:
    """The dash in front of an item; it may stand some lines of comments before it."""
    column: int = node.start_mark.column
    start = _line_start(text, item)
    while not text.startswith(" " * column + "-", start):
        if not start:
            raise LookupError
        start = _line_start(text, start - 1)
    return start + column


def _span(text: str, node: Node) -> _Span:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, CollectionNode) and not _is_flow(node):  # the parser sees its end at what comes next
        last = node.value[-1]
        end = _span(text, last[1] if isinstance(last, tuple) else last).end
    return _Span(start, max(start, len(text[:end].rstrip())))


def _colon(text: str, path: KeyPath) -> int:
    """The colon behind a key."""
    return text.index(":", _key(text, path).end_mark.index)


def _key(text: str, path: KeyPath) -> Any:  # noqa: ANN401 - as _node
    return next(key for key, _ in _node(text, path[:-1]).value if key.value == path[-1])
