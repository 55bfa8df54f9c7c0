"""The program that copies the hub's database, run as it is: on its standard input."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "installer" / "libexec" / "copy_database.py"


def copy(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-I", "-", str(source), str(target)]
    return subprocess.run(
        words, input=PROGRAM.read_text(encoding="utf-8"), capture_output=True, text=True, check=False, timeout=60
    )


def rows(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as opened:
        return [row[0] for row in opened.execute("SELECT name FROM users ORDER BY name")]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a b%20c?.sqlite"
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE users (name TEXT PRIMARY KEY)")
        opened.executemany("INSERT INTO users VALUES (?)", [(f"{number:05}",) for number in range(5000)])
        opened.commit()
    return path


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_copy_has_what_was_committed_and_no_more(database: Path, tmp_path: Path, mode: str) -> None:
    with closing(sqlite3.connect(database)) as hub:
        hub.execute(f"PRAGMA journal_mode={mode}")
        hub.execute("INSERT INTO users VALUES ('committed')")
        hub.commit()
        hub.execute("INSERT INTO users VALUES ('not yet')")
        done = copy(database, tmp_path / "copy")
        assert (done.returncode, done.stderr) == (0, "")
        hub.commit()
    assert len(rows(tmp_path / "copy")) == 5001
    assert rows(tmp_path / "copy")[-1] == "committed"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({database.name, "copy"})


def test_a_damaged_one_is_named(database: Path, tmp_path: Path) -> None:
    data = bytearray(database.read_bytes())
    data[4096 * 3 : 4096 * 6] = b"x" * 4096 * 3
    database.write_bytes(data)
    done = copy(database, tmp_path / "copy")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "malformed" in done.stderr or "damaged" in done.stderr


def test_one_that_is_none_is_not_made(tmp_path: Path) -> None:
    done = copy(tmp_path / "nothing", tmp_path / "copy")
    assert (done.returncode, done.stderr) == (1, "unable to open database file\n")
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "text").write_text("hello " * 1000)
    assert "not a database" in copy(tmp_path / "text", tmp_path / "other").stderr
