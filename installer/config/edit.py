"""Changing kernels, kept files or accounts in a config's text, and nothing else: comments and style stay as they are.

A text that is to be changed is one that loads. What comes back says just what it said before but for the change: that
is checked each time, since a file can be written in ways that nobody has thought of. Raises ConfigProblem then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from ruamel.yaml.error import YAMLError

from installer.config.findings import KeyPath
from installer.config.models import Config
from installer.config.yaml_edit import add_key, insert_item, is_plain, remove, rename_key, set_value
from installer.config.yaml_text import inline
from installer.config.yaml_tree import NotReadable, read_tree
from installer.host.errors import ConfigProblem

Entry = str | Mapping[str, object]
"""A kernel as the file has it: a name, or a name with more to say."""

_BYTE_ORDER_MARK = "\ufeff"


def with_kernel(text: str, entry: Entry) -> str:
    """Add a kernel, or change the one of that name to this."""
    new = _shortest(entry)
    old = _kernels(text)
    names = [_name(kernel) for kernel in old]
    place = names.index(_name(new)) if _name(new) in names else len(old)
    if place < len(old) and _shortest(old[place]) == new:
        return text
    return _changed(text, {"kernels": [*old[:place], new, *old[place + 1 :]]})


def without_kernel(text: str, name: str) -> str:
    """Take a kernel out, where it is in; if it is the default, then the first of the others is after that."""
    kernels = [kernel for kernel in _kernels(text) if _name(kernel) != name]
    if len(kernels) == len(_kernels(text)):
        return text
    is_default = _values(text).get("default_kernel") == name
    return _changed(text, {"kernels": kernels, **({"default_kernel": None} if is_default else {})})


def with_default_kernel(text: str, name: str | None) -> str:
    """Set the default kernel, which has to be there; None takes the key out, which makes it the first of them."""
    if _values(text).get("default_kernel") == name:
        return text
    return _changed(text, {"default_kernel": name})


def with_kept(text: str, files: Sequence[str]) -> str:
    """Add files to those that stay as they were changed by hand; nothing happens where they are among them."""
    kept = list(_values(text).get("keep") or ())
    more = [file for file in dict.fromkeys(files) if file not in kept]
    return _changed(text, {"keep": [*kept, *more]}) if more else text


def with_admins(text: str, admins: Sequence[str]) -> str:
    """Set who administers the hub."""
    hub = _values(text).get("hub") or {}
    if hub.get("admin_users") == list(admins):
        return text
    return _changed(text, {"hub": {**hub, "admin_users": list(admins)}})


def with_account(text: str, name: str, new: str | None) -> str:
    """Have what is said of one account be said of another, or, with None, of nobody any more.

    That is its limits, and that the culler spares it; admins are set by with_admins. What else names people names
    whom to let in, which is for an admin to say.
    """
    keys = {}
    for section, key in (("limits", "users"), ("culler", "exempt")):
        said = _values(text).get(section) or {}
        named = said.get(key) or ()
        if name in named:
            keys[section] = _without_nothing({**said, key: _of_another(named, name, new)}) or None
    return _changed(text, keys) if keys else text


def _of_another(named: Any, name: str, new: str | None) -> Any:  # noqa: ANN401 - the file's own shape
    """Accounts, or what is said of each, with another name in the place of one; None where nobody is left."""
    if isinstance(named, Mapping):
        others = {each: value for each, value in named.items() if each != name}
        return (others if new is None else {**others, new: named[name]}) or None
    left = (each if each != name else new for each in named if each != name or new is not None)
    return list(dict.fromkeys(left)) or None


def _without_nothing(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


# --- what a text says ----------------------------------------------------------------------------
def _values(text: str) -> dict[str, Any]:
    values = read_tree(text.encode()).values
    return dict(values) if isinstance(values, Mapping) else {}


def _kernels(text: str) -> list[Entry]:
    """The kernels that are in effect, as the text has them or as they would be written."""
    values = _values(text)
    return list(values["kernels"] if "kernels" in values else Config().model_dump()["kernels"])


def _name(entry: Entry) -> str:
    return entry if isinstance(entry, str) else str(entry["name"])


def _shortest(entry: Entry) -> Entry:
    """An entry without what says nothing; a name alone where nothing is left."""
    if isinstance(entry, str):
        return entry
    said = {key: list(value) if isinstance(value, tuple) else value for key, value in entry.items()}
    said = {key: value for key, value in said.items() if value not in (None, [])}
    return _name(entry) if list(said) == ["name"] else said


# --- the change ----------------------------------------------------------------------------------
def _changed(text: str, keys: Mapping[str, Any]) -> str:
    """Set keys of the file, or take out those that are to be None."""
    bare = text.removeprefix(_BYTE_ORDER_MARK)
    mark = text[: len(text) - len(bare)]
    try:
        for key, value in keys.items():
            bare = _with(bare, (key,), value)
        right = _meaning(_values(bare)) == _meaning({**_values(text), **keys})
    except (NotReadable, YAMLError, LookupError, StopIteration, ValueError):
        right = False
    if not right:
        set_to = inline({key: value for key, value in keys.items() if value is not None}, outermost=True)
        taken_out = "".join(f" (and take {key} out)" for key, value in keys.items() if value is None)
        raise ConfigProblem(
            "the config is written in a way that a program can't change without touching more than it should",
            f"change it in an editor{f', for example: {set_to}' if set_to else ''}{taken_out}",
        )
    return mark + bare


def _meaning(values: Mapping[str, Any]) -> dict[str, Any]:
    said = _without_nothing(values)
    return {**said, **({"kernels": [_shortest(kernel) for kernel in said["kernels"]]} if "kernels" in said else {})}


def _with(text: str, path: KeyPath, new: Any) -> str:  # noqa: ANN401 - the file's own shape
    """Set what is at a path, with as little done as can be."""
    old = _at(text, path)
    if old == new:
        return text
    if new is None:
        return remove(text, path)
    if old is None:
        return add_key(text, path[:-1], str(path[-1]), new, behind="kernels" if path == ("default_kernel",) else None)
    return _turned(text, path, old, new)


def _turned(text: str, path: KeyPath, old: Any, new: Any) -> str:  # noqa: ANN401 - the file's own shape
    if isinstance(old, list):
        return _with_items(text, path, old, new)
    if isinstance(old, Mapping):
        return _with_keys(text, path, old, new)
    if isinstance(new, Mapping):
        return _with(set_value(text, path, {"name": old}), path, new)
    return set_value(text, path, new)


def _with_keys(text: str, path: KeyPath, old: Mapping[str, Any], new: Entry) -> str:
    wanted = {"name": new} if isinstance(new, str) else new
    gone, come = [key for key in old if key not in wanted], [key for key in wanted if key not in old]
    if len(gone) == len(come) == 1 and old[gone[0]] == wanted[come[0]]:
        text = rename_key(text, (*path, gone[0]), come[0])
        old = _at(text, path)
    for key in dict.fromkeys((*wanted, *old)):
        text = _with(text, (*path, key), wanted.get(key))
    return set_value(text, path, new) if isinstance(new, str) and is_plain(text, path) else text


def _with_items(text: str, path: KeyPath, old: list[Any], new: list[Any]) -> str:
    """Change a list; from its end on, so that the places that are still to come stay what they are."""
    before, after = [_key_of(item) for item in old], [_key_of(item) for item in new]
    for _, start, stop, new_start, new_stop in reversed(
        SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    ):
        common = min(stop - start, new_stop - new_start)
        for place in reversed(range(new_start + common, new_stop)):
            text = insert_item(text, path, stop, new[place])
        for place in reversed(range(start + common, stop)):
            text = remove(text, (*path, place))
        for step in range(common):
            text = _with(text, (*path, start + step), new[new_start + step])
    return text


def _key_of(item: Any) -> str:  # noqa: ANN401 - the file's own shape
    """What an item is known by, whatever else it says."""
    return str(item["name"]) if isinstance(item, Mapping) else str(item)


def _at(text: str, path: KeyPath) -> Any:  # noqa: ANN401 - the file's own shape
    value: Any = _values(text)
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else value[part]
    return value
