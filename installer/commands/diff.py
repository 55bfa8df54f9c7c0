"""What is different: the host from what the last apply left, or one generation from another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from installer.commands import generations, keeping
from installer.engine.plan import Action, Change, Plan, make_plan
from installer.engine.resource import Resource
from installer.engine.store import Generation


@dataclass(frozen=True)
class Differences:
    """What makes one generation into another: the config's text, and the resources as they were wanted."""

    one: Generation
    other: Generation
    changes: tuple[Change, ...]

    @property
    def empty(self) -> bool:
        """Whether they are the same."""
        return not self.changes and self.one.config == self.other.config


def drift() -> Plan:
    """The changes that would bring back what the last apply left. Raises Problem before the first apply."""
    store = generations.here()
    newest = store.generation(store.numbers()[-1])
    recorded = store.resources_of(newest)
    resources = tuple(recorded.values())
    return make_plan(resources, recorded, keep=keeping.kept_keys(generations.config_of(newest), resources, store))


def between(one: str, other: str | None) -> Differences:
    """From one generation to another, or to the newest. Raises ConfigProblem, Problem; looks at nothing but records."""
    store = generations.here()
    first = generations.meant(store, one)
    second = generations.meant(store, other) if other is not None else store.generation(store.numbers()[-1])
    changes = _changes(store.resources_of(first), store.resources_of(second))
    return Differences(first, second, tuple(changes))


def _changes(before: dict[str, Resource], after: dict[str, Resource]) -> Iterator[Change]:
    for key, resource in {**before, **after}.items():
        was, now = before.get(key), after.get(key)
        had, has = was.wanted() if was else None, now.wanted() if now else None
        old, new = was.content() if was else None, now.content() if now else None
        if (had, old) == (has, new):
            continue
        action = Action.CREATE if was is None else Action.REMOVE if now is None else Action.CHANGE
        yield Change(resource, action, had, has, had, old_text=old, new_text=new)
