"""systemd units: their files, and that they are enabled, running and have read what is configured now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from installer.engine.resource import Attributes, Resource
from installer.host import systemd
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.resources.file import File


class UnitFile(File):
    """A unit's file; systemd reads it as soon as it is in place."""

    kind: ClassVar[str] = "unit"

    def realize(self, before: Attributes | None) -> None:
        """Put it in place and have systemd read it."""
        super().realize(before)
        systemd.reload_manager()

    def remove(self) -> None:
        """Remove it and have systemd forget it."""
        super().remove()
        systemd.reload_manager()
        run(["systemctl", "reset-failed", self.path.name], check=False)


class Service(Resource):
    """A unit that is enabled, runs, and has read the newest of what it reads.

    files: paths it reads when it starts; it is refreshed when one of them is newer than its start.
    refresh: how a running one takes up changes.
    shared: it isn't ours alone, and goes on when we go.
    check: argument vector that must exit with 0 before it is started or refreshed, so that a running one isn't lost
        to a broken configuration; run as `check_as`.
    """

    kind: ClassVar[str] = "service"

    unit: str
    files: tuple[Path, ...] = ()
    refresh: Literal["restart", "reload"] = "restart"
    shared: bool = False
    check: tuple[str, ...] = ()
    check_as: str | None = None

    @property
    def name(self) -> str:
        """The unit's name."""
        return self.unit

    @property
    def reads(self) -> tuple[str, ...]:
        """The files it reads."""
        return tuple(map(str, self.files))

    def wanted(self) -> Attributes:
        """Enabled, active, and loaded."""
        return {"enabled": True, "active": "active", "configuration": "loaded"}

    def probe(self) -> Attributes | None:
        """The same, as they are; None where there is no such unit."""
        return next(iter(self.probe_all([self])))

    @classmethod
    def probe_all(cls, resources: Sequence[Service]) -> Iterable[Attributes | None]:  # type: ignore[override]
        """Ask systemd for all of them at once."""
        states = systemd.states([resource.unit for resource in resources])
        return [resource._observed(state) for resource, state in zip(resources, states, strict=True)]

    def _observed(self, state: systemd.UnitState) -> Attributes | None:
        if state.load == "not-found":
            return None
        loaded = max(state.started, systemd.reloaded_at(self.unit))
        newer = [path for path in self.files if _changed_at(path) > loaded] if state.active == "active" else []
        configuration = f"older than {newer[0]}" if newer else "loaded"
        return {"enabled": state.enabled == "enabled", "active": state.active, "configuration": configuration}

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """It hasn't read the new one yet."""
        return observed and {**observed, "configuration": f"to be read again ({self.refresh})"}

    def realize(self, before: Attributes | None) -> None:
        """Enable it, check, and start or refresh it; returns when the unit itself says that it is up."""
        begun = time.time()
        try:
            if self.check:
                run(self.check, user=self.check_as, timeout=120)
        except CommandFailed as failed:
            raise Problem(
                f"{self.unit} was not {'restarted' if before else 'started'}: its configuration is refused",
                failed.hint if not failed.detail else "mend what is named above, then run apply again",
                failed.detail,
            ) from failed
        try:
            run(["systemctl", "enable", "--quiet", self.unit])
            running = before is not None and before["active"] == "active"
            run(["systemctl", self.refresh if running else "restart", self.unit], timeout=180)
        except CommandFailed as failed:
            tail = systemd.journal_tail(self.unit, since=begun)
            raise Problem(
                f"{self.unit} did not come up",
                f"see what it says: journalctl --unit={self.unit} --since=-5min",
                tail or failed.detail,
            ) from failed
        if self.refresh == "reload":
            systemd.note_reload(self.unit)

    def remove(self) -> None:
        """Stop and disable it, if it is ours alone."""
        if not self.shared and self.probe() is not None:
            run(["systemctl", "disable", "--now", "--quiet", self.unit], timeout=180)

    def give_back(self, before: Attributes) -> None:
        """Disabled again where it was, and stopped where it did not run."""
        if self.probe() is None:
            return
        if before["active"] != "active":
            run(["systemctl", "stop", "--", self.unit], timeout=180)
        if not before["enabled"]:
            run(["systemctl", "disable", "--quiet", self.unit])


def _changed_at(path: Path) -> float:
    """When a file last changed, in seconds since boot; 0.0 for one that isn't there.

    st_ctime, since that can't be set back; on the boot's clock, so that setting the time of day doesn't matter much.
    """
    try:
        changed = path.stat().st_ctime
    except OSError:
        return 0.0
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    return changed - boot
