"""One run from plan to generation; or, where it fails, back to what was there before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from installer.engine.executor import Reporter, carry_out_one, execute, execute_optional, is_optional
from installer.engine.plan import Plan, make_plan
from installer.engine.resource import Attributes, Resource
from installer.engine.store import Generation, Store, now, numbered
from installer.host.errors import Problem
from installer.host.interruption import undisturbed
from installer.host.version import VERSION


@dataclass(frozen=True)
class Request:
    """What a run is to bring about, and for whom.

    desired: what the plan is for. rest: where that is a part, all else that the host has, in stored form.
    by: the account that asked. config: the config file's text. remembered: choices that later runs keep.
    summary: what the run changes, in a sentence; told by the plan if None.
    version: whose wishes they are.
    back_to: the number of the generation that it returns to, if it does.
    """

    desired: Sequence[Resource]
    by: str
    config: str
    remembered: Mapping[str, str]
    summary: str | None = None
    rest: tuple[dict[str, JsonValue], ...] = ()
    version: str = VERSION
    back_to: int | None = None


def carry_out(store: Store, request: Request, plan: Plan, reporter: Reporter, verify: Callable[[], None]) -> Generation:
    """Execute the plan, verify, go on with what is optional, and keep it all as a generation.

    verify: looks at the running result and raises Problem if it isn't healthy.
    Raises the Problem that stopped it, after what was changed has been undone. What is optional and fails is named in
    the generation, and tried again by the next run, which finds it missing.
    """
    previous = store.newest()
    if not request.rest:  # what a part is of was looked at by the run for the whole
        store.found.note(plan, {*store.managed(), *store.left()})
    store.journal.begin(by=request.by, remembered=request.remembered, back_to=request.back_to)
    try:
        execute(plan, store.journal, reporter)
        verify()
    except BaseException as failure:
        with undisturbed():
            _undo(store, previous, plan, reporter, failure)
        if isinstance(failure, KeyboardInterrupt):
            raise Problem("interrupted; what had been changed was undone", "run the same command again") from failure
        raise
    # Kept before what is optional is begun, which may take long: from here on, this is what there is to go back to.
    waiting = {change.resource.key: "not begun yet" for change in plan.changes if is_optional(change)}
    generation = _kept(store, previous, request, plan, waiting)
    try:
        failures = execute_optional(plan, store.journal, reporter)
    except KeyboardInterrupt as interruption:
        with undisturbed():
            store.journal.close()
        raise Problem(
            f"interrupted; the hub is up (generation {generation.number}), and what was still to be built is missing",
            "run apply again: it goes on from there",
        ) from interruption
    if waiting:
        reasons = {key: str(problem) for key, problem in failures.items()}
        generation = _kept(store, previous, request, plan, reasons)
    with undisturbed():
        store.journal.close()
    return generation


def _kept(
    store: Store, previous: Generation | None, request: Request, plan: Plan, degraded: Mapping[str, str]
) -> Generation:
    """Keep what there is now as the generation after the previous one; or as that, if a killed run had kept it."""
    resources = (*request.rest, *numbered([resource.settled() for resource in request.desired]))
    missing = {**_of_the_rest(store, previous, request), **degraded}
    if previous is not None and plan.empty and (previous.config, previous.resources) == (request.config, resources):
        generation = previous.model_copy(update={"degraded": missing})
    else:
        generation = Generation(
            number=(previous.number if previous else 0) + 1,
            at=now(),
            by=request.by,
            summary=request.summary or summary(plan),
            config=request.config,
            remembered=dict(request.remembered),
            resources=resources,
            degraded=missing,
            version=request.version,
        )
    with undisturbed():
        if not request.rest:
            store.note_left({resource.key for resource in request.desired})
        store.add(generation)
    return generation


def _of_the_rest(store: Store, previous: Generation | None, request: Request) -> dict[str, str]:
    """What was degraded before, of that which a run for a part has not looked at; what it takes away is not."""
    if previous is None or not request.rest:
        return {}
    kinds = {key.partition(":")[0] for key in previous.degraded}
    rest = {store.restored(entry).key for entry in request.rest if entry["kind"] in kinds}
    return {key: reason for key, reason in previous.degraded.items() if key in rest}


def _undo(store: Store, previous: Generation | None, plan: Plan, reporter: Reporter, failure: BaseException) -> None:
    """Return to what was there before the run: the same engine, with the former generation as the desired state.

    Files go back to the content they had when the run began, edits by hand included. Packages and environments are
    inert and dear: they stay, for the next run to use. One step that fails keeps no other from being taken. Nothing is
    written to the journal, which may be what there is no room for: all that is touched here is in it already.
    """
    reporter.step("that failed: going back to what was there before")
    troubles: list[Exception] = []
    try:
        concerned = {resource.key for resource in plan.wanted} | {change.resource.key for change in plan.changes}
        concerned -= {change.resource.key for change in plan.kept}
        former = _former(store, previous)
        begun = _begun(store)
        found = _found(plan, begun)
        restored: set[str] = set()
        for change in make_plan(former, store.managed()).changes:
            resource, before = change.resource, found.get(change.resource.key)
            if resource.key not in concerned:
                continue
            # What is as the run found it needs no way back, even if it isn't as the former generation left it.
            if resource.key in found and change.before == before:
                continue
            try:
                if before is not None and resource.key not in begun and restored.intersection(resource.reads):
                    resource.spared(before, restored.intersection(resource.reads))
                    if resource.probe() == before:
                        continue
                carry_out_one(change)
                restored.update(resource.provides)
            except Exception as trouble:  # noqa: BLE001 - the other steps back are still worth taking
                troubles.append(trouble)
        store.note_left({resource.key for resource in former})
    except Exception as trouble:  # noqa: BLE001 - told together with what it followed
        troubles.append(trouble)
    if troubles:
        raise Problem(
            f"{str(failure) or 'interrupted'}; and going back failed too: {troubles[0]}",
            "run apply again once the cause is mended: it goes on from here",
            getattr(failure, "detail", "") or getattr(troubles[0], "detail", ""),
        ) from failure
    store.journal.close()


def _begun(store: Store) -> set[str]:
    """The keys of what the run has set about to change."""
    starts = (record for record in store.journal.records() if record["event"] == "start")
    return {store.restored(record["resource"]).key for record in starts}


def _found(plan: Plan, begun: Collection[str]) -> dict[str, Attributes | None]:
    """What the run found of what it was to change; without what its own other changes altered first."""
    return {
        change.resource.key: change.observed
        for change in plan.changes
        if change.before == change.observed or change.resource.key not in begun
    }


def _former(store: Store, previous: Generation | None) -> tuple[Resource, ...]:
    """What was there before the run: the former generation, and what isn't of it but was found and changed."""
    ours = store.resources_of(previous)
    first: dict[str, tuple[Resource, dict[str, Any]]] = {}
    for record in store.journal.records():
        if record["event"] == "start":
            resource = store.restored(record["resource"])
            first.setdefault(resource.key, (resource, record))
    former: list[Resource | None] = [resource for key, resource in ours.items() if key not in first]
    for key, (resource, record) in first.items():
        if record["before"] is not None:
            was = ours.get(key, resource).as_before(record["before"], record["old_text"])
            # Needs are about making things, and may name what wasn't there before.
            former.append(was if was is None or key in ours else was.model_copy(update={"needs": ()}))
        elif key in ours:
            former.append(ours[key])
    return tuple(resource for resource in former if resource is not None)


def summary(plan: Plan) -> str:
    """What a plan changes, in a sentence for the list of generations."""
    features = list(dict.fromkeys(change.resource.feature for change in plan.changes))
    return f"{len(plan.changes)} changes: {', '.join(features)}" if features else "no changes"
