"""Bring about what one edit of the config changes, in seconds: all else stays unlooked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from installer.commands import config_file, health
from installer.commands.situation import Situation, seen
from installer.config.load import Loaded, load_text
from installer.engine.executor import Reporter
from installer.engine.plan import Plan, make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import Problem

_APPLY = "sudo python3 -m installer apply"


@dataclass(frozen=True)
class Edit:
    """An edit of the config.

    text: what it is to say. services: units that read what changes by that.
    summary: the generation's. by: the account that asked for it.
    """

    text: str
    services: tuple[str, ...]
    summary: str
    by: str


@dataclass(frozen=True)
class _Way:
    """How an edit comes about, on a host that it can come about on."""

    site: Site
    request: Request
    plan: Plan


def bring_about(situation: Situation, edit: Edit, reporter: Reporter) -> None:
    """Make the config say what it is to, and the host what follows from that. Raises Problem, after going back."""
    way = _way(situation, edit)
    store, file = situation.store, config_file.read(paths.CONFIG_FILE)
    with file.replaced(edit.text, applied=situation.found_text, newest=store.newest_number):
        carry_out(store, way.request, way.plan, reporter, lambda: health.wait_until_healthy(way.site))


def refuse_impossible(situation: Situation, edit: Edit) -> None:
    """Raise Problem for whatever keeps an edit from being brought about, as things are; for what can't be undone."""
    _way(situation, edit)


def _way(situation: Situation, edit: Edit) -> _Way:
    """Raises Problem."""
    store = situation.store
    since, generation = store.interrupted(), store.newest()
    if since is not None:
        raise Problem(f"the run of {since} did not come to its end", f"finish it first: {_APPLY}")
    if generation is None:
        raise Problem("there is no hub here yet", f"begin with: {_APPLY}")
    new = seen(Loaded(load_text(paths.CONFIG_FILE, edit.text), edit.text), situation.found_text)
    part = _changed(situation.desired, new.desired, edit.services)
    before, rest = _parted(situation, generation, {resource.key for resource in part})
    plan = make_plan([_alone(resource, part) for resource in part], before)
    request = Request(part, edit.by, edit.text, generation.remembered, edit.summary, rest, generation.version)
    return _Way(new.site, request, plan)


def _changed(old: Collection[Resource], new: Collection[Resource], services: Collection[str]) -> list[Resource]:
    """What is wanted otherwise by the new config than by the old one, and the units that read it."""
    was = {resource.key: resource for resource in old}
    units = {f"service:{unit}" for unit in services}
    return [resource for resource in new if was.get(resource.key) != resource or resource.key in units]


def _parted(
    situation: Situation, generation: Generation, part: Collection[str]
) -> tuple[dict[str, Resource], tuple[dict[str, Any], ...]]:
    """The generation's resources that the edit has to do with, by key; and all others, as stored. Raises Problem."""
    wished: Mapping[str, Resource] = {resource.key: resource for resource in situation.desired}
    ours: dict[str, Resource] = {}
    rest = []
    for entry in generation.resources:
        resource = situation.store.restored(entry)
        if resource.key in part:
            ours[resource.key] = resource
        else:
            rest.append(entry)
    if any(ours.get(key) != wished.get(key) for key in part):
        raise Problem(
            f"{paths.CONFIG_FILE}, or this installer, was changed since the last apply",
            f"bring that about first: {_APPLY}",
        )
    return ours, tuple(rest)


def _alone(resource: Resource, part: Collection[Resource]) -> Resource:
    """A resource that needs nothing but what is in the part: the rest is there."""
    keys = {other.key for other in part}
    return resource.model_copy(update={"needs": tuple(key for key in resource.needs if key in keys)})
