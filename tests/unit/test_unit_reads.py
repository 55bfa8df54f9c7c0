"""Whether a unit has read what is in its files now; also where the clock was set back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from installer.host import paths, refreshes, systemd
from installer.resources.unit import Service, UnitFile


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "INSTALLER_RUN", tmp_path / "run")
    file = tmp_path / "config"
    file.write_text("1")
    return file


def state(started: float, *, stale: bool = False) -> systemd.UnitState:
    return systemd.UnitState("x.service", "loaded", "active", "running", "enabled", started, "success", stale=stale)


def configuration(service: Service, started: float) -> object:
    seen = service._observed(state(started))
    assert seen is not None
    return seen["configuration"]


def refreshed(service: Service) -> None:
    """What is written down when it was restarted or reloaded just now."""
    refreshes.note(service.unit, refreshes.reading(service.files))


def test_a_file_that_changed_after_its_start(config: Path) -> None:
    service = Service(feature="test", unit="x.service", files=(config,))
    assert configuration(service, time.monotonic() - 60) == f"older than {config}"
    assert configuration(service, time.monotonic() + 1) == "loaded"


def test_a_reload_counts_and_what_came_after_it_too(config: Path) -> None:
    service = Service(feature="test", unit="x.service", files=(config,), refresh="reload")
    refreshed(service)
    assert configuration(service, 0) == "loaded"
    time.sleep(0.02)
    config.write_text("2")
    assert configuration(service, 0) == f"older than {config}"


def test_a_clock_that_was_set_back(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was there then seems to be of the future; one restart, and no more, is the worst that may come of it."""
    service = Service(feature="test", unit="x.service", files=(config,))
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() - 7200)
    started = time.monotonic() + 1
    assert configuration(service, started) == f"older than {config}"
    refreshed(service)
    assert configuration(service, started) == "loaded"
    config.chmod(0o600)
    assert configuration(service, started) == f"older than {config}"


@pytest.mark.parametrize("damage", [b"", b"7", b"[", b'{"moon": 1}', b"17.5\n"])
def test_a_damaged_note_is_as_none(config: Path, damage: bytes) -> None:
    service = Service(feature="test", unit="x.service", files=(config,), refresh="reload")
    refreshed(service)
    (paths.INSTALLER_RUN / "x.service.refreshed").write_bytes(damage)
    assert configuration(service, 0) == f"older than {config}"


def test_a_unit_whose_file_systemd_has_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed in between has to be gone on with; templates can't be asked about."""
    one, template = (tmp_path / name for name in ("x.service", "y@.service"))
    for file in (one, template):
        file.write_text("[Service]\n")
    asked: list[str] = []

    def states(units: list[str]) -> list[systemd.UnitState]:
        asked.extend(units)
        return [state(0.0, stale=True)]

    monkeypatch.setattr(systemd, "states", states)
    units = [UnitFile(feature="test", path=file, text="[Service]\n") for file in (one, template)]
    seen = list(UnitFile.probe_all(units))
    assert asked == ["x.service"]
    assert [each and each["read by systemd"] for each in seen] == [False, True]
    one.unlink()
    assert next(iter(UnitFile.probe_all(units))) is None


def test_what_was_put_back_under_a_running_unit_is_what_it_has_read(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("by hand")
    service = Service(feature="test", unit="x.service", files=(config, other))
    started = time.monotonic() - 60
    assert configuration(service, started) == f"older than {config}"
    service.spared({"configuration": f"older than {other}"}, {str(config), str(other)})
    assert configuration(service, started) == f"older than {other}", "which it had not read before either"
    service.spared({"configuration": "loaded"}, {str(other)})
    assert configuration(service, started) == "loaded"
    time.sleep(0.02)
    config.write_text("2")
    assert configuration(service, started) == f"older than {config}"
