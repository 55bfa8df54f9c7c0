from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest

from installer.cli.generations import lines
from installer.cli.output import local
from installer.commands import config_file, generations
from installer.commands.diff import between
from installer.commands.pruning import KEPT, YOUNGEST, outdated
from installer.commands.summary import sentence
from installer.engine.plan import Action, Change, Plan
from installer.engine.resource import Resource
from installer.engine.store import Generation, Store, stored
from installer.host import paths
from installer.host.errors import ConfigProblem, ExitCode, Problem
from installer.resources.file import File
from installer.resources.kinds import KINDS
from installer.resources.link import Link
from installer.resources.secret import Secret


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(paths, "INSTALLER_STATE", tmp_path / "state")
    made = Store(tmp_path / "state", KINDS)
    made.prepare()
    return made


def keep(store: Store, number: int, *, at: str = "2026-01-01T00:00:00Z", **more: object) -> Generation:
    fields = {"by": "ada", "summary": f"number {number}", "config": "", "remembered": {}, "resources": (), **more}
    made = Generation.model_validate({"number": number, "at": at, **fields})
    store.add(made)
    return made


def as_stored(*resources: Resource) -> tuple[object, ...]:
    return tuple(stored(resource) for resource in resources)


def file(name: str, text: str, **more: object) -> File:
    return File.model_validate({"feature": "test", "path": f"/etc/{name}", "text": text, **more})


# --- the list ---------------------------------------------------------------------------------------


def test_numbers_say_the_order_whatever_the_clock_said(store: Store) -> None:
    keep(store, 1, at="2030-01-01T00:00:00Z")
    keep(store, 2, at="1970-01-01T00:00:00Z")
    assert [(line.number, line.current) for line in generations.listed()] == [(1, False), (2, True)]
    assert generations.one_before(store).number == 1


def test_one_that_can_not_be_read_is_listed_with_the_reason(store: Store, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        keep(store, number, degraded={"kernel:r": "no channel"} if number == 3 else {})
    place = tmp_path / "state" / "generations"
    (place / "000001.json").write_text("{")
    (place / "000002.json").write_text('{"format": 3, "number": 2}')
    damaged, newer, good = generations.listed()
    assert damaged.trouble is not None
    assert damaged.trouble.startswith(f"{place / '000001.json'} can't be read: ")
    assert newer.trouble == f"{place / '000002.json'} was written by a newer version of the installer"
    assert good.trouble is None
    shown = list(lines((damaged, newer, good)))
    assert shown[2].startswith("[green]*[/]    3  ")
    assert "kernel:r could not be had:[/] no channel" in shown[3]
    with pytest.raises(Problem, match="was written by a newer version"):
        generations.meant(store, "2")


def test_a_resource_that_this_version_does_not_know_is_told_with_its_file(store: Store) -> None:
    made = keep(store, 1, resources=({"kind": "moon", "feature": "sky"},))
    with pytest.raises(Problem, match=r"000001\.json was written by another version: unknown kind"):
        store.resources_of(made)


def test_a_generation_of_before_formats_were_written_is_read(store: Store, tmp_path: Path) -> None:
    keep(store, 1)
    path = tmp_path / "state" / "generations" / "000001.json"
    path.write_text(path.read_text().replace('"format":2,', "").replace('"format": 2,', ""))
    assert "format" not in path.read_text()
    assert store.generation(1).number == 1


def test_a_moment_is_told_as_the_clock_on_the_wall_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    try:
        assert local("2026-01-31T23:30:00Z") == "2026-02-01 00:30"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert local("yesterday") == "yesterday"


# --- which one somebody means -----------------------------------------------------------------------


@pytest.mark.parametrize("said", ["", "x", "1x", "-1", "1.0", "²", "9" * 5000])
def test_what_is_no_number(store: Store, said: str) -> None:
    keep(store, 1)
    with pytest.raises(ConfigProblem, match="is not a generation's number") as caught:
        generations.meant(store, said)
    assert caught.value.exit_code is ExitCode.USAGE


def test_one_that_is_not_there(store: Store) -> None:
    for number in (1, 2, 3, 5, 7, 8):
        keep(store, number)
    assert generations.meant(store, "005").number == 5
    with pytest.raises(ConfigProblem, match="there is no generation 4") as caught:
        generations.meant(store, "4")
    assert caught.value.hint == "there are 1 to 3, 5, 7 to 8: see installer generations"


def test_before_the_first_and_before_the_second_apply(store: Store) -> None:
    with pytest.raises(Problem, match="nothing has been applied"):
        generations.listed()
    keep(store, 1)
    with pytest.raises(Problem, match="there is no generation before 1"):
        generations.one_before(store)


# --- differences ------------------------------------------------------------------------------------


def test_a_return_that_was_killed_goes_on_to_where_it_was_going(store: Store) -> None:
    for number in (1, 2, 3):
        keep(store, number)
    assert generations.one_before(store).number == 2
    store.journal.begin(by="ada", remembered={}, back_to=1)
    assert generations.one_before(store).number == 1
    store.journal.begin(by="ada", remembered={})
    assert generations.one_before(store).number == 2, "an apply has come in between"


def test_differences_between_two(store: Store) -> None:
    secret = Secret(feature="test", path=Path("/etc/secret"))
    keep(
        store,
        1,
        config="a: 1\n",
        resources=as_stored(file("same", "x"), file("other", "1\n"), file("gone", ""), secret),
    )
    keep(store, 2, resources=as_stored(file("same", "x"), file("other", "2\n", mode=0o600), secret))
    keep(store, 3, config="a: 2\n", resources=as_stored(file("new", "n"), file("same", "x"), secret))
    found = between("1", "2")
    assert [(change.resource.key, change.action) for change in found.changes] == [
        ("file:/etc/other", Action.CHANGE),
        ("file:/etc/gone", Action.REMOVE),
    ]
    other = found.changes[0]
    assert (other.old_text, other.new_text) == ("1\n", "2\n")
    assert other.before is not None
    assert other.before["mode"] == "0644"
    assert (found.one.config, found.other.config) == ("a: 1\n", "")
    assert [change.action for change in between("2", None).changes] == [Action.REMOVE, Action.CREATE]
    assert between("3", None).empty


# --- in a sentence ----------------------------------------------------------------------------------


def plan(*changes: Change) -> Plan:
    return Plan((), changes)


def change(resource: Resource, *, drifted: bool = False) -> Change:
    return Change(resource, Action.CHANGE, {}, {}, {}, drifted=drifted)


def before(config: str = "") -> Generation:
    fields = {"number": 1, "at": "", "by": "ada", "summary": "", "remembered": {}, "resources": ()}
    return Generation.model_validate({**fields, "config": config})


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("", "culler: {timeout: 2h}\n", "culler.timeout default -> 2h (1 change: test)"),
        ("culler:\n  timeout: 2h\n", "# nothing\n", "culler.timeout 2h -> default (1 change: test)"),
        ("kernels: [r]", "kernels: [{name: r}, go]", "kernels [r] -> [r, go] (1 change: test)"),
        ("", "apps: [{root: /b, path: /a/}]", "apps default -> [/a/] (1 change: test)"),
        ("hub: {domain: a}", "hub: {domain: " + "b" * 60 + "}", f"hub.domain a -> {'b' * 39}… (1 change: test)"),
        ("a: 1", "{b: 1, c: 2, d: 3, e: 4}", "a 1 -> default; b default -> 1; c default -> 2; d default -> 3; 1 more"),
        ("# one\n", "# two\n", "1 change: test"),
        ("{", "a: 1", "a default -> 1 (1 change: test)"),
    ],
)
def test_what_was_asked_for(was: str, now: str, said: str) -> None:
    assert sentence(before(was), now, plan(change(file("x", "")))).startswith(said)


def test_what_else_there_is_to_say() -> None:
    assert sentence(None, "a: 1", plan(change(file("x", "")))) == "first apply"
    assert sentence(before(), "", plan()) == "no changes"
    link = Link(feature="server", path=paths.VENV, target="revisions/server/new")
    switched = Change(link, Action.CHANGE, {"target": "revisions/server/old"}, link.wanted(), None)
    assert sentence(before(), "", plan(switched)) == "server environment old -> new (1 change: server)"
    changed = plan(change(file("x", ""), drifted=True), change(file("y", "")))
    said = "set back what was changed by hand: file:/etc/x (2 changes: test)"
    assert sentence(before(), "", changed) == said


# --- what is too old --------------------------------------------------------------------------------

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
LONG_AGO = NOW - 2 * YOUNGEST


def made(*moments: datetime | None) -> dict[int, datetime | None]:
    return dict(enumerate(moments, start=1))


def test_the_last_ones_stay_however_old_they_are() -> None:
    assert outdated(made(*[LONG_AGO] * KEPT), NOW) == []
    assert outdated(made(*[LONG_AGO] * (KEPT + 2)), NOW) == [1, 2]


def test_young_ones_stay_however_many_they_are() -> None:
    assert outdated(made(*[NOW - YOUNGEST + timedelta(minutes=1)] * 500), NOW) == []


def test_the_clock_does_not_decide_which_ones_are_the_last() -> None:
    """Made while it stood in the past, the newest stays; and so does one that seems to be from the future."""
    moments: Sequence[datetime | None] = [NOW + YOUNGEST, LONG_AGO, None, *[NOW] * (KEPT - 1), LONG_AGO]
    assert outdated(made(*moments), NOW) == [2]


# --- the config file --------------------------------------------------------------------------------


def test_the_config_is_replaced_and_put_back(tmp_path: Path) -> None:
    path = tmp_path / "installer.yaml"
    path.write_text("now: 1\n")
    path.chmod(0o600)
    found = config_file.read(path)
    found.replace("then: 1\n", applied="now: 1\n")
    assert path.read_text() == "then: 1\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not found.aside.exists()
    found.put_back()
    assert path.read_text() == "now: 1\n"


def test_the_config_goes_back_with_a_run_that_fails_unless_it_had_come_to_something(tmp_path: Path) -> None:
    path = tmp_path / "installer.yaml"
    path.write_text("now: 1\n")
    for numbers, left in (([1, 1], "now: 1\n"), ([1, 2], "then: 1\n")):
        said = iter(numbers)
        with (
            pytest.raises(KeyboardInterrupt),
            config_file.read(path).replaced("then: 1\n", applied="now: 1\n", newest=partial(next, said)),
        ):
            assert path.read_text() == "then: 1\n"
            raise KeyboardInterrupt
        assert path.read_text() == left
    with config_file.read(path).replaced("there: 1\n", applied="then: 1\n", newest=lambda: 2):
        pass
    assert path.read_text() == "there: 1\n"


def test_what_was_never_applied_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "installer.yaml"
    path.write_text("half an idea\n")
    found = config_file.read(path)
    found.replace("half an idea\n", applied="")
    assert not found.aside.exists()
    found.replace("then: 1\n", applied="now: 1\n")
    assert found.aside.read_text() == "half an idea\n"


def test_no_config_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "installer.yaml"
    found = config_file.read(path)
    found.replace("", applied="")
    assert not path.exists()
    found.replace("then: 1\n", applied="")
    assert path.read_text() == "then: 1\n"
    found.put_back()
    assert not path.exists()
    path.mkdir()
    with pytest.raises(ConfigProblem, match="can't be read: Is a directory"):
        config_file.read(path)
