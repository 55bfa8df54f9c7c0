"""Carrying out what changes a kernel: the build out of sight, the config's entry, then the one switch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from installer.commands.kernel_proposals import Proposal
from installer.commands.kernel_situation import KernelSituation
from installer.config import edit
from installer.engine.executor import Reporter
from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation
from installer.features import kernels as feature
from installer.host import files, paths
from installer.host.errors import ConfigProblem, Problem
from installer.kernels import build, gc, revisions
from installer.kernels.request import KernelRequest, as_written, read_request
from installer.kernels.worker import Gate, one_builder
from installer.resources.kernel import Kernel


def carry_out_proposal(proposal: Proposal, by: str, reporter: Reporter, *, builder: Gate) -> str:
    """Build the revision out of sight, write the config, switch. Returns its id. Raises Problem."""
    prefix = build.ensure(proposal.request, proposal.lock, reporter.step, alone=True, builder=builder)
    _switch(
        proposal.situation,
        proposal.request,
        prefix.name,
        by=by,
        reason=proposal.reason,
        reporter=reporter,
    )
    return prefix.name


def rebuild(situation: KernelSituation, name: str, by: str, reporter: Reporter) -> str:
    """Make the revision in use anew beside itself, of the same packages. Returns its id. Raises ConfigProblem, Problem.

    It is made for what that one was made for: an edit of the config since then is for an apply to bring about.
    """
    entry = situation.entry(name)
    damaged = revisions.current(name)
    known = revisions.completed(damaged) if damaged else None
    unpinned = entry.model_copy(update={"revision": None})
    request = known.request if known else read_request(unpinned, situation.config.channels)
    try:
        former = revisions.lock_of(damaged).lock if damaged and known else None
    except Problem:  # the lock is what was damaged
        former = None
    with one_builder(name) as builder:
        lock = former or build.solve(request, None, (), reporter.step, builder=builder)
        prefix = build.ensure(request, lock, reporter.step, anew=True, builder=builder)
    changed = situation
    if entry.revision and damaged in {None, revisions.place(name, entry.revision)}:
        changed = situation.with_entry(_pinned(as_written(unpinned), prefix.name))
        request = changed.request(name)
    _switch(changed, request, prefix.name, by=by, reason="rebuild", reporter=reporter)
    # One without its marker may have been built again in its own place.
    if damaged is not None and damaged != prefix:
        with _all_but_room(f"the kernel {name!r} was built anew"):
            revisions.condemn(damaged)
            gc.discard_incomplete(name)
    return prefix.name


def rollback(situation: KernelSituation, name: str, wished: str | None, by: str, reporter: Reporter) -> str:
    """Go back to a revision, by default to the one before. Returns its id. Raises ConfigProblem, Problem."""
    if name not in revisions.kernels():
        situation.entry(name)
    now = revisions.current(name)
    prefix = revisions.revision_called(name, wished) if wished else _one_before(name)
    known = revisions.completed(prefix)
    if known is None:
        raise Problem(f"{prefix} is not complete", f"see installer kernel history {name}")
    if prefix == now:
        return prefix.name
    entry = known.request.entry
    changed = situation.with_entry(entry)
    if changed.request(name).id != known.request.id:
        # It was made from a recipe, a file or channels that are others now.
        changed = situation.with_entry(_pinned(entry, prefix.name))
    request = changed.request(name)
    _switch(changed, request, prefix.name, by=by, reason=f"rollback {prefix.name}", reporter=reporter)
    return prefix.name


def _pinned(entry: str | dict[str, Any], revision: str) -> dict[str, Any]:
    """A kernel's entry, as it is written, with the one revision that it is to be at."""
    full = {"name": entry} if isinstance(entry, str) else entry
    return {**full, "revision": revision}


def _one_before(name: str) -> Path:
    now = revisions.current(name)
    for switch in reversed(revisions.history(name)):
        prefix = revisions.place(name, switch.revision)
        if prefix != now and revisions.completed(prefix):
            return prefix
    raise Problem(f"the kernel {name!r} has no revision to go back to", f"see installer kernel history {name}")


def remove(situation: KernelSituation, name: str, by: str, reporter: Reporter) -> None:
    """Take a kernel away; what runs of it goes on. Raises ConfigProblem, Problem.

    What it is made from isn't looked at: that this is gone may be why the kernel is to go too.
    """
    situation.entry(name)
    changed = situation.with_text(edit.without_kernel(situation.text, name))
    _carry_out(changed, name, None, by=by, summary=f"kernel {name}: remove", reporter=reporter)
    with _all_but_room(f"the kernel {name!r} is gone"):
        gc.collect(name, keep=0)


def _switch(
    situation: KernelSituation, request: KernelRequest, revision: str, *, by: str, reason: str, reporter: Reporter
) -> Generation:
    kernel = Kernel(feature=feature.FEATURE, request=request, revision=revision, reason=reason)
    summary = f"kernel {request.name}: {reason}"
    return _carry_out(situation, request.name, kernel, by=by, summary=summary, reporter=reporter)


def _carry_out(
    situation: KernelSituation, name: str, wanted: Kernel | None, *, by: str, summary: str, reporter: Reporter
) -> Generation:
    """Bring one kernel, and the default that servers are told of, to what is wanted; the rest stays unlooked at.

    wanted: None where the kernel is to go.
    """
    store, key = situation.store, f"{Kernel.kind}:{name}"
    before, rest = _parted(situation, key)
    part = [*_default(situation, before), *([wanted] if wanted else [])]
    plan = make_plan([resource.model_copy(update={"needs": ()}) for resource in part], before)
    kept = situation.generation
    request = Request(part, by, situation.text, kept.remembered, summary, rest, kept.version)
    try:
        if situation.text != situation.found:
            _replace_config(situation.found, situation.text)
        generation = carry_out(store, request, plan, reporter, verify=lambda: None)
        if key in generation.degraded:
            raise Problem(generation.degraded[key], "see installer status")
    except Problem:
        if situation.text != situation.found:
            _replace_config(situation.text, situation.found)
        raise
    return generation


def _default(situation: KernelSituation, before: Mapping[str, Resource]) -> list[Resource]:
    """What servers are to be told of the default; as it is where that one can't be read, which keeps no other up."""
    try:
        return [feature.server_settings(situation.config)]
    except ConfigProblem:
        return [resource for resource in before.values() if not isinstance(resource, Kernel)]


def _parted(situation: KernelSituation, key: str) -> tuple[dict[str, Resource], tuple[dict[str, JsonValue], ...]]:
    """The generation's resources that a change of a kernel has to do with, by key; and all others, as stored."""
    ours: dict[str, Resource] = {}
    rest = []
    for entry in situation.generation.resources:
        mine = entry["kind"] == Kernel.kind or entry.get("path") == str(paths.SERVER_SETTINGS)
        resource = situation.store.restored(entry) if mine else None
        if isinstance(resource, Kernel) and resource.key != key:
            resource = None
        if resource is None:
            rest.append(entry)
        else:
            ours[resource.key] = resource
    return ours, tuple(rest)


@contextmanager
def _all_but_room(done: str) -> Iterator[None]:
    """Have an interruption say that the change is made: what is still to go in the block takes up room, no more."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise Problem(
            f"interrupted; {done}, and what nothing needs any more takes up room still",
            "have the rest removed: installer kernel gc",
        ) from interruption


def _replace_config(expected: str, text: str) -> None:
    """Put another text in the place of the one that was read. Raises Problem, and leaves alone what came meanwhile."""
    file = paths.CONFIG_FILE
    if (file.read_text(encoding="utf-8") if file.exists() else "") != expected:
        raise Problem(f"{file} was changed meanwhile, and was left as it is", "run the same command again")
    files.write(file, text.encode(), mode=0o644)
