"""The hub's own state, seen through the hub's account: its database, and the proxy's routes beside what runs."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths, systemd
from installer.host.errors import Problem
from installer.host.process import run
from installer.host.system_python import system_python
from installer.resources import schemas

DATABASE, ROUTES = "database", "routes"
_FILE = paths.HUB_STATE / "jupyterhub.sqlite"
_PROGRAM = Path(__file__).parents[2] / "libexec" / "look_as_hub.py"
_LONGEST_START = 300.0
_RESTART_HUB = f"sudo systemctl restart {paths.HUB_UNIT}"


class RunningServer(BaseModel):
    """A server that the database says runs."""

    user: str
    server: str
    pid: int | None
    port: int | None


class Database(BaseModel):
    """What is in it. orphans: rows that belong to nothing."""

    missing: bool = False
    damage: tuple[str, ...] = ()
    orphans: int = 0
    schema_version: str = ""
    servers: tuple[RunningServer, ...] = ()


class Route(BaseModel):
    """Where the proxy leads a path, and for whom ("" for the hub itself)."""

    user: str
    target: str


class Seen(BaseModel):
    """What the program has said."""

    database: Database | None
    routes: dict[str, Route] | None
    database_trouble: str
    routes_trouble: str


@dataclass(frozen=True)
class Alive:
    """What of the servers is there.

    pids: processes that live. ports: those that somebody listens on. units: every server's scope or service, with the
    id of the process that it was made for and the seconds that it is there.
    """

    pids: frozenset[int]
    ports: frozenset[int]
    units: tuple[tuple[str, int, float], ...] = ()


def look(server: Server) -> list[Finding]:
    """Have the hub's account look, and compare it with what runs."""
    seen = _seen()
    known = schemas.of_environment(server.known.site.revision_path)
    return [*judge_database(seen, known), *judge_routes(seen, _alive(seen), server.known.site.config.hub.base_url)]


def judge_database(seen: Seen, known: Sequence[str]) -> list[Finding]:
    """Judge the database. known: the versions of its schema that this JupyterHub knows, none where that isn't known."""
    database = seen.database
    if database is None:
        what = f"{_FILE} can't be read: {seen.database_trouble}"
        return [problem(DATABASE, what, _from_a_backup())]
    if database.missing:
        return [problem(DATABASE, f"{_FILE} is missing; the hub makes an empty one when it starts", _RESTART_HUB)]
    found = []
    if database.damage:
        found.append(problem(DATABASE, f"{_FILE} is damaged: {database.damage[0]}", _from_a_backup()))
    if database.orphans:
        what = f"{_FILE} has rows that belong to nothing"
        found.append(
            warning(DATABASE, what, f"harmless in themselves; where the hub complains of them: {_from_a_backup()}")
        )
    if known and database.schema_version not in known:
        what = f"{_FILE} was written by another JupyterHub (schema {database.schema_version or 'unknown'})"
        found.append(problem(DATABASE, what, f"use the installer that wrote it, or the newest one: {APPLY}"))
    return found or [ok(DATABASE, f"sound; {len(database.servers)} servers run by it")]


def judge_routes(seen: Seen, alive: Alive, base_url: str) -> list[Finding]:
    """Judge the routes: each leads to a server that runs, and each server that runs has one."""
    if seen.routes is None:
        what = f"the proxy can't be asked for its routes: {seen.routes_trouble}"
        return [problem(ROUTES, what, f"sudo systemctl restart {paths.PROXY_UNIT}")]
    found = []
    if base_url not in {f"{path.rstrip('/')}/" for path in seen.routes}:
        found.append(problem(ROUTES, f"the proxy has no route to the hub ({base_url})", _RESTART_HUB))
    servers = seen.database.servers if seen.database else ()
    running = {server.user for server in servers}
    if seen.database is not None:
        for path, route in sorted(seen.routes.items()):
            if route.user and route.user not in running:
                what = f"the proxy leads {path} to {route.target}, and {route.user} has no server"
                found.append(
                    warning(ROUTES, what, f"have all routes made anew: sudo systemctl restart {paths.PROXY_UNIT}")
                )
    routed = {route.user for route in seen.routes.values()}
    for server in servers:
        if server.pid not in alive.pids:
            what = f"the hub's database says that {server.user}'s server runs (process {server.pid}), and it doesn't"
            found.append(warning(ROUTES, what, f"it sees that by itself within a minute; or: {_RESTART_HUB}"))
        elif server.port not in alive.ports:
            what = f"{server.user}'s server (process {server.pid}) does not listen on its port {server.port}"
            found.append(warning(ROUTES, what, f"have the hub look again: {_RESTART_HUB}"))
        elif server.user not in routed:
            what = f"{server.user}'s server runs, and the proxy has no route to it"
            found.append(problem(ROUTES, what, _RESTART_HUB))
    known = {server.pid for server in servers}
    for unit, pid, seconds in alive.units:
        # One that is starting isn't in the database yet.
        if seen.database is not None and pid in alive.pids and pid not in known and seconds > _LONGEST_START:
            what = f"a server runs that the hub does not know (process {pid}): nobody can reach or stop it from there"
            found.append(warning(ROUTES, what, f"sudo systemctl stop {shlex.quote(unit)}"))
    return found or [ok(ROUTES, f"{len(seen.routes)} routes, each to a server that runs")]


def _from_a_backup() -> str:
    moved = f"sudo mv {_FILE} {_FILE}.damaged"
    return f"put a copy of it back, or begin with an empty one: {moved} && {_RESTART_HUB}"


def _seen() -> Seen:
    token = paths.PROXY_AUTH_TOKEN.read_text(encoding="ascii").strip()
    # As text: the hub's account can't read a checkout in somebody's closed home.
    program = _PROGRAM.read_text(encoding="utf-8")
    words = [str(system_python()), "-I", "-c", program, str(_FILE), str(paths.PROXY_API_SOCKET)]
    done = run(words, stdin=f"{token}\n", user=paths.HUB_USER, timeout=8)
    try:
        return Seen.model_validate_json(done.stdout)
    except ValidationError as error:
        raise Problem("what the hub's account sees of its state can't be understood", APPLY, str(error)) from error


def _alive(seen: Seen) -> Alive:
    servers = seen.database.servers if seen.database else ()
    units = _units()
    wanted = {server.pid for server in servers if server.pid} | {pid for _, pid, _ in units}
    pids = frozenset(pid for pid in wanted if Path(f"/proc/{pid}").is_dir())
    if not pids:
        return Alive(pids, frozenset())
    said = run(["ss", "-H", "-l", "-t", "-n"], timeout=5).stdout
    ports = (line.split()[3].rpartition(":")[2] for line in said.splitlines())
    return Alive(pids, frozenset(int(port) for port in ports if port.isdigit()), units)


def _units() -> tuple[tuple[str, int, float], ...]:
    properties = "--property=Id,MainPID,ActiveEnterTimestampMonotonic"
    shown = run(["systemctl", "show", properties, "--", *systemd.SERVERS], timeout=5).stdout
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    found = []
    for block in shown.strip().split("\n\n"):
        fields = dict(line.partition("=")[::2] for line in block.splitlines())
        unit = fields.get("Id", "")
        named = re.fullmatch(r"jupyter-.+-(\d+)\.scope", unit)
        pid = int(named[1] if named is not None else fields.get("MainPID") or 0)
        if pid:
            began = int(fields.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
            found.append((unit, pid, now - began))
    return tuple(found)
