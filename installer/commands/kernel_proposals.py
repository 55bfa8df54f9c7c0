"""Changes of a kernel, thought through and not begun: for each what it will be, to be shown before it is made.

The config says what a kernel should be: each change is an edit of its entry, and a kernel command leads to just what
an apply with the edited config would have led to. `builder` is how the builder program is run: `worker.one_builder`.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from installer.commands.kernel_situation import KernelSituation, former_lock, in_use
from installer.config import edit
from installer.host import paths
from installer.host.errors import Problem
from installer.kernels import revisions
from installer.kernels.lock import Lock
from installer.kernels.recipe import name_of
from installer.kernels.request import KernelRequest, as_written, read_requests, specs_with
from installer.kernels.requirements import requirement_name, requirements_with
from installer.kernels.taken import refuse_taken
from installer.kernels.worker import Gate

if TYPE_CHECKING:
    from installer.kernels.build import Report
    from installer.kernels.differences import Difference


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


def add(
    situation: KernelSituation,
    entry: Mapping[str, Any],
    *,
    default: bool,
    replace: bool,
    report: Report,
    builder: Gate,
) -> Proposal | None:
    """A kernel that isn't there yet; None where it is, just as it is wished for. Raises Problem.

    replace: also where there is one of that name that is made in another way; it keeps its place in the config.
    """
    name = str(entry["name"])
    there = next((known for known in situation.config.kernels if known.name == name), None)
    changed = situation.with_entry(dict(entry) if len(entry) > 1 else name)
    if default and situation.config.default_kernel != name:
        changed = changed.with_text(edit.with_default_kernel(changed.text, name))
    request = changed.request(name)
    if there is not None and there != changed.entry(name) and not replace:
        raise Problem(
            f"there is a kernel {name!r} already, and it is made in another way",
            "change it (`installer kernel install`, `update`), or have this one take its place: add --replace",
        )
    if _is_there(request) and changed.config == situation.config:
        return None
    read_requests(changed.config)  # another of the config's may be to have that kernelspec, and not be built yet
    refuse_taken(request)
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
    entry["pip"] = list(requirements_with(entry.get("pip", ()), pip))
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
    gone: set[str] = set()
    for package in packages:
        meant = {
            *(spec for spec in entry.get("packages", ()) if name_of(spec) == name_of(package)),
            *(spec for spec in entry.get("pip", ()) if requirement_name(spec) == requirement_name(package)),
        }
        if not meant:
            raise Problem(
                f"{package} was not added to the kernel {name!r} by itself: {_whence(situation, name, package)}",
                f"see `installer kernel show {name}` for what can be taken out of it",
            )
        gone |= meant
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
    request = situation.request(name)
    if request.lock is not None:
        raise Problem(
            f"the kernel {name!r} is made from a lock, which says every package's version",
            f"make another lock, or replace `lock:` of the kernel {name!r} in {paths.CONFIG_FILE}",
        )
    from installer.kernels.differences import pip_versions  # noqa: PLC0415 - of no use where nothing is to be done

    there = former_lock(request)
    known = {*(record.name for record in there.records), *pip_versions(there.pip)} if there else set()
    for package in packages:
        if name_of(package) != package.strip().lower():
            raise Problem(
                f"{package!r} says more than a package's name, and an update is to the newest version that fits",
                f"ask for a version of it: installer kernel install {name} {shlex.quote(package)}",
            )
    unknown = [package for package in packages if not known & {name_of(package), requirement_name(package)}]
    if unknown:
        raise Problem(
            f"{unknown[0]} is not a package of the kernel {name!r}",
            f"add it: installer kernel install {name} {unknown[0]}",
        )
    if python is not None:
        if "python" not in {*known, *map(name_of, request.packages)}:
            raise Problem(
                f"the kernel {name!r} has no Python to be of another version",
                f"leave `--python` out; to have one added: installer kernel install {name} python={python}",
            )
        entry["packages"] = list(specs_with(entry.get("packages", ()), [f"python={python}"]))
    changed = _edited(situation, entry)
    everything = not packages or python is not None
    words = [*packages, *([f"--python {python}"] if python else [])]
    free = known if everything else packages
    reason = " ".join(["update", *words])
    return _proposal(changed, changed.request(name), reason=reason, free=free, report=report, builder=builder)


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
    from installer.kernels import build  # noqa: PLC0415 - of no use where nothing is to be done
    from installer.kernels.differences import differences  # noqa: PLC0415

    former = former_lock(request)
    lock = build.solve(request, former, free, report, builder=builder)
    return Proposal(situation, request, lock, differences(former, lock), reason)


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
    asked = {*map(name_of, request.packages), *map(requirement_name, request.pip)}
    if asked & {name_of(package), requirement_name(package)}:
        source = situation.entry(name).environment or f"the recipe {request.recipe.name}"
        return f"{source} has it"
    former = former_lock(request)
    needing = [r.name for r in former.records if name_of(package) in {name_of(d) for d in r.depends}] if former else []
    return f"{', '.join(needing[:3])} needs it" if needing else "it isn't in it"


def refuse_bad_name(situation: KernelSituation, name: str) -> None:
    """Refuse a name that no kernel can have, before anything is called by it. Raises ConfigProblem."""
    situation.with_text(edit.with_kernel(situation.text, name))
