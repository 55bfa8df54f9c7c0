"""One run from plan to generation; or, where it fails, back to what was there before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from installer.engine.executor import Reporter, execute
from installer.engine.plan import Plan, make_plan
from installer.engine.resource import Resource
from installer.engine.store import Generation, Store, now, numbered
from installer.host.errors import Problem


@dataclass(frozen=True)
class Request:
    """What a run is to bring about, and for whom.

    by: the account that asked. config: the config file's text. remembered: choices that later runs keep.
    """

    desired: Sequence[Resource]
    by: str
    config: str
    remembered: Mapping[str, str]


def carry_out(store: Store, request: Request, plan: Plan, reporter: Reporter, verify: Callable[[], None]) -> Generation:
    """Execute the plan, verify, and keep it as a generation.

    verify: looks at the running result and raises Problem if it isn't healthy.
    Raises the Problem that stopped it, after what was changed has been undone.
    """
    previous = store.newest()
    store.journal.begin(by=request.by, remembered=request.remembered)
    try:
        execute(plan, store.journal, reporter)
        verify()
    except BaseException as failure:
        _undo(store, previous, reporter, failure)
        raise
    generation = Generation(
        number=(previous.number if previous else 0) + 1,
        at=now(),
        by=request.by,
        summary=summary(plan),
        config=request.config,
        remembered=dict(request.remembered),
        resources=numbered(plan.wanted),
    )
    store.note_left({resource.key for resource in plan.wanted})
    store.add(generation)
    store.journal.close()
    return generation


def _undo(store: Store, previous: Generation | None, reporter: Reporter, failure: BaseException) -> None:
    """Return to what was there before the run: the same engine, with the former generation as the desired state.

    Files go back to the content they had when the run began, edits by hand included. Packages and environments are
    inert and dear: they stay, for the next run to use.
    """
    reporter.step("that failed: going back to what was there before")
    texts: dict[str, str | None] = {}
    for record in store.journal.records():
        if record["event"] == "start":
            texts.setdefault(store.restored(record["resource"]).key, record["old_text"])
    former = [resource.as_before(texts.get(key)) for key, resource in store.resources_of(previous).items()]
    try:
        execute(make_plan(former, store.managed()), store.journal, reporter)
        store.note_left({resource.key for resource in former})
    except Exception as second:
        raise Problem(
            f"{str(failure) or 'interrupted'}; and going back failed too: {second}",
            "run apply again once the cause is mended: it goes on from here",
            getattr(failure, "detail", ""),
        ) from second
    store.journal.close()


def summary(plan: Plan) -> str:
    """What a plan changes, in a sentence for the list of generations."""
    features = list(dict.fromkeys(change.resource.feature for change in plan.changes))
    return f"{len(plan.changes)} changes: {', '.join(features)}" if features else "no changes"
