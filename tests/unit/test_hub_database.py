"""The hub's database: migrated, replaced and looked at by the very programs that do it on a host."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import jupyterhub
import pytest
from alembic import command
from alembic.config import Config
from jupyterhub import orm
from jupyterhub.dbutil import write_alembic_ini

from installer.host import paths
from installer.host.errors import Problem
from installer.resources import database_copies, schemas
from installer.resources.hub_database import HubDatabase

LIBEXEC = Path(__file__).parents[2] / "installer" / "libexec"
NEW, OLD = schemas.of_locks()[0], "4621fec11365"


@pytest.fixture(scope="module")
def older_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub's database, as JupyterHub 5 has left it, with a user in it."""
    tmp_path = tmp_path_factory.mktemp("older")
    path = tmp_path / "jupyterhub.sqlite"
    session = orm.new_session_factory(f"sqlite:///{path}")()
    session.add(orm.User(name="grace"))
    session.commit()
    session.close()
    session.get_bind().dispose()
    ini = tmp_path / "alembic.ini"
    write_alembic_ini(ini, f"sqlite:///{path}")
    command.downgrade(Config(str(ini)), OLD)
    return path


@pytest.fixture
def database(tmp_path: Path, older_database: Path) -> Path:
    """The same, for one test alone."""
    path = tmp_path / "a b" / "jupyterhub.sqlite"
    path.parent.mkdir()
    path.write_bytes(older_database.read_bytes())
    path.chmod(0o600)
    return path


def program(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-", *map(str, words)], input=(LIBEXEC / name).read_text(encoding="utf-8"),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def asked(path: Path, statement: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(statement).fetchone()
        connection.commit()
        return row and row[0]


def schema(path: Path) -> str:
    return program("database_schema.py", path).stdout.strip()


def alone(path: Path) -> bool:
    """Whether nothing is left beside it."""
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


# --- replace_database.py ----------------------------------------------------------------------------


def test_it_is_migrated_in_its_place(database: Path) -> None:
    done = program("replace_database.py", database, database, NEW, "migrate")
    assert (done.returncode, done.stdout) == (0, ""), done
    assert schema(database) == NEW
    assert asked(database, "SELECT name FROM users") == "grace"
    assert database.stat().st_mode & 0o777 == 0o600
    assert alone(database)


def test_what_the_hub_had_not_yet_moved_out_of_its_journal_is_in_it(database: Path) -> None:
    with closing(sqlite3.connect(database)) as hub:
        hub.execute("PRAGMA journal_mode=WAL")
        hub.execute("UPDATE users SET name = 'linus'")
        hub.commit()
        assert program("replace_database.py", database, database, NEW, "migrate").returncode == 0
    assert asked(database, "SELECT name FROM users") == "linus"


def test_a_migration_that_fails_leaves_every_byte(database: Path) -> None:
    asked(database, "ALTER TABLE users ADD COLUMN user_info TEXT")
    before = database.read_bytes()
    done = program("replace_database.py", database, database, NEW, "migrate")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "(sqlite3.OperationalError) duplicate column name: user_info",
    )
    assert database.read_bytes() == before
    assert alone(database)


@pytest.mark.parametrize("spoil", ["damaged", "no database", "missing"])
def test_what_is_no_sound_database_takes_no_place(database: Path, tmp_path: Path, spoil: str) -> None:
    source = tmp_path / "source.sqlite"
    if spoil == "damaged":
        data = bytearray(database.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        source.write_bytes(data)
    elif spoil == "no database":
        source.write_text("hello " * 1000)
    before = database.read_bytes()
    done = program("replace_database.py", source, database, OLD)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert database.read_bytes() == before
    assert alone(database)


def test_a_copy_takes_its_place_only_with_the_schema_that_it_should_have(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    assert program("replace_database.py", database, copy, OLD).returncode == 0
    assert program("replace_database.py", database, database, NEW, "migrate").returncode == 0
    database.with_name(f"{database.name}-wal").write_bytes(b"of another database")
    refused = program("replace_database.py", copy, database, "f00dfeedbeef")
    assert refused.stderr == f"it has the schema {OLD} then, not f00dfeedbeef\n"
    assert schema(database) == NEW
    assert program("replace_database.py", copy, database, OLD).returncode == 0
    assert schema(database) == OLD
    assert alone(database)


# --- database_schema.py, database_since.py ----------------------------------------------------------


def test_a_database_that_says_no_schema(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    asked(path, "CREATE TABLE users (name)")
    assert schema(path) == ""
    path.write_text("hello " * 1000)
    said = program("database_schema.py", path)
    assert (said.returncode, said.stderr) == (1, "file is not a database\n")


def test_what_came_since(database: Path) -> None:
    now = datetime.now(timezone.utc)
    for moment, users in ((now - timedelta(hours=1), ["grace"]), (now + timedelta(hours=1), [])):
        said = program("database_since.py", database, moment.strftime("%Y-%m-%d %H:%M:%S"))
        assert json.loads(said.stdout) == {"users": users, "tokens": 0, "servers": []}


# --- schemas ----------------------------------------------------------------------------------------


def test_the_list_beside_the_lock_is_what_the_locked_version_knows() -> None:
    """The version that the tests run with is the locked one."""
    assert f"jupyterhub=={jupyterhub.__version__} " in (LIBEXEC.parent / "locks" / "server.txt").read_text()
    versions = Path(jupyterhub.__file__).parent / "alembic" / "versions"
    assert schemas.chain([file.read_text() for file in versions.glob("*.py")]) == schemas.of_locks()


def test_migrations_that_fork_are_refused() -> None:
    first = "revision = 'a'\ndown_revision = None\n"
    second, third = (f"revision = '{name}'\ndown_revision = 'a'\n" for name in "bc")
    assert schemas.chain([second, first]) == ("b", "a")
    assert schemas.chain([]) == ()
    with pytest.raises(Problem, match="no single line"):
        schemas.chain([first, second, third])


# --- the copies that are kept -----------------------------------------------------------------------


@pytest.fixture
def generations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "INSTALLER_STATE", tmp_path / "state")
    made = tmp_path / "state" / "generations"
    made.mkdir(parents=True)
    for name in ("000001.old.sqlite", "000003.old.sqlite", "000004.new.sqlite", "000004.json", "notes.sqlite"):
        (made / name).touch()
    return made


def test_the_newest_copy_of_a_schema(generations: Path) -> None:
    def name(schema: str, since: int) -> str | None:
        found = database_copies.newest(schema, since)
        return found.path.name if found else None

    assert name("old", 1) == "000003.old.sqlite"
    assert name("old", 3) == "000003.old.sqlite"
    assert name("old", 4) is None
    assert name("other", 1) is None
    database_copies.forget(3)
    assert name("old", 1) == "000001.old.sqlite"
    assert (generations / "000004.json").exists()


# --- the resource -----------------------------------------------------------------------------------


def test_back_to_what_it_was_is_from_a_copy(generations: Path) -> None:
    resource = HubDatabase(feature="hub", environment=Path("/opt/new"), known=("newer", "new"))
    before = resource.as_before({"schema": "old"}, None)
    assert isinstance(before, HubDatabase)
    assert before.wanted() == {"schema": "old"}
    assert before.tried_with == ()
    assert before.settled() == resource.model_copy(update={"known": ("old",)})


def test_without_a_database_there_is_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "HUB_DATABASE", tmp_path / "none.sqlite")
    resource = HubDatabase(feature="hub", environment=Path("/opt/new"), known=("new", "old"))
    assert resource.probe() == resource.wanted()
