"""What a backup brings of a kernel: made again under the same id where it is still what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.models import Config
from installer.host import files, paths
from installer.kernels import build, revisions, saved
from installer.kernels.lock import Lock, LockFile
from installer.kernels.request import KernelRequest, read_requests
from installer.resources.kernel import Kernel

REVISION = "0123456789ab"


@pytest.fixture(autouse=True)
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERNELS", "KERNELSPECS", "RESTORED_KERNELS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()


def request(**entry: object) -> KernelRequest:
    return read_requests(Config.model_validate({"kernels": [{"name": "r", **entry}]}))[0]


def revision(prefix: Path, platform: str = "") -> None:
    """What stands in a revision's directory, and in a backup."""
    (prefix / revisions.KERNELSPEC).mkdir(parents=True)
    known = revisions.Completed(created="2026-01-01T00:00:00Z", request=request(), version="4.4.1")
    lock = Lock(platform=platform or build.this_subdir(), records=())
    held = LockFile(recipe=known.request.recipe, channels=(), packages=(), pip=(), lock=lock)
    files.write(prefix / revisions.LOCK, held.text().encode(), mode=0o600)
    files.write(prefix / revisions.MARKER, known.model_dump_json().encode(), mode=0o600)


def test_without_a_backup_there_is_nothing() -> None:
    assert saved.saved("r") is None
    saved.forget("r")


def test_it_is_for_what_it_was_built_for() -> None:
    revision(paths.RESTORED_KERNELS / "r" / REVISION)
    found = saved.saved("r")
    assert found is not None
    assert found.is_for(request(), None)
    assert not found.is_for(request(packages=["r-ggplot2"]), None)
    assert found.is_for(request(revision=REVISION), REVISION)
    assert not found.is_for(request(revision="ba9876543210"), "ba9876543210")


def test_packages_of_another_kind_of_machine_are_of_no_use() -> None:
    revision(paths.RESTORED_KERNELS / "r" / REVISION, platform="linux-s390x")
    assert saved.saved("r") is None


def test_another_revision_gives_way_to_the_one_of_the_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that is on disk still, it is a switch of a link, and the backup's is forgotten."""
    other = revisions.place("r", "ba9876543210")
    revision(other)
    revision(revisions.place("r", REVISION))
    revisions.switch("ir", other, "update")
    kernel = Kernel(feature="kernels", request=request())
    assert kernel.probe() == kernel.wanted()

    revision(paths.RESTORED_KERNELS / "r" / REVISION)
    monkeypatch.setattr(build, "solve", None)
    before = kernel.probe()
    assert before != kernel.wanted()
    kernel.realize(before)
    assert revisions.linked("ir") == revisions.place("r", REVISION)
    assert kernel.probe() == kernel.wanted()
    assert not paths.RESTORED_KERNELS.exists()
