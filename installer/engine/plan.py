"""The plan: what differs between the host and what is wanted, in the order in which it will be changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from installer.engine.graph import in_order
from installer.engine.resource import Attributes, Resource
from installer.host.errors import Conflict


class Action(str, Enum):
    """What a change does to its resource."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True)
class Change:
    """The difference for one resource.

    before, after: its attributes now and then; None where it is absent.
    observed: its attributes as they were seen: `before` is other where something that it reads is changed before it.
    drifted: it was changed by someone else since the last generation.
    old_text, new_text: the content to show as a diff, None where there is none or it is secret.
    """

    resource: Resource
    action: Action
    before: Attributes | None
    after: Attributes | None
    observed: Attributes | None
    drifted: bool = False
    old_text: str | None = None
    new_text: str | None = None


@dataclass(frozen=True)
class Plan:
    """The ordered changes, and everything that is wanted (for the dependencies through what stays as it is).

    kept: the changes that are not made, since what somebody has changed by hand is to stay.
    """

    wanted: tuple[Resource, ...]
    changes: tuple[Change, ...]
    kept: tuple[Change, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    def count(self, action: Action) -> int:
        """How many changes are of that kind."""
        return sum(change.action is action for change in self.changes)


def observe(resources: Sequence[Resource]) -> dict[str, Attributes | None]:
    """Look at every resource, those of one kind together. Reads only. Raises Conflict."""
    by_class: dict[type[Resource], list[Resource]] = defaultdict(list)
    for resource in resources:
        by_class[type(resource)].append(resource)
    observed: dict[str, Attributes | None] = {}
    for cls, members in by_class.items():
        for resource, attributes in zip(members, cls.probe_all(members), strict=True):
            observed[resource.key] = attributes
    return observed


def make_plan(
    desired: Sequence[Resource],
    managed: Mapping[str, Resource],
    left: Collection[str] = (),
    keep: Collection[str] = (),
) -> Plan:
    """Compare the host with what is desired.

    managed: what earlier runs put there, by key; it tells our own from foreign things, and drift from a new wish.
    left: keys of what earlier runs left on purpose; ours too, but nothing to be removed.
    keep: keys of what stays as it is, however that differs from what is desired.
    Raises Conflict, naming everything foreign that stands in the way.
    """
    ordered = in_order(desired)
    observed = observe(ordered)
    foreign = [
        reason
        for resource in ordered
        if resource.key not in managed
        and resource.key not in left
        and (reason := resource.foreign(observed[resource.key]))
    ]
    if foreign:
        raise Conflict(
            foreign[0],
            "move or rename it, then run apply again: files and accounts that aren't ours are never touched",
            "\n".join(foreign[1:]),
        )
    changes, kept = [], []
    touched: set[str] = set()
    for resource in ordered:
        before = observed[resource.key]
        if touched.intersection(resource.reads):
            before = resource.refreshed(before)
        after = resource.wanted()
        if before == after:
            continue
        change = Change(
            resource,
            Action.CREATE if before is None else Action.CHANGE,
            before,
            after,
            observed[resource.key],
            drifted=_drifted(resource, observed[resource.key], managed),
            old_text=resource.present_content() if before is not None else None,
            new_text=resource.content(),
        )
        if resource.key in keep:
            kept.append(change)
            continue
        changes.append(change)
        touched.update(resource.provides)
    return Plan(ordered, tuple(changes) + _removals(desired, managed), tuple(kept))


def _drifted(resource: Resource, observed: Attributes | None, managed: Mapping[str, Resource]) -> bool:
    recorded = managed.get(resource.key)
    return recorded is not None and recorded.wanted() != observed


def _removals(desired: Sequence[Resource], managed: Mapping[str, Resource]) -> tuple[Change, ...]:
    """What earlier runs put there and nobody asks for any more, dependents first."""
    keys = {resource.key for resource in desired}
    gone = [resource for key, resource in managed.items() if key not in keys and not resource.kept]
    # Needs outside the removed set don't matter here: what stays, stays.
    among = {resource.key for resource in gone}
    loose = [r.model_copy(update={"needs": tuple(key for key in r.needs if key in among)}) for r in gone]
    observed = observe(loose)
    return tuple(
        Change(
            resource,
            Action.REMOVE,
            observed[resource.key],
            None,
            observed[resource.key],
            old_text=resource.present_content(),
        )
        for resource in reversed(in_order(loose))
        if observed[resource.key] is not None
    )
