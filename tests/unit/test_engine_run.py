from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from installer.engine.lock import exclusive
from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation, Store
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


def note(title: str, text: str = "x", **more: object) -> Note:
    return Note.model_validate({"feature": "test", "title": title, "text": text, **more})


def run(store: Store, desired: Sequence[Resource], verify: Callable[[], None] = lambda: None) -> Generation:
    request = Request(desired=desired, by="ada", config="", remembered={"admin": "ada"})
    return carry_out(store, request, make_plan(desired, store.managed(), store.left()), Silent(), verify)


def unhealthy() -> None:
    raise Problem("not healthy", "look")


def test_a_run_is_kept_as_a_generation_and_a_second_one_finds_nothing_to_do(store: Store) -> None:
    generation = run(store, [note("a"), note("b")])
    assert generation.number == 1
    assert Note.host == {"a": "x", "b": "x"}
    assert store.interrupted() is None
    assert store.remembered() == {"admin": "ada"}
    assert make_plan([note("a"), note("b")], store.managed()).empty


def test_a_failed_first_run_leaves_nothing_but_what_is_kept(store: Store) -> None:
    dear = KeptNote(feature="test", title="dear", text="x")
    Note.failing.add("c")
    with pytest.raises(Problem, match="c failed"):
        run(store, [dear, note("a"), note("c", needs=("note:a",))])
    assert Note.host == {"dear": "x"}
    assert store.newest() is None
    assert store.interrupted() is None
    assert set(store.left()) == {"kept-note:dear"}
    Note.failing.clear()
    run(store, [KeptNote(feature="test", title="dear", text="other"), note("a")])
    assert Note.host == {"dear": "other", "a": "x"}, "what was left is ours, and not foreign"
    assert store.left() == {}


def test_an_unhealthy_result_goes_back_to_the_last_generation(store: Store) -> None:
    run(store, [note("a", "old"), note("gone")])
    with pytest.raises(Problem, match="not healthy"):
        run(store, [note("a", "new"), note("b")], unhealthy)
    assert Note.host == {"a": "old", "gone": "x"}
    assert store.numbers() == [1]


def test_going_back_restores_an_edit_by_hand_not_the_generation(store: Store) -> None:
    run(store, [note("a", "old")])
    Note.host["a"] = "edited"
    with pytest.raises(Problem):
        run(store, [note("a", "new")], unhealthy)
    assert Note.host == {"a": "edited"}


def test_a_killed_run_is_finished_by_the_next(store: Store) -> None:
    desired = [note("a"), note("b", needs=("note:a",))]
    plan = make_plan(desired, {})
    # What kill -9 leaves: a journal that was begun, one change carried out, no end.
    store.journal.begin(by="ada", remembered={"admin": "ada"})
    store.journal.start(plan.changes[0])
    plan.changes[0].resource.realize(None)
    assert store.interrupted() is not None
    assert store.remembered() == {"admin": "ada"}
    assert set(store.managed()) == {"note:a"}
    assert run(store, desired).number == 1
    assert Note.host == {"a": "x", "b": "x"}
    assert store.interrupted() is None


def test_what_a_killed_run_made_and_nobody_wants_any_more_is_removed(store: Store) -> None:
    plan = make_plan([note("a")], {})
    store.journal.begin(by="ada", remembered={})
    store.journal.start(plan.changes[0])
    plan.changes[0].resource.realize(None)
    run(store, [note("b")])
    assert Note.host == {"b": "x"}


def test_a_torn_last_line_is_cut_off_and_the_records_before_it_count(store: Store, tmp_path: Path) -> None:
    plan = make_plan([note("a")], {})
    store.journal.begin(by="ada", remembered={})
    store.journal.start(plan.changes[0])
    with (tmp_path / "state" / "journal.jsonl").open("ab") as stream:
        stream.write(b'{"event": "sta')
    assert set(store.managed()) == {"note:a"}
    store.journal.begin(by="grace", remembered={})
    assert [record["event"] for record in store.journal.records()] == ["begin", "start", "begin"]


def test_a_damaged_generation_is_named(store: Store, tmp_path: Path) -> None:
    run(store, [note("a")])
    path = tmp_path / "state" / "generations" / "000001.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(Problem) as caught:
        store.newest()
    assert str(path) in caught.value.what


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    holder = pytest.raises(Problem, match=r"another run is at work: apply, pid \d+")
    with exclusive(tmp_path / "lock", "apply"), holder, exclusive(tmp_path / "lock", "apply"):
        pass
    with exclusive(tmp_path / "lock", "apply"):
        pass
