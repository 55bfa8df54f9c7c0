"""Where every kernel command starts: the config, and what earlier runs did; the rest of the host is not looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from installer.config import edit
from installer.config.load import load_file, load_text
from installer.config.models import Config, KernelEntry
from installer.engine.store import Generation, Store
from installer.host import paths
from installer.host.errors import ConfigProblem, Problem
from installer.kernels import revisions
from installer.kernels.lock import Lock
from installer.kernels.request import KernelRequest, as_written, read_request
from installer.resources.kinds import KINDS


@dataclass(frozen=True)
class KernelSituation:
    """All that a kernel command needs.

    text: the config file's text, as it stands or as it will be. found: as it stood when it was read.
    generation: what the host should be in now.
    """

    config: Config
    text: str
    found: str
    store: Store
    generation: Generation

    def entry(self, name: str) -> KernelEntry:
        """The config's entry for a kernel. Raises ConfigProblem where it has none."""
        found = next((entry for entry in self.config.kernels if entry.name == name), None)
        if found is None:
            known = ", ".join(entry.name for entry in self.config.kernels) or "none"
            raise ConfigProblem(
                f"there is no kernel {name!r}", f"there are: {known}; add it: installer kernel add {name}"
            )
        return found

    def request(self, name: str) -> KernelRequest:
        """What a kernel of the config should be. Raises ConfigProblem."""
        return read_request(self.entry(name), self.config.channels)

    def with_text(self, text: str) -> KernelSituation:
        """The same with another text of the config, which has to be a good one. Raises ConfigProblem."""
        return replace(self, config=load_text(paths.CONFIG_FILE, text), text=text)

    def with_entry(self, entry: str | dict[str, Any]) -> KernelSituation:
        """The same with a kernel's entry as it is given, be it new or another one. Raises ConfigProblem."""
        if any(as_written(there) == entry for there in self.config.kernels):
            return self
        return self.with_text(edit.with_kernel(self.text, entry))


def look(*, to_change: bool = False) -> KernelSituation:
    """Read the config and the newest generation. Raises ConfigProblem, Problem.

    to_change: whether it is to change something, which a run that didn't come to its end has to be finished for.
    """
    loaded = load_file(paths.CONFIG_FILE)
    store = Store(paths.INSTALLER_STATE, KINDS)
    since = store.interrupted() if to_change else None
    if since is not None:
        raise Problem(f"the run of {since} did not come to its end", "finish it first: sudo python3 -m installer apply")
    generation = store.newest()
    if generation is None:
        raise Problem("there is no hub here yet to add kernels to", "begin with: sudo python3 -m installer apply")
    return KernelSituation(loaded.config, loaded.text, loaded.text, store, generation)


def in_use(request: KernelRequest) -> revisions.Completed | None:
    """What is known of the revision that Jupyter is pointed at for a kernel; None where that isn't one of it."""
    prefix = revisions.linked(request.kernelspec)
    return revisions.completed(prefix) if prefix is not None and prefix.parent.name == request.name else None


def former_lock(request: KernelRequest) -> Lock | None:
    """The exact packages of that revision; None where there is none. Raises Problem where its lock is damaged."""
    prefix = revisions.linked(request.kernelspec)
    return revisions.lock_of(prefix).lock if prefix is not None and in_use(request) else None
