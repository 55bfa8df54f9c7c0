"""What changes a kernel: first a proposal that can be shown, then the build out of sight, then the one switch.

The config says what a kernel should be: each change is an edit of its entry, and a kernel command leads to just what
an apply with the edited config would have led to. `builder` is how the builder program is run: `build.one_builder`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from installer.commands.kernel_situation import KernelSituation, in_use
from installer.config import edit
from installer.engine.executor import Reporter
from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation
from installer.features import kernels as feature
from installer.host import files, paths
from installer.host.errors import Conflict, Problem
from installer.kernels import build, gc, revisions
from installer.kernels.build import Report
from installer.kernels.differences import Difference, differences
from installer.kernels.lock import Lock
from installer.kernels.recipe import name_of
from installer.kernels.request import KernelRequest, as_written, specs_with
from installer.kernels.worker import Gate
from installer.resources.kernel import Kernel


@dataclass(frozen=True)
class Proposal:
    """A change that has been thought through, and not begun.

    situation: with the config as it will be. lock: the packages it leads to. changes: what that is for each package.
    """

    situation: KernelSituation
    request: KernelRequest
    lock: Lock
    changes: tuple[Difference, ...]
    reason: str

    @property
    def empty(self) -> bool:
        """Whether the kernel is that already."""
        prefix = revisions.linked(self.request.kernelspec)
        known = in_use(self.request)
        return (
            known is not None
            and prefix is not None
            and known.request.id == self.request.id
            and revisions.lock_of(prefix).lock.id == self.lock.id
            and self.situation.text == self.situation.found
        )


# --- proposals -----------------------------------------------------------------------------------
def add(
    situation: KernelSituation, entry: Mapping[str, Any], *, default: bool, report: Report, builder: Gate
) -> Proposal | None:
    """A kernel that isn't there yet; None where it is, just as it is wished for. Raises Problem."""
    name = str(entry["name"])
    there = next((known for known in situation.config.kernels if known.name == name), None)
    changed = _with_entry(situation, dict(entry) if len(entry) > 1 else name)
    if default and situation.config.default_kernel != name:
        changed = changed.with_text(edit.with_default_kernel(changed.text, name))
    request = changed.request(name)
    if there is not None and there != changed.entry(name):
        raise Problem(
            f"there is a kernel {name!r} already, and it is made in another way",
            f"change it (`installer kernel install`, `update`), or remove it first: installer kernel remove {name}",
        )
    if _is_there(request) and changed.config == situation.config:
        return None
    _refuse_taken(request)
    return _proposal(changed, request, reason="add", report=report, builder=builder)


def install(
    situation: KernelSituation, name: str, packages: Sequence[str], pip: Sequence[str], *, report: Report, builder: Gate
) -> Proposal | None:
    """The kernel with more packages, and everything else as it is wherever that can stay. Raises Problem.

    None where it was asked for just that already.
    """
    if not packages and not pip:
        raise Problem("nothing was said to install", f"name packages: installer kernel install {name} numpy")
    entry = _own_entry(situation, name)
    entry["packages"] = list(specs_with(entry.get("packages", ()), packages))
    entry["pip"] = list(dict.fromkeys((*entry.get("pip", ()), *pip)))
    changed = _edited(situation, entry)
    if changed is situation and _is_there(situation.request(name)):
        return None
    reason = f"install {' '.join((*packages, *pip))}"
    return _proposal(changed, changed.request(name), reason=reason, report=report, builder=builder)


def uninstall(
    situation: KernelSituation, name: str, packages: Sequence[str], *, report: Report, builder: Gate
) -> Proposal:
    """The kernel without some of the packages that were added to it. Raises Problem."""
    entry = _own_entry(situation, name)
    given = {name_of(spec): spec for spec in (*entry.get("packages", ()), *entry.get("pip", ()))}
    for package in packages:
        if name_of(package) not in given:
            raise Problem(
                f"{package} was not added to the kernel {name!r} by itself: {_whence(situation, name, package)}",
                f"see `installer kernel show {name}` for what can be taken out of it",
            )
    gone = {given[name_of(package)] for package in packages}
    for key in ("packages", "pip"):
        entry[key] = [spec for spec in entry.get(key, ()) if spec not in gone]
    changed = _edited(situation, entry)
    reason = f"uninstall {' '.join(packages)}"
    return _proposal(changed, changed.request(name), reason=reason, report=report, builder=builder)


def update(
    situation: KernelSituation, name: str, packages: Sequence[str], python: str | None, *, report: Report, builder: Gate
) -> Proposal:
    """The kernel with the newest of everything, or of some packages, that fits. Raises Problem."""
    entry = _own_entry(situation, name, locked_too=True)
    if python is not None:
        entry["packages"] = list(specs_with(entry.get("packages", ()), [f"python={python}"]))
    changed = _edited(situation, entry)
    request = changed.request(name)
    if request.lock is not None:
        raise Problem(
            f"the kernel {name!r} is made from a lock, which says every package's version",
            f"make another lock, or replace `lock:` of the kernel {name!r} in {paths.CONFIG_FILE}",
        )
    there = _former(request)
    known = {record.name for record in there.records} if there else set()
    unknown = [package for package in packages if name_of(package) not in known]
    if unknown:
        raise Problem(
            f"{unknown[0]} is not a conda package of the kernel {name!r}",
            f"add it: installer kernel install {name} {unknown[0]}",
        )
    everything = not packages or python is not None
    words = [*packages, *([f"--python {python}"] if python else [])]
    free = known if everything else packages
    reason = " ".join(["update", *words])
    return _proposal(changed, request, reason=reason, free=free, report=report, builder=builder)


def _is_there(request: KernelRequest) -> bool:
    """Whether the revision in use was made for just that."""
    known = in_use(request)
    return known is not None and known.request.id == request.id


def _proposal(
    situation: KernelSituation,
    request: KernelRequest,
    *,
    reason: str,
    report: Report,
    builder: Gate,
    free: Collection[str] = (),
) -> Proposal:
    former = _former(request)
    lock = build.solve(request, former, free, report, builder=builder)
    return Proposal(situation, request, lock, differences(former, lock), reason)


def _former(request: KernelRequest) -> Lock | None:
    prefix = revisions.linked(request.kernelspec)
    return revisions.lock_of(prefix).lock if prefix is not None and in_use(request) else None


def _own_entry(situation: KernelSituation, name: str, *, locked_too: bool = False) -> dict[str, Any]:
    """A kernel's entry with every key spelled out, not pinned any more."""
    written = as_written(situation.entry(name))
    entry = {"name": written} if isinstance(written, str) else dict(written)
    if "lock" in entry and not locked_too:
        raise Problem(
            f"the kernel {name!r} is made from a lock, to which nothing can be added",
            "add a kernel with an `environment:` or `packages:` of its own instead",
        )
    entry.pop("revision", None)
    return entry


def _edited(situation: KernelSituation, entry: dict[str, Any]) -> KernelSituation:
    said = {key: value for key, value in entry.items() if value}
    wished: str | dict[str, Any] = said if len(said) > 1 else said["name"]
    before = as_written(situation.entry(said["name"]))
    # What is as it was stays as it is written.
    return situation if before == wished else situation.with_text(edit.with_kernel(situation.text, wished))


def _whence(situation: KernelSituation, name: str, package: str) -> str:
    request = situation.request(name)
    if name_of(package) in {name_of(spec) for spec in (*request.packages, *request.pip)}:
        source = situation.entry(name).environment or f"the recipe {request.recipe.name}"
        return f"{source} has it"
    former = _former(request)
    needing = [r.name for r in former.records if name_of(package) in {name_of(d) for d in r.depends}] if former else []
    return f"{', '.join(needing[:3])} needs it" if needing else "it isn't in it"


def refuse_bad_name(situation: KernelSituation, name: str) -> None:
    """Refuse a name that no kernel can have, before anything is called by it. Raises ConfigProblem."""
    situation.with_text(edit.with_kernel(situation.text, name))


def _refuse_taken(request: KernelRequest) -> None:
    """Refuse a kernelspec's name that somebody else uses: which of the two people got would be a matter of luck."""
    # Ours comes first on the path that servers are given, and is meant to be in place of the server's own python3.
    for directory in (paths.KERNELSPECS, *paths.OTHER_KERNELSPECS):
        place = directory / request.kernelspec
        ours = directory == paths.KERNELSPECS and revisions.linked(request.kernelspec) is not None
        if (place.exists() or place.is_symlink()) and not ours:
            raise Conflict(
                f"{place} is there already: a kernelspec {request.kernelspec!r} that isn't ours",
                "give the kernel another name, or remove that one: jupyter kernelspec remove",
            )


# --- carrying them out ---------------------------------------------------------------------------
def carry_out_proposal(proposal: Proposal, by: str, reporter: Reporter, *, builder: Gate) -> str:
    """Build the revision out of sight, write the config, switch. Returns its id. Raises Problem."""
    prefix = build.ensure(proposal.request, proposal.lock, reporter.step, builder=builder)
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
        former = _former(request)
    except Problem:  # the lock is what was damaged
        former = None
    with build.one_builder(name) as builder:
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
    changed = _with_entry(situation, entry)
    if changed.request(name).id != known.request.id:
        # It was made from a recipe, a file or channels that are others now.
        full = {"name": entry} if isinstance(entry, str) else entry
        changed = _with_entry(situation, {**full, "revision": prefix.name})
    request = changed.request(name)
    _switch(changed, request, prefix.name, by=by, reason=f"rollback {prefix.name}", reporter=reporter)
    return prefix.name


def _with_entry(situation: KernelSituation, entry: str | dict[str, Any]) -> KernelSituation:
    if any(as_written(there) == entry for there in situation.config.kernels):
        return situation
    return situation.with_text(edit.with_kernel(situation.text, entry))


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
