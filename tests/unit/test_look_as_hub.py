"""What the hub's account sees of its own state: really run, on a database and a proxy made for it."""

from __future__ import annotations

import json
import socketserver
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from installer.commands.doctor.hub_state import Seen
from installer.features.templates import CHECKOUT

PROGRAM = (CHECKOUT / "installer" / "libexec" / "look_as_hub.py").read_text(encoding="utf-8")
SCHEMA = """
CREATE TABLE alembic_version (version_num VARCHAR(32));
CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR);
CREATE TABLE servers (id INTEGER PRIMARY KEY, port INTEGER);
CREATE TABLE spawners (id INTEGER PRIMARY KEY, user_id INTEGER, server_id INTEGER, name VARCHAR, state TEXT);
INSERT INTO alembic_version VALUES ('b2');
INSERT INTO users VALUES (1, 'ada'), (2, 'grace');
INSERT INTO servers VALUES (5, 4711);
INSERT INTO spawners VALUES (1, 1, 5, '', '{"pid": 77, "born": 3}'), (2, 2, NULL, '', '{}');
"""


class Proxy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "token secret" and self.path == "/api/routes"
        body = json.dumps({"/": {"hub": True, "target": "http://127.0.0.1:281"}}).encode()
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(body if known else b"no")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def address_string(self) -> str:
        return ""


def seen(database: Path, socket: Path, token: str = "secret") -> Seen:  # noqa: S107 - of the test's own proxy
    words = [sys.executable, "-I", "-c", PROGRAM, str(database), str(socket)]
    done = subprocess.run(words, input=f"{token}\n", capture_output=True, text=True, check=True, timeout=60)
    return Seen.model_validate_json(done.stdout)


def made(directory: Path) -> Path:
    file = directory / "hub.sqlite"
    line = sqlite3.connect(file)
    line.executescript(SCHEMA)
    line.close()
    return file


def test_database_and_routes(tmp_path: Path) -> None:
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "api.sock"), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        found = seen(made(tmp_path), tmp_path / "api.sock")
        refused = seen(tmp_path / "hub.sqlite", tmp_path / "api.sock", "wrong")
        proxy.shutdown()
    assert found.database is not None
    assert found.database.schema_version == "b2"
    assert not found.database.damage
    assert [(each.user, each.pid, each.port) for each in found.database.servers] == [("ada", 77, 4711)]
    assert found.routes is not None
    assert found.routes["/"].target == "http://127.0.0.1:281"
    assert found.routes["/"].user == ""
    assert refused.routes is None
    assert "403" in refused.routes_trouble
    assert refused.database is not None


def test_what_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    missing = seen(tmp_path / "hub.sqlite", tmp_path / "api.sock")
    assert missing.database is not None
    assert missing.database.missing
    assert missing.routes is None
    assert missing.routes_trouble
    (tmp_path / "hub.sqlite").write_text("this is no database, however long it is\n" * 100)
    assert "not a database" in seen(tmp_path / "hub.sqlite", tmp_path / "api.sock").database_trouble


def test_nothing_is_written(tmp_path: Path) -> None:
    file = made(tmp_path)
    before = file.read_bytes()
    seen(file, tmp_path / "api.sock")
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"hub.sqlite"}
