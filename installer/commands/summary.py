"""What an apply changes, in a sentence for the list of generations: first of all what the admin has asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from installer.config.yaml_tree import NotReadable, read_tree
from installer.engine.plan import Change, Plan
from installer.engine.store import Generation
from installer.host import paths
from installer.resources.hub_database import HubDatabase

_MOST = 4
"""Things that one sentence names of a sort."""
_LONGEST = 40


def sentence(previous: Generation | None, config: str, plan: Plan) -> str:
    """The sentence. previous: what there was before. config: the file's text that the plan came from."""
    if previous is None:
        return "first apply"
    by_hand = [change.resource.key for change in plan.changes if change.drifted]
    parts = [
        *_some(list(_asked(previous.config, config))),
        *(_server(change) for change in plan.changes if change.resource.key == f"link:{paths.VENV}" and change.before),
        *(
            f"the hub's database migrated to {change.resource.schema_wanted}"
            for change in plan.changes
            if isinstance(change.resource, HubDatabase)
        ),
        *([f"set back what was changed by hand: {', '.join(_some(by_hand))}"] if by_hand else []),
    ]
    features = dict.fromkeys(change.resource.feature for change in plan.changes)
    number = len(plan.changes)
    counted = f"{number} change{'s' if number > 1 else ''}: {', '.join(features)}" if number else "no changes"
    return f"{'; '.join(parts)} ({counted})" if parts else counted


def _asked(before: str, after: str) -> Iterator[str]:
    """What is said otherwise in the config, key by key, as it is written there."""
    was, now = _values(before), _values(after)
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            yield f"{key} {_told(was, key)} -> {_told(now, key)}"


def _values(text: str) -> dict[str, object]:
    """A config's values by their whole key; none where it can't be read."""
    try:
        return dict(_flat(read_tree(text.encode()).values))
    except NotReadable:
        return {}


def _flat(values: object, above: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _flat(value, f"{above}.{key}" if above else str(key))
    elif above:
        yield above, values


def _told(values: Mapping[str, object], key: str) -> str:
    if key not in values:
        return "default"
    value = values[key]
    if isinstance(value, list):
        value = f"[{', '.join(map(_entry, value))}]"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _entry(item: object) -> str:
    """An entry of a list: its name or path, where it has more to say."""
    return str(item.get("name", item.get("path"))) if isinstance(item, Mapping) else str(item)


def _server(change: Change) -> str:
    before, after = change.before or {}, change.after or {}
    return f"server environment {_last(before)} -> {_last(after)}"


def _last(link: Mapping[str, object]) -> str:
    return str(link.get("target", "")).rpartition("/")[2] or "none"


def _some(things: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(things) - _MOST
    return [*things[:_MOST], f"{more} more"] if more > 0 else list(things)
