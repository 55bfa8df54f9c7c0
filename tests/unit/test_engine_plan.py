from __future__ import annotations

from collections.abc import Iterator

import pytest

from installer.engine.graph import graph_of, in_order
from installer.engine.plan import Action, make_plan
from installer.host.errors import Conflict
from tests.unit.resources_in_memory import KeptNote, Note


@pytest.fixture(autouse=True)
def _empty_host() -> Iterator[None]:
    Note.host.clear()
    yield
    Note.host.clear()


def note(title: str, text: str = "x", **more: object) -> Note:
    return Note.model_validate({"feature": "test", "title": title, "text": text, **more})


def test_what_is_missing_is_created_and_what_is_right_is_left() -> None:
    Note.host["a"] = "x"
    plan = make_plan([note("a"), note("b")], {})
    assert [(change.resource.key, change.action) for change in plan.changes] == [("note:b", Action.CREATE)]


def test_a_foreign_thing_in_the_way_is_named_and_everything_foreign_at_once() -> None:
    Note.host.update(a="theirs", b="theirs too")
    with pytest.raises(Conflict) as caught:
        make_plan([note("a"), note("b"), note("c")], {})
    assert caught.value.what == "a is somebody else's"
    assert caught.value.detail == "b is somebody else's"


def test_our_own_that_was_changed_by_hand_is_drift_and_a_new_wish_is_not() -> None:
    Note.host.update(edited="by hand", wished="old")
    managed = {resource.key: resource for resource in (note("edited", "ours"), note("wished", "old"))}
    plan = make_plan([note("edited", "ours"), note("wished", "new")], managed)
    assert {change.resource.key: change.drifted for change in plan.changes} == {
        "note:edited": True,
        "note:wished": False,
    }


def test_what_reads_a_changed_thing_is_refreshed_behind_it() -> None:
    Note.host.update(service="x")
    plan = make_plan([note("service", read=("file",)), note("file")], {})
    assert [change.resource.key for change in plan.changes] == ["note:file", "note:service"]
    assert plan.changes[1].before == {"text": "stale"}


def test_what_nobody_asks_for_any_more_is_removed_dependents_first_unless_it_is_kept() -> None:
    Note.host.update(base="x", top="x", dear="x")
    dear = KeptNote(feature="test", title="dear", text="x")
    top = note("top", needs=("note:base",))
    managed = {resource.key: resource for resource in (note("base"), top, dear)}
    plan = make_plan([], managed)
    assert [(change.resource.key, change.action) for change in plan.changes] == [
        ("note:top", Action.REMOVE),
        ("note:base", Action.REMOVE),
    ]


def test_what_was_removed_by_hand_can_be_kept_away() -> None:
    Note.host.update(b="x", c="x")
    managed = {resource.key: resource for resource in (note("a"), note("b"), note("c"))}
    plan = make_plan([note("a"), note("b"), note("c", read=("a",))], managed, keep=["note:a", "note:b"])
    assert plan.empty
    assert [(change.resource.key, change.action) for change in plan.kept] == [("note:a", Action.CREATE)]


def test_what_is_already_gone_is_not_removed_again() -> None:
    assert make_plan([], {"note:a": note("a")}).empty


def test_order_follows_needs_and_otherwise_the_declaration() -> None:
    resources = [note("c", needs=("note:a",)), note("b"), note("a")]
    assert [resource.name for resource in in_order(resources)] == ["b", "a", "c"]


def test_a_need_that_nobody_declares_and_a_double_are_mistakes() -> None:
    with pytest.raises(KeyError, match="nobody declares"):
        graph_of([note("a", needs=("note:nowhere",))])
    with pytest.raises(KeyError, match="declared twice"):
        graph_of([note("a"), note("a")])
