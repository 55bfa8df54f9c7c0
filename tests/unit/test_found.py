from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Store
from installer.host import paths, remains
from installer.host.errors import Problem
from tests.unit.resources_in_memory import KeptNote, Note, Silent


@pytest.fixture(autouse=True)
def _empty_host() -> Iterator[None]:
    for state in (Note.host, Note.done, Note.failing):
        state.clear()
    yield
    for state in (Note.host, Note.done, Note.failing):
        state.clear()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state", {"note": Note, "kept-note": KeptNote})
    made.prepare()
    return made


def note(title: str, **more: object) -> Note:
    return Note.model_validate({"feature": "test", "title": title, "text": "x", **more})


def run(store: Store, desired: Sequence[Resource]) -> None:
    request = Request(desired=desired, by="ada", config="", remembered={})
    carry_out(store, request, make_plan(desired, store.managed(), store.left()), Silent(), lambda: None)


def test_what_was_there_before_stays_found(store: Store) -> None:
    Note.host["a"] = "x"
    run(store, [note("a"), note("b")])
    assert store.found.read() == {"note:a": {"text": "x"}}
    run(store, [note("a"), note("b"), note("c")])
    assert store.found.read() == {"note:a": {"text": "x"}}


def test_it_is_found_with_what_it_was_before_it_was_changed(store: Store) -> None:
    """What is read by another of ours may have changed before its turn comes: that counts."""
    Note.host["a"] = "x"
    run(store, [note("a", read=("b",)), note("b")])
    assert store.found.read() == {"note:a": {"text": "stale"}}


def test_what_was_found_by_a_run_that_failed_is_looked_at_anew(store: Store) -> None:
    Note.host["a"] = "x"
    Note.failing.add("b")
    with pytest.raises(Problem):
        run(store, [note("a"), note("b")])
    del Note.host["a"]
    Note.failing.clear()
    run(store, [note("a"), note("b")])
    assert store.found.read() == {}


def test_a_damaged_record_is_named(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "state" / "found.json"
    file.write_text("[")
    with pytest.raises(Problem, match=r"found\.json can't be read"):
        store.found.read()


def test_the_installers_directory_goes_with_what_other_versions_have_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr(paths, "INSTALLER_RUN", tmp_path / "run")
    monkeypatch.setattr(paths, "LOCK", tmp_path / "lock")
    state = tmp_path / "state"
    (state / "generations").mkdir(parents=True)
    (state / "env" / "abc" / "bin").mkdir(parents=True)
    for name in ("journal.jsonl", "env/.lock", "env/abc/.complete", "of-tomorrow"):
        (state / name).write_text("x")
    assert remains.anything_to_say(state)
    remains.take_away(state)
    assert not state.exists()
    assert remains.never_began(state)
    remains.take_away(state)
