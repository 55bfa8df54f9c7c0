"""A kernel: a kernelspec that points at a complete revision of what the config asks for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import paths
from installer.host.errors import Problem
from installer.kernels import build, revisions, sandbox
from installer.kernels import saved as restored
from installer.kernels.request import KernelRequest
from installer.kernels.taken import refuse_hiding
from installer.kernels.worker import one_builder

log = logging.getLogger(__name__)


class Kernel(Resource):
    """A kernel that Jupyter offers.

    request: what it should be. revision: which one exactly; any that was built for the request if None.
    reason: what the kernel's history says of a switch.
    """

    kind: ClassVar[str] = "kernel"
    optional: ClassVar[bool] = True

    request: KernelRequest
    revision: str | None = None
    reason: str = "apply"

    @property
    def name(self) -> str:
        """As the config has it."""
        return self.request.name

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """The account that builds it, and where it is built."""
        return f"account:{paths.KERNELS_USER}", f"directory:{paths.KERNELS_CACHE}", f"directory:{paths.KERNELSPECS}"

    def wanted(self) -> Attributes:
        """The request that it was built for; where it is pinned, the revision instead."""
        return {"request": self.request.id} if self.revision is None else {"revision": self.revision}

    def probe(self) -> Attributes | None:
        """What the kernelspec points at."""
        place = paths.KERNELSPECS / self.request.kernelspec
        if not place.is_symlink() and not place.exists():
            return None
        prefix = revisions.linked(self.request.kernelspec)
        if prefix is None or prefix.parent.name != self.name:
            return {"request" if self.revision is None else "revision": "not ours"}
        if self.revision is not None:
            return {"revision": prefix.name if revisions.completed(prefix) else "incomplete"}
        known = revisions.completed(prefix)
        saved = restored.saved(self.name)
        if saved is not None and saved.is_for(self.request, None) and saved.revision != prefix.name:
            return {"request": "not the revision of the backup"}
        return {"request": known.request.id if known else "incomplete"}

    def foreign(self, observed: Attributes | None) -> str | None:
        """A kernelspec of that name that somebody else has put there."""
        if observed is None or "not ours" not in observed.values():
            return None
        return f"{paths.KERNELSPECS / self.request.kernelspec} is there already, and isn't ours"

    def realize(self, before: Attributes | None) -> None:
        """Solve with what there is now kept as far as may be, build where that revision isn't there, and switch."""
        prefix = self._made()
        for other in _links(self.name):
            if other != self.request.kernelspec:
                (paths.KERNELSPECS / other).unlink(missing_ok=True)
        revisions.switch(self.request.kernelspec, prefix, self.reason)
        restored.forget(self.name)

    def _made(self) -> Path:
        """A complete revision: the one that a backup has brought, the one that is pinned, or one that fits."""
        if self.revision is None:
            refuse_hiding(self.request)
        saved = restored.saved(self.name)
        if saved is not None and saved.is_for(self.request, self.revision):
            prefix = revisions.place(self.name, saved.revision)
            build.make_again(prefix, saved.request, saved.lock, self._report)
            return prefix
        if self.revision is not None:
            prefix = revisions.place(self.name, self.revision)
            if revisions.completed(prefix) is None:
                raise Problem(
                    f"the kernel {self.name!r} should be at its revision {self.revision}, which isn't there any more",
                    f"take `revision:` out of the kernel {self.name!r}, or: installer kernel update {self.name}",
                )
            return prefix
        now = revisions.current(self.name)
        former = revisions.lock_of(now).lock if now is not None and revisions.completed(now) else None
        if saved is not None:
            # This version makes such a kernel in another way than the one that the backup is of.
            former = saved.lock
        with one_builder(self.name) as builder:
            lock = build.solve(self.request, former, (), self._report, builder=builder)
            return build.ensure(self.request, lock, self._report, builder=builder)

    def _report(self, doing: str) -> None:
        """Tell how a build that takes minutes goes on."""
        log.info("kernel %s: %s", self.name, doing)

    def settled(self) -> Kernel:
        """With the revision that it is at."""
        prefix = revisions.linked(self.request.kernelspec)
        return self if prefix is None else self.model_copy(update={"revision": prefix.name})

    def as_before(self, before: Attributes, text: str | None) -> Kernel:
        """As it was: the resource that the former generation recorded says which revision."""
        return self

    def abandon(self) -> None:
        """End the build."""
        sandbox.stop(sandbox.unit_of(self.name))
        sandbox.stop(sandbox.trying_unit_of(self.name))

    def remove(self) -> None:
        """Take it out of sight. Its revisions stay, for a way back, until they are collected (see `kernels.gc`)."""
        for kernelspec in _links(self.name):
            (paths.KERNELSPECS / kernelspec).unlink(missing_ok=True)
        restored.forget(self.name)

    def content(self) -> str | None:
        """What it is asked to have in it."""
        return _told(self.request)

    def present_content(self) -> str | None:
        """What the revision in use was asked to have in it."""
        prefix = revisions.linked(self.request.kernelspec)
        known = revisions.completed(prefix) if prefix else None
        return _told(known.request) if known else None


def _links(name: str) -> list[str]:
    """Kernelspecs by which a kernel goes, or went before (its recipe had another name, say)."""
    there = (entry.name for entry in paths.KERNELSPECS.iterdir()) if paths.KERNELSPECS.is_dir() else iter(())
    links = ((entry, revisions.linked(entry)) for entry in there)
    return [entry for entry, prefix in links if prefix is not None and prefix.parent.name == name]


def _told(request: KernelRequest) -> str:
    lines = [f"display name: {request.display_name}", f"recipe: {request.recipe.name}"]
    for title, items in (("channels", request.channels), ("packages", request.packages), ("pip", request.pip)):
        lines += [f"{title}:", *(f"  - {item}" for item in items)] if items else []
    if request.lock is not None:
        lines.append(f"lock: {request.lock.id} ({len(request.lock.records)} packages)")
    return "\n".join(lines) + "\n"
