"""What the hub's account sees of the hub's own state: its database, the proxy's routes. Read-only, standard library.

Root doesn't open what the hub can write (it could be a link, or a database made to be opened): this is run as the hub's
account. The proxy's token comes on standard input, the answer goes to standard output, as JSON.

usage: python -I -c THIS DATABASE PROXY_API_SOCKET
"""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import sys
from pathlib import Path

PATIENCE = 2.0


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def database(path: str) -> dict[str, object]:
    """Whether the database is sound, its schema, and the servers that it says run."""
    if not Path(path).exists():
        return {"missing": True}
    line = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)
    try:
        said = [row[0] for row in line.execute("PRAGMA quick_check(5)")]
        orphans = line.execute("PRAGMA foreign_key_check").fetchmany(5)
        schema = [row[0] for row in line.execute("SELECT version_num FROM alembic_version")]
        rows = line.execute(
            "SELECT users.name, spawners.name, spawners.state, servers.port FROM spawners "
            "JOIN users ON users.id = spawners.user_id JOIN servers ON servers.id = spawners.server_id"
        ).fetchall()
    finally:
        line.close()
    servers = [
        {"user": user, "server": server or "", "pid": json.loads(state or "{}").get("pid"), "port": port}
        for user, server, state, port in rows
    ]
    return {
        "damage": [] if said == ["ok"] else said,
        "orphans": len(orphans),
        "schema_version": schema[0] if schema else "",
        "servers": servers,
    }


def routes(path: str, token: str) -> dict[str, object]:
    """What the proxy leads where."""
    connection = Connection(path)
    try:
        connection.request("GET", "/api/routes", headers={"Authorization": f"token {token}"})
        answer = connection.getresponse()
        text = answer.read(1 << 24)
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise OSError(f"the proxy answered {answer.status}")
    return {
        path: {"user": str(route.get("user", "")), "target": str(route.get("target", ""))}
        for path, route in json.loads(text).items()
    }


def main() -> None:
    """Look at both; one that can't be looked at keeps the other from nothing."""
    token = sys.stdin.readline().strip()
    found: dict[str, object] = {"database": None, "routes": None, "database_trouble": "", "routes_trouble": ""}
    try:
        found["database"] = database(sys.argv[1])
    except (sqlite3.Error, OSError, ValueError) as error:
        found["database_trouble"] = f"{error}"
    try:
        found["routes"] = routes(sys.argv[2], token)
    except (OSError, ValueError, http.client.HTTPException) as error:
        found["routes_trouble"] = f"{error}"
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
