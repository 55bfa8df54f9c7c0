"""The list of packages that need no second look, and who leaves it behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from installer.host import paths
from installer.kernels import checked


@pytest.fixture(autouse=True)
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "KERNELS_CHECKED", tmp_path / ".checked")


def test_it_is_empty_at_first() -> None:
    assert checked.take() == frozenset()


def test_it_is_taken_once() -> None:
    checked.put_back({"b", "a"})
    assert checked.take() == {"a", "b"}
    assert checked.take() == frozenset()
    assert not paths.KERNELS_CHECKED.exists()


def test_half_of_it_is_nothing() -> None:
    paths.KERNELS_CHECKED.write_text('["a", ')
    assert checked.take() == frozenset()
    assert not paths.KERNELS_CHECKED.exists()


def test_its_end_is_on_the_disk_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The power may go, and what was written into a file of the cache be there, and the list again as well."""
    checked.put_back({"a"})
    synced: list[bool] = []
    real = os.fsync

    def fsync(number: int) -> None:
        synced.append(paths.KERNELS_CHECKED.exists())
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    checked.take()
    assert synced == [False]
