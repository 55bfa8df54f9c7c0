"""Carries a plan out: independent changes side by side, each written to the journal before it is begun."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import Protocol

from installer.engine.graph import behind, graph_of
from installer.engine.plan import Action, Change, Plan
from installer.engine.store import Journal
from installer.host.errors import Problem
from installer.host.interruption import undisturbed

log = logging.getLogger(__name__)

WORKERS = 4
"""Changes at a time: downloads overlap, and two small cores aren't drowned."""


class Reporter(Protocol):
    """Told of progress; called from the thread that runs the plan."""

    def step(self, doing: str) -> None:
        """Something that isn't a change has been begun: a wait, a test, the way back."""

    def begun(self, change: Change) -> None:
        """A change has been begun."""

    def ended(self, change: Change, seconds: float) -> None:
        """A change is complete."""

    def failed(self, change: Change, problem: Problem) -> None:
        """An optional change has failed, and the run goes on without it."""


def execute(plan: Plan, journal: Journal, reporter: Reporter) -> None:
    """Carry out every change that isn't optional: creations and changes along the graph, then removals one by one.

    What is to be tried out comes first of all, with no more than that takes: if it fails, nothing else is changed.
    The first failure lets what is under way end, begins nothing more, and is raised; an interruption (not an Exception)
    has what is under way abandoned.
    """
    pending = {
        change.resource.key: change
        for change in plan.changes
        if change.action is not Action.REMOVE and not is_optional(change)
    }
    tried = [change for change in pending.values() if change.resource.tried_with]
    if tried:
        first = behind(plan.wanted, [key for change in tried for key in change.resource.tried_with])
        before = {key: change for key, change in pending.items() if key in first}
        _create_and_change(plan, before, journal, reporter, failures=None)
        for change in tried:
            reporter.step(f"try out what is to be done to {change.resource.key}")
            change.resource.rehearse(change.before)
        pending = {key: change for key, change in pending.items() if key not in first}
    _create_and_change(plan, pending, journal, reporter, failures=None)
    for change in plan.changes:
        if change.action is Action.REMOVE:
            journal.start(change)
            reporter.begun(change)
            seconds = carry_out_one(change)
            journal.done(change)
            reporter.ended(change, seconds)


def execute_optional(plan: Plan, journal: Journal, reporter: Reporter) -> dict[str, Problem]:
    """Carry out the optional creations and changes, each on its own. Returns those that failed, by key.

    An interruption has what is under way abandoned, and is raised.
    """
    pending = {change.resource.key: change for change in plan.changes if is_optional(change)}
    failures: dict[str, Problem] = {}
    if pending:
        _create_and_change(plan, pending, journal, reporter, failures)
    return failures


def is_optional(change: Change) -> bool:
    """Whether a change comes last and may fail. Taking something away is never that."""
    return change.resource.optional and change.action is not Action.REMOVE


def _create_and_change(
    plan: Plan,
    pending: Mapping[str, Change],
    journal: Journal,
    reporter: Reporter,
    failures: dict[str, Problem] | None,
) -> None:
    """Carry out the pending changes along the graph.

    failures: takes up the Problems of single changes; None to stop at the first.
    """
    running: dict[Future[float], Change] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            _run_along_the_graph(
                plan,
                pending,
                journal=journal,
                reporter=reporter,
                failures=failures,
                pool=pool,
                running=running,
            )
        except BaseException as failure:
            with undisturbed():
                pool.shutdown(wait=False, cancel_futures=True)
                # wait() would wait for a cancelled one for ever: there is no thread left that looks at it.
                begun = {future: change for future, change in running.items() if not future.cancelled()}
                if not isinstance(failure, Exception):
                    _abandon(begun, reporter)
                wait(begun)
            raise


def _run_along_the_graph(
    plan: Plan,
    pending: Mapping[str, Change],
    *,
    journal: Journal,
    reporter: Reporter,
    failures: dict[str, Problem] | None,
    pool: ThreadPoolExecutor,
    running: dict[Future[float], Change],
) -> None:
    sorter = TopologicalSorter(graph_of(plan.wanted))
    sorter.prepare()
    while sorter.is_active():
        for key in sorter.get_ready():
            change = pending.get(key)
            if change is None:
                sorter.done(key)
                continue
            journal.start(change)
            reporter.begun(change)
            running[pool.submit(carry_out_one, change)] = change
        if not running:
            continue
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            change = running.pop(future)
            try:
                seconds = future.result()
            except Exception as error:
                if failures is None:
                    raise
                failures[change.resource.key] = problem = as_problem(error)
                reporter.failed(change, problem)
            else:
                reporter.ended(change, seconds)
            journal.done(change)
            sorter.done(change.resource.key)


def as_problem(error: Exception) -> Problem:
    """Why one change was not made, where others are made all the same; a mistake of ours keeps nobody from those."""
    if isinstance(error, Problem):
        return error
    log.debug("one change of several failed", exc_info=error)
    first = str(error).partition("\n")[0]
    return Problem(
        f"the installer made a mistake: {type(error).__name__}: {first}",
        "please report it, with what the same command prints with --debug",
    )


def _abandon(running: dict[Future[float], Change], reporter: Reporter) -> None:
    """Have what is under way end; asked again and again, since one process of many may just have followed another."""
    waiting = set(running)
    while waiting:
        for future in waiting:
            if future.running():
                running[future].resource.abandon()
        _, left = wait(waiting, timeout=0.5)
        if left and len(left) == len(waiting):
            reporter.step("interrupted: waiting for " + ", ".join(running[future].resource.key for future in left))
            wait(left, timeout=10)
        waiting = left


def carry_out_one(change: Change) -> float:
    """Carry out a single change. Returns the seconds it took."""
    begun = time.monotonic()
    if change.action is Action.REMOVE:
        change.resource.remove()
    else:
        change.resource.realize(change.before)
    return time.monotonic() - begun
