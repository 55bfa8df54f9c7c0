"""Carrying out what changes a kernel: the build out of sight, the config's entry, then the one switch."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from installer.commands.kernel_proposals import Proposal
from installer.commands.kernel_situation import KernelSituation, former_lock
from installer.config import edit
from installer.engine.executor import Reporter
from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation
from installer.features import kernels as feature
from installer.host import files, paths
from installer.host.errors import Problem
from installer.kernels import build, gc, revisions
from installer.kernels.request import KernelRequest
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
    """Make the revision in use anew beside itself, of the same packages. Returns its id. Raises Problem."""
    request = situation.request(name)
    try:
        former = former_lock(request)
    except Problem:  # the lock is what was damaged
        former = None
    with one_builder(name) as builder:
        lock = former or build.solve(request, None, (), reporter.step, builder=builder)
        prefix = build.ensure(request, lock, reporter.step, anew=True, builder=builder)
    damaged = revisions.linked(request.kernelspec)
    _switch(situation, request, prefix.name, by=by, reason="rebuild", reporter=reporter)
    if damaged is not None:
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
        full = {"name": entry} if isinstance(entry, str) else entry
        changed = situation.with_entry({**full, "revision": prefix.name})
    request = changed.request(name)
    _switch(changed, request, prefix.name, by=by, reason=f"rollback {prefix.name}", reporter=reporter)
    return prefix.name


def _one_before(name: str) -> Path:
    now = revisions.current(name)
    for switch in reversed(revisions.history(name)):
        prefix = revisions.place(name, switch.revision)
        if prefix != now and revisions.completed(prefix):
            return prefix
    raise Problem(f"the kernel {name!r} has no revision to go back to", f"see installer kernel history {name}")


def remove(situation: KernelSituation, name: str, by: str, reporter: Reporter) -> None:
    """Take a kernel away; what runs of it goes on. Raises Problem."""
    request = situation.request(name)
    changed = situation.with_text(edit.without_kernel(situation.text, name))
    kernel = Kernel(feature=feature.FEATURE, request=request)
    _carry_out(changed, kernel, None, by=by, summary=f"kernel {name}: remove", reporter=reporter)
    gc.collect(name, keep=0)


def _switch(
    situation: KernelSituation, request: KernelRequest, revision: str, *, by: str, reason: str, reporter: Reporter
) -> Generation:
    kernel = Kernel(feature=feature.FEATURE, request=request, revision=revision, reason=reason)
    return _carry_out(situation, kernel, kernel, by=by, summary=f"kernel {request.name}: {reason}", reporter=reporter)


def _carry_out(
    situation: KernelSituation, kernel: Kernel, wanted: Kernel | None, *, by: str, summary: str, reporter: Reporter
) -> Generation:
    """Bring one kernel, and the default that servers are told of, to what is wanted; the rest stays unlooked at."""
    store = situation.store
    default = feature.server_settings(situation.config)
    part = [default, wanted] if wanted else [default]
    before, rest = _parted(situation, kernel)
    plan = make_plan([resource.model_copy(update={"needs": ()}) for resource in part], before)
    kept = situation.generation
    request = Request(part, by, situation.text, kept.remembered, summary, rest, kept.version)
    try:
        if situation.text != situation.found:
            _replace_config(situation.found, situation.text)
        generation = carry_out(store, request, plan, reporter, verify=lambda: None)
        if kernel.key in generation.degraded:
            raise Problem(generation.degraded[kernel.key], "see installer status")
    except Problem:
        if situation.text != situation.found:
            _replace_config(situation.text, situation.found)
        raise
    return generation


def _parted(situation: KernelSituation, kernel: Kernel) -> tuple[dict[str, Resource], tuple[dict[str, JsonValue], ...]]:
    """The generation's resources that a change of a kernel has to do with, by key; and all others, as stored."""
    ours: dict[str, Resource] = {}
    rest = []
    for entry in situation.generation.resources:
        mine = entry["kind"] == kernel.kind or entry.get("path") == str(paths.SERVER_SETTINGS)
        resource = situation.store.restored(entry) if mine else None
        if isinstance(resource, Kernel) and resource.key != kernel.key:
            resource = None
        if resource is None:
            rest.append(entry)
        else:
            ours[resource.key] = resource
    return ours, tuple(rest)


def _replace_config(expected: str, text: str) -> None:
    """Put another text in the place of the one that was read. Raises Problem, and leaves alone what came meanwhile."""
    file = paths.CONFIG_FILE
    if (file.read_text(encoding="utf-8") if file.exists() else "") != expected:
        raise Problem(f"{file} was changed meanwhile, and was left as it is", "run the same command again")
    files.write(file, text.encode(), mode=0o644)
