"""Which uids newcomers are given: never one that somebody had."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.host import paths, uids
from installer.host.errors import Problem
from installer.libexec import account_helper


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "retired-uids"
    monkeypatch.setattr(paths, "RETIRED_UIDS", file)
    return file


def test_a_uid_is_noted_once(kept: Path) -> None:
    assert uids.retired() == frozenset()
    for uid in (1004, 1002, 1004):
        uids.retire(uid)
    assert kept.read_text() == "1002\n1004\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("1002 # ada\n")
    with pytest.raises(Problem, match="can't be read"):
        uids.retire(1005)


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        (set(), (10, 19)),
        ({0, 65534}, (10, 19)),
        ({10, 12}, (13, 19)),
        ({12, 19}, (10, 11)),
        ({10, 11, 13, 14, 19}, (12, 12)),
        (set(range(5, 25)), None),
    ],
)
def test_behind_the_last_else_in_the_first_gap(taken: set[int], free: tuple[int, int] | None) -> None:
    assert uids.window(10, 19, taken) == free


@given(st.sets(st.integers(0, 30)))
def test_the_helper_goes_by_the_same(taken: set[int]) -> None:
    free = uids.window(10, 19, taken)
    if free is None:
        with pytest.raises(account_helper.Refused, match="each uid from 10 to 19"):
            account_helper.window(10, 19, taken)
    else:
        assert account_helper.window(10, 19, taken) == free
        assert not taken.intersection(range(free[0], free[1] + 1))


@pytest.mark.usefixtures("kept")
def test_whoever_is_gone_or_has_a_home_keeps_a_uid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = tmp_path / "homes"
    (homes / "somebody").mkdir(parents=True)
    defs = tmp_path / "login.defs"
    defs.write_text(f"# UID_MIN 1\nUID_MIN\t\t{os.getuid()}\nUID_MAX {os.getuid() + 3}\n")
    monkeypatch.setattr(uids, "_LOGIN_DEFS", defs)
    monkeypatch.setattr(pwd, "getpwall", list)
    first, last = os.getuid() + 1, os.getuid() + 3
    assert uids.owners(homes) == {os.getuid()}
    assert uids.for_newcomer(homes) == ["--key", f"UID_MIN={first}", "--key", f"UID_MAX={last}"]
    uids.retire(last)
    assert uids.for_newcomer(homes) == ["--key", f"UID_MIN={first}", "--key", f"UID_MAX={last - 1}"]
    for uid in (first, first + 1):
        uids.retire(uid)
    with pytest.raises(Problem, match="is somebody's, or was"):
        uids.for_newcomer(homes)
