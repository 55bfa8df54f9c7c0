"""How the host is: per component what is there, healthy or drifted; and whether the hub answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from installer.commands import base_python, health, maintenance
from installer.commands.maintenance import Maintenance
from installer.commands.situation import Situation
from installer.engine.plan import Change
from installer.host import systemd


@dataclass(frozen=True)
class Component:
    """One feature's state.

    state: healthy, drifted (changed by hand since the last apply) or pending (the config asks for more).
    findings: a line for each thing that isn't as it should be, or that is kept as somebody has changed it.
    """

    name: str
    resources: int
    state: str
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """The whole.

    generation: the newest one's number, None before the first apply.
    interrupted: when the run began that didn't end, None where there is none.
    trouble: why the hub doesn't answer (one line), None if it does.
    python: why the server environment has to be built anew for another Python (one line), None if it hasn't.
    units: what systemd says of each of ours.
    closed: since when the site is closed for maintenance, with what people read; None where it is open.
    """

    url: str
    generation: int | None
    interrupted: str | None
    trouble: str | None
    python: str | None
    components: tuple[Component, ...]
    units: tuple[systemd.UnitState, ...]
    closed: Maintenance | None = None

    @property
    def healthy(self) -> bool:
        """Whether there is nothing to complain of."""
        return (
            self.trouble is None
            and self.python is None
            and all(component.state == "healthy" for component in self.components)
        )


def status(situation: Situation) -> Status:
    """Look at everything; nothing is changed."""
    numbers = situation.store.numbers()
    base = base_python.look(situation.site.facts.python)
    return Status(
        url=situation.site.url,
        generation=numbers[-1] if numbers else None,
        interrupted=situation.store.interrupted(),
        trouble=health.answers(situation.site) if numbers else "nothing is installed yet",
        python=(base.broken or base.outdated or None) if base else None,
        components=components(situation),
        units=tuple(systemd.states(health.units(situation.site))),
        closed=maintenance.look(),
    )


def components(situation: Situation) -> tuple[Component, ...]:
    """Compare the host with what is wanted, component by component. Raises Conflict."""
    plan = situation.plan()
    newest = situation.store.newest()
    degraded = newest.degraded if newest else {}
    names = dict.fromkeys(resource.feature for resource in situation.desired)
    return tuple(
        _component(
            name,
            sum(resource.feature == name for resource in situation.desired),
            [change for change in plan.changes if change.resource.feature == name],
            [change for change in plan.kept if change.resource.feature == name],
            degraded,
        )
        for name in names
    )


def _component(
    name: str, resources: int, changes: list[Change], kept: list[Change], degraded: Mapping[str, str]
) -> Component:
    by_hand = tuple(f"{change.resource.key} is kept as it was changed by hand" for change in kept)
    if not changes:
        return Component(name, resources, "healthy", by_hand)
    # What could not be had is not what somebody has changed.
    drifted = any(change.drifted and change.resource.key not in degraded for change in changes)
    findings = tuple(_finding(change, degraded.get(change.resource.key)) for change in changes)
    return Component(name, resources, "drifted" if drifted else "pending", findings + by_hand)


def _finding(change: Change, why: str | None) -> str:
    if why is not None:
        return f"{change.resource.key} could not be had by the last apply: {why}"
    if change.before is None:
        return f"{change.resource.key} is missing"
    if change.after is None:
        return f"{change.resource.key} is no longer wanted"
    wrong = [f"{name} is {was}" for name, was in change.before.items() if change.after.get(name) != was]
    return f"{change.resource.key}: " + ", ".join("changed" if "sha256:" in text else text for text in wrong)
