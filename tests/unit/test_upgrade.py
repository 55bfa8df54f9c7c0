"""What an upgrade tells of before it is one, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from installer.cli.plan_text import migration_lines
from installer.commands import older, upgrade, versions
from installer.commands.situation import Situation
from installer.engine.plan import Action, Change, Plan
from installer.engine.store import Generation, Store
from installer.host.errors import Problem
from installer.host.version import VERSION
from installer.resources.hub_database import HubDatabase
from installer.resources.kinds import KINDS
from tests.unit.test_features import site

DATABASE = HubDatabase(feature="hub", environment=Path("/opt/new"), known=("new", "old"))


def plan(schema: str) -> Plan:
    before = {"schema": schema}
    change = Change(DATABASE, Action.CHANGE, before, DATABASE.wanted(), before)
    return Plan((DATABASE,), (change,))


@pytest.fixture
def situation(tmp_path: Path) -> Situation:
    store = Store(tmp_path, KINDS)
    store.prepare()
    return Situation(site(), store, (), "", "")


def applied_by(situation: Situation, version: str) -> None:
    situation.store.add(
        Generation(
            number=1, at="2026-01-01T00:00:00Z", by="ada", summary="", config="", remembered={}, resources=(),
            version=version,
        )
    )  # fmt: skip


# --- older ones -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["", VERSION, "0.0.1"])
def test_what_an_older_or_the_same_version_has_made_is_taken_up(situation: Situation, version: str) -> None:
    older.refuse_older(situation, plan("old"))
    applied_by(situation, version)
    older.refuse_older(situation, plan("old"))


def test_what_a_newer_version_has_made_is_refused_by_name(situation: Situation) -> None:
    applied_by(situation, "99.1.0")
    with pytest.raises(Problem, match=f"version 99.1.0 of the installer applied generation 1, and this is {VERSION}"):
        older.refuse_older(situation, Plan((), ()))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("newer", "has the schema newer, of a newer version of JupyterHub"),
        ("can't be read: file is not a database", "can't be read: file is not a database"),
    ],
)
def test_a_database_that_can_not_be_migrated_is_refused_by_name(situation: Situation, schema: str, said: str) -> None:
    with pytest.raises(Problem, match=re.escape(said)):
        older.refuse_older(situation, plan(schema))


def test_a_version_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"has JupyterHub 5\.9\.9, and 5\.10\.0 is in use"):
        upgrade.refuse_older_hub("5.10.0", "5.9.9", tmp_path)
    upgrade.refuse_older_hub("", "6.0.0", tmp_path)
    upgrade.refuse_older_hub("6.0.0", "6.0.0", tmp_path)


# --- versions ---------------------------------------------------------------------------------------

LIST = """\
# made by hand
ipykernel==7.3.0 ; python_full_version < '3.11' \\
    --hash=sha256:00
ipykernel==7.4.0 ; python_full_version >= '3.11' \\
    --hash=sha256:00
jupyterhub==6.1.1 \\
    --hash=sha256:00
tornado==6.5.10 \\
    --hash=sha256:00
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    locks = tmp_path / "installer" / "locks"
    (locks / "proxy").mkdir(parents=True)
    (locks / "server.in").write_text("# what people use\njupyterhub>=6\n\nipykernel\n")
    (locks / "server.txt").write_text(LIST)
    packages = {"packages": {"node_modules/configurable-http-proxy": {"version": "5.2.0"}}}
    (locks / "proxy" / "package-lock.json").write_text(json.dumps(packages))
    return tmp_path


@pytest.mark.parametrize(("python", "kernel"), [("3.10.12", "7.3.0"), ("3.11.0", "7.4.0"), ("3.13.5", "7.4.0")])
def test_the_versions_to_come_are_those_of_what_was_asked_for(checkout: Path, python: str, kernel: str) -> None:
    proxy = {"configurable-http-proxy": "5.2.0"}
    assert versions.locked(python, checkout) == {"jupyterhub": "6.1.1", "ipykernel": kernel} | proxy


def test_the_versions_that_are_there(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.13" / "site-packages"
    for name in ("jupyterhub-5.5.4.dist-info", "jupyterhub_idle_culler-1.4.0.dist-info", "jupyterhub"):
        (packages / name).mkdir(parents=True)
    assert versions.installed(tmp_path) == {"jupyterhub": "5.5.4", "jupyterhub-idle-culler": "1.4.0"}


def test_our_own_lists_have_a_version_for_all_that_was_asked_for() -> None:
    found = versions.locked("3.13.5")
    assert {"jupyterhub", "jupyterlab", "ipykernel", "configurable-http-proxy"} <= set(found)


# --- what is said -----------------------------------------------------------------------------------


def test_a_migration_is_said_outright() -> None:
    said = "[bold]The hub's database is migrated[/] from the schema old to new"
    assert next(migration_lines(plan("old"))).startswith(said)
    returning = DATABASE.model_copy(update={"returning": Path("/kept.sqlite")})
    change = Change(returning, Action.CHANGE, {"schema": "x"}, returning.wanted(), {"schema": "x"})
    assert "is replaced by a copy[/], /kept.sqlite" in next(migration_lines(Plan((), (change,))))
    assert list(migration_lines(Plan((), ()))) == []
    assert upgrade.migration(plan("old")) == ("old", "new")
    assert upgrade.migration(Plan((), ())) is None
