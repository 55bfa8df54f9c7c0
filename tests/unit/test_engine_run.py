from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from installer.engine.executor import WORKERS
from installer.engine.lock import exclusive
from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation, Store, stored
from installer.host.errors import Problem
from tests.unit.resources_in_memory import Impatient, KeptNote, Note, OptionalNote, Silent, Slow, TriedNote


@pytest.fixture(autouse=True)
def _empty_host() -> Iterator[None]:
    for state in (Note.host, Note.done, Note.failing, Slow.begun, Slow.abandoned):
        state.clear()
    yield
    for state in (Note.host, Note.done, Note.failing, Slow.begun, Slow.abandoned):
        state.clear()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(
        tmp_path / "state",
        {
            "note": Note,
            "kept-note": KeptNote,
            "slow-note": Slow,
            "optional-note": OptionalNote,
            "tried-note": TriedNote,
        },
    )
    made.prepare()
    return made


def note(title: str, text: str = "x", **more: object) -> Note:
    return Note.model_validate({"feature": "test", "title": title, "text": text, **more})


def run(store: Store, desired: Sequence[Resource], verify: Callable[[], None] = lambda: None) -> Generation:
    request = Request(desired=desired, by="ada", config="", remembered={"admin": "ada"})
    return carry_out(store, request, make_plan(desired, store.managed(), store.left()), Silent(), verify)


def unhealthy() -> None:
    raise Problem("not healthy", "look")


def test_what_is_to_be_tried_out_is_tried_before_anything_else_is_changed(store: Store) -> None:
    """But for what it takes, and what that stands on."""
    tried = TriedNote.model_validate({"feature": "test", "title": "t", "text": "x", "needs": ("note:c",)})
    wanted = [note("c"), note("a", read=("b",)), note("b"), tried]
    Note.failing.add("trial of t")
    with pytest.raises(Problem, match="the trial of t failed"):
        run(store, wanted)
    assert Note.done == ["+b", "+a", "-a", "-b"]
    assert Note.host == {}
    assert store.interrupted() is None

    Note.failing.clear()
    Note.done.clear()
    run(store, wanted)
    assert Note.done == ["+b", "+a", "?t", "+c", "+t"]
    # Where it stays as it is, there is nothing to try.
    run(store, [*wanted, note("d")])
    assert Note.done[-1] == "+d"
    assert Note.done.count("?t") == 1


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


def optional(title: str, text: str = "x") -> OptionalNote:
    return OptionalNote(feature="test", title=title, text=text)


def test_what_is_optional_comes_after_all_else_and_fails_alone(store: Store) -> None:
    Note.failing.add("kernel")
    verified: list[dict[str, str]] = []
    generation = run(
        store,
        [optional("kernel"), optional("other"), note("a")],
        lambda: verified.append(dict(Note.host)),
    )
    assert verified == [{"a": "x"}]
    assert Note.host == {"a": "x", "other": "x"}
    assert generation.degraded == {"optional-note:kernel": "kernel failed"}
    assert store.newest() == generation
    assert store.interrupted() is None
    Note.failing.clear()
    assert run(store, [optional("kernel"), optional("other"), note("a")]).degraded == {}
    assert Note.host == {"a": "x", "other": "x", "kernel": "x"}


def test_a_mistake_of_ours_in_one_optional_change_keeps_no_other_from_being_made(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def realize(self: OptionalNote, before: object) -> None:
        if self.title == "kernel":
            raise RecursionError("too deep\nsecond line")
        self.host[self.title] = self.text

    monkeypatch.setattr(OptionalNote, "realize", realize)
    generation = run(store, [optional("kernel"), optional("other")])
    assert generation.degraded == {"optional-note:kernel": "the installer made a mistake: RecursionError: too deep"}
    assert Note.host == {"other": "x"}


def test_a_run_for_a_part_records_the_whole_and_leaves_the_rest_alone_also_when_it_fails(store: Store) -> None:
    run(store, [note("a"), note("b", "old")])
    Note.host["a"] = "changed by hand"
    whole = [note("a"), note("b", "new")]
    for verify, expected in ((unhealthy, "old"), (lambda: None, "new")):
        try:
            request = Request(whole[1:], "ada", "", {}, summary="b alone", rest=(stored(whole[0]),))
            carry_out(store, request, make_plan([whole[1]], {"note:b": note("b", "old")}), Silent(), verify)
        except Problem as problem:
            assert "not healthy" in str(problem)
        assert Note.host == {"a": "changed by hand", "b": expected}
    newest = store.newest()
    assert newest is not None
    assert newest.summary == "b alone"
    assert set(store.resources_of(newest)) == {"note:a", "note:b"}


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


def test_on_the_way_back_one_failure_keeps_no_other_step_from_being_taken(store: Store) -> None:
    run(store, [note("a", "old"), note("b", "old"), note("c", "old")])
    Note.failing.add("z")
    wish = [note("a", "new"), note("b", "new"), note("c", "new"), note("z", needs=("note:a", "note:b", "note:c"))]

    def fail_b_too() -> None:
        Note.failing.add("b")
        raise Problem("not healthy", "look")

    Note.failing.clear()
    with pytest.raises(Problem, match="not healthy; and going back failed too: b failed"):
        run(store, wish, fail_b_too)
    assert Note.host == {"a": "old", "b": "new", "c": "old"}
    assert store.interrupted() is not None
    Note.failing.clear()
    assert run(store, wish).number == 2


def test_what_a_run_has_not_touched_needs_no_way_back(store: Store) -> None:
    run(store, [note("a"), note("b")])
    Note.host["b"] = "edited"
    Note.failing.add("a")
    Note.done.clear()
    with pytest.raises(Problem, match="a failed"):
        run(store, [note("a", "new"), note("b", needs=("note:a",))])
    assert (Note.host, Note.done) == ({"a": "x", "b": "edited"}, [])
    assert store.interrupted() is None


def test_what_only_reads_what_is_put_back_is_left_in_peace(store: Store) -> None:
    """A restart on the way back could fail for what stopped the run."""
    reader = note("r", read=("a",), needs=("note:b",))
    run(store, [note("a"), note("b"), reader])
    Note.failing.add("b")
    Note.done.clear()
    with pytest.raises(Problem, match="b failed"):
        run(store, [note("a", "new"), note("b", "new", needs=("note:a",)), reader])
    assert (Note.host, Note.done) == ({"a": "x", "b": "x", "r": "x"}, ["+a", "+a"])
    assert store.interrupted() is None


def test_what_was_there_before_the_first_run_goes_back_to_what_it_was(store: Store) -> None:
    Note.host["a"] = "found"
    desired = [note("a", "ours"), note("b")]
    plan = make_plan(desired, {}, left=("note:a",))
    with pytest.raises(Problem, match="not healthy"):
        carry_out(store, Request(desired, "ada", "", {}), plan, Silent(), unhealthy)
    assert Note.host == {"a": "found"}


def test_a_failure_begins_nothing_more_and_waits_for_nothing_else(store: Store) -> None:
    """More is ready than there are workers: what has none yet is never begun, and nobody waits for it."""
    Note.failing.add("bad")
    release = threading.Timer(0.5, Slow.abandoned.set)
    release.start()
    slow = [Slow(feature="test", title=f"slow{number}", text="x") for number in range(WORKERS)]
    with pytest.raises(Problem, match="bad failed"):
        run(store, [note("bad"), *slow, *(note(f"more{number}") for number in range(WORKERS))])
    release.join()
    assert Note.host == {}
    assert "+more0" not in Note.done


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests were started in the background, which makes them deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_interrupted_it_abandons_what_is_under_way_and_goes_back(store: Store) -> None:
    slow = Slow(feature="test", title="slow", text="x", needs=("note:a",))

    def interrupt() -> None:
        Slow.begun.wait(60)
        time.sleep(0.2)  # the main thread has come to its wait, with nothing half-written in its hands
        os.kill(os.getpid(), signal.SIGINT)

    started = threading.Thread(target=interrupt)
    started.start()
    with pytest.raises(Problem, match="interrupted; what had been changed was undone"):
        run(store, [note("a"), slow])
    started.join()
    assert Note.host == {}
    assert store.interrupted() is None


def test_a_second_interruption_does_not_stop_the_way_back(store: Store) -> None:
    run(store, [note("a", "old")])

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(Problem, match="interrupted"):
        carry_out(
            store,
            Request([note("a", "new")], "ada", "", {}),
            make_plan([note("a", "new")], store.managed()),
            Impatient(),
            interrupted,
        )
    assert Note.host == {"a": "old"}


def test_a_record_that_does_not_fit_on_the_disk_is_an_error(store: Store, tmp_path: Path) -> None:
    (tmp_path / "state" / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(Problem, match="can't be written: No space left on device"):
        store.journal.begin(by="ada", remembered={})


def test_a_damaged_journal_is_named_with_its_line(store: Store, tmp_path: Path) -> None:
    store.journal.begin(by="ada", remembered={})
    for damage in ("\0\0\0", '{"event": ["start"]}', "[1]", '{"no": "event"}'):
        with (tmp_path / "state" / "journal.jsonl").open("a") as stream:
            stream.write(f"{damage}\n")
        with pytest.raises(Problem, match=r"journal\.jsonl can't be read: line 2"):
            store.managed()
        (tmp_path / "state" / "journal.jsonl").unlink()
        store.journal.begin(by="ada", remembered={})


@pytest.mark.parametrize("record", ['{"event": "party"}', '{"event": "begin", "format": 3}'])
def test_the_journal_of_a_newer_version_is_named(store: Store, tmp_path: Path, record: str) -> None:
    journal = tmp_path / "state" / "journal.jsonl"
    journal.write_text(f"{record}\n")
    with pytest.raises(Problem) as caught:
        store.managed()
    assert caught.value.what == f"{journal} was written by a newer version of the installer"
    assert "run that version" in caught.value.hint
    assert journal.read_text() == f"{record}\n"


def test_a_run_that_was_killed_when_it_had_kept_its_generation_makes_no_second_one(store: Store) -> None:
    generation = run(store, [note("a")])
    store.journal.begin(by="ada", remembered={"admin": "ada"})
    assert run(store, [note("a")]) == generation
    assert store.numbers() == [1]
    assert store.interrupted() is None
    store.journal.begin(by="ada", remembered={"admin": "ada"})
    assert run(store, [note("b")]).number == 2


def test_a_killed_return_is_known_by_where_it_was_going(store: Store) -> None:
    assert store.interrupted_return() is None
    run(store, [note("a", "old")])
    run(store, [note("a", "new")])
    store.journal.begin(by="ada", remembered={}, back_to=1)
    assert store.interrupted_return() == 1
    store.forget(1)
    assert store.interrupted_return() is None


def test_what_is_kept_by_hand_is_left_alone_also_on_the_way_back(store: Store) -> None:
    run(store, [note("a", "old"), note("b", "old")])
    Note.host["a"] = "by hand"
    desired = [note("a", "new"), note("b", "new")]
    for verify, text in ((unhealthy, "old"), (lambda: None, "new")):
        plan = make_plan(desired, store.managed(), keep=["note:a"])
        assert [change.resource.key for change in plan.changes] == ["note:b"]
        assert [(change.resource.key, change.drifted) for change in plan.kept] == [("note:a", True)]
        try:
            carry_out(store, Request(desired, "ada", "", {}), plan, Silent(), verify)
        except Problem as problem:
            assert "not healthy" in str(problem)
        assert Note.host == {"a": "by hand", "b": text}
    # And no longer.
    run(store, desired)
    assert Note.host["a"] == "new"


def test_a_damaged_list_of_what_is_left_is_named(store: Store, tmp_path: Path) -> None:
    for damage in ("[", "7", '["x"]'):
        (tmp_path / "state" / "left.json").write_text(damage)
        with pytest.raises(Problem, match=r"left\.json"):
            store.left()


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


def test_the_first_generation_of_a_restored_host_comes_after_those_of_the_backup(store: Store, tmp_path: Path) -> None:
    elsewhere = Store(tmp_path / "elsewhere", {"note": Note})
    elsewhere.prepare()
    for text in ("x", "y", "z"):
        run(elsewhere, [note("a", text), note("b")])
    Note.host.clear()
    history = tmp_path / "state" / "restored-generations"
    (tmp_path / "elsewhere").rename(history)
    # Nothing of them is here: what stands in the way is still somebody else's, but the choices are kept.
    assert store.managed() == {}
    assert store.remembered() == {"admin": "ada"}
    first = run(store, [note("a", "z")])
    assert first.number == 1
    for _ in range(2):  # the second time as after a kill
        taken_up = store.take_up_history(first)
        assert taken_up.number == 4
        assert store.numbers() == [1, 2, 3, 4]
        assert store.newest() == taken_up
        assert store.generation(1).resources[0]["text"] == "x"
        first = taken_up
    assert not history.exists()
