"""systemd units: their files, and that they are enabled, running and have read what is configured now."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from installer.engine.resource import Attributes, Resource
from installer.host import files, paths, refreshes, systemd
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.resources.file import File

_LOADED, _OLDER = "loaded", "older than "

_STANDS_STILL_FOR = {paths.HUB_UNIT: (str(paths.HUB_DATABASE),)}
"""What a unit is stopped for, and started again with, when it is changed. Its files are looked at; this isn't."""


class UnitFile(File):
    """A unit's file; systemd reads it as soon as it is in place."""

    kind: ClassVar[str] = "unit"

    def wanted(self) -> Attributes:
        """What is wanted of any file; and that systemd has read this one."""
        return {**super().wanted(), "read by systemd": True}

    def probe(self) -> Attributes | None:
        """The same, as they are."""
        return next(iter(self.probe_all([self])))

    @classmethod
    def probe_all(cls, resources: Sequence[UnitFile]) -> Iterable[Attributes | None]:  # type: ignore[override]
        """Look at the files, and ask systemd for all of them at once."""
        # Of a template there are only instances, each read when it begins.
        units = [resource.path.name for resource in resources if "@." not in resource.path.name]
        stale = {state.name for state in systemd.states(units) if state.stale} if units else set()
        files_seen = [super(UnitFile, resource).probe() for resource in resources]
        return [
            seen and {**seen, "read by systemd": resource.path.name not in stale}
            for resource, seen in zip(resources, files_seen, strict=True)
        ]

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
        return (*map(str, self.files), *_STANDS_STILL_FOR.get(self.unit, ()))

    def wanted(self) -> Attributes:
        """Enabled, active, and loaded."""
        return {"enabled": True, "active": "active", "configuration": _LOADED}

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
        newer = self._newer(state.started) if state.active == "active" else []
        configuration = f"{_OLDER}{newer[0]}" if newer else _LOADED
        return {"enabled": state.enabled == "enabled", "active": state.active, "configuration": configuration}

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """It hasn't read the new one yet."""
        return observed and {**observed, "configuration": f"to be read again ({self.refresh})"}

    def spared(self, before: Attributes, restored: Collection[str]) -> None:
        """A running one has read what is there again, as far as it is known to have read that before."""
        read = list(map(str, self.files))
        if before["configuration"] != _LOADED:
            first = str(before["configuration"]).removeprefix(_OLDER)
            read = read[: read.index(first)] if first in read else []
        last = refreshes.last(self.unit)
        again = {path: refreshes.ctime(Path(path)) for path in read if path in restored}
        refreshes.note(self.unit, replace(last, files={**last.files, **again}))

    def realize(self, before: Attributes | None) -> None:
        """Enable it, check, and start or refresh it; returns when the unit itself says that it is up."""
        begun, reading = time.time(), refreshes.reading(self.files)
        if self.unit in _STANDS_STILL_FOR and self.probe() == self.wanted():
            refreshes.note(self.unit, reading)
            return  # it has been started again already, with all that it reads as it is now
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
            # One of a package's may have an init script as well, for which systemd is reloaded four times.
            if not (self.shared and before is not None and before["enabled"]):
                run(["systemctl", "enable", "--quiet", self.unit])
            if systemd.states([self.unit])[0].stale:
                # What is kept as somebody has changed it may not have been read yet.
                systemd.reload_manager()
            running = before is not None and before["active"] == "active"
            run(["systemctl", self.refresh if running else "restart", self.unit], timeout=180)
        except CommandFailed as failed:
            tail = systemd.journal_tail(self.unit, since=begun)
            raise Problem(
                f"{self.unit} did not come up",
                f"see what it says: journalctl --unit={self.unit} --since=-5min",
                tail or failed.detail,
            ) from failed
        # systemctl does not care whether the links that it makes outlast a power cut.
        for directory in paths.UNITS.glob("*.wants"):
            files.fsync_directory(directory)
        files.fsync_directory(paths.UNITS)
        refreshes.note(self.unit, reading)

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

    def _newer(self, started: float) -> list[Path]:
        """The files that have changed since it last read them. started: in seconds since boot."""
        last = refreshes.last(self.unit)
        loaded = max(started, last.at if self.refresh == "reload" else 0.0)
        # One that we know it has read may seem to be newer: where the clock was set back since.
        newer = (path for path in self.files if _changed_at(path) > loaded)
        return [path for path in newer if refreshes.ctime(path) != last.files.get(str(path))]


def _changed_at(path: Path) -> float:
    """When a file last changed, in seconds since boot; 0.0 for one that isn't there.

    On the boot's clock, so that setting the time of day before that doesn't matter.
    """
    changed = refreshes.ctime(path)
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    return changed / 1e9 - boot if changed else 0.0
