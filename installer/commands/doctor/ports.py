"""Ports: nginx and the hub listen where they should, and nobody else does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from installer.commands.doctor.finding import Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.features.site import Site
from installer.host import paths
from installer.host.process import run

AREA = "ports"
_WHOSE = {80: paths.NGINX_UNIT, 443: paths.NGINX_UNIT, paths.HUB_API_PORT: paths.HUB_UNIT}
"""Where people reach the site themselves."""


@dataclass(frozen=True)
class Listener:
    """Who listens. unit: the systemd unit that the process is in, "" where that is a person's session."""

    port: int
    program: str
    pid: int
    unit: str


def look(server: Server) -> list[Finding]:
    """Ask the kernel who listens."""
    whose = _whose(server.situation.site) if server.situation else _WHOSE
    wanted = " or ".join(f"sport = :{port}" for port in whose)
    said = run(["ss", "-H", "-l", "-t", "-n", "-p", wanted], timeout=5).stdout
    return judge(parsed(said, _unit_of), installed=server.begun, whose=whose)


def _whose(site: Site) -> dict[int, str]:
    """The ports, each with the unit that should listen there."""
    if not site.behind:
        return _WHOSE
    front = paths.NGINX_UNIT if site.has_nginx else paths.FORWARD_UNIT
    return {site.config.web.port: front, paths.HUB_API_PORT: paths.HUB_UNIT}


def parsed(said: str, unit_of: Callable[[int], str]) -> list[Listener]:
    """What ss has said, each program once a port."""
    listeners: dict[tuple[int, str], Listener] = {}
    for line in said.splitlines():
        fields = line.split()
        port = int(fields[3].rpartition(":")[2])
        for program, pid in re.findall(r'\("([^"]*)",pid=(\d+)', line) or [("a program that can't be seen", "0")]:
            listeners.setdefault((port, program), Listener(port, program, int(pid), unit_of(int(pid))))
    return list(listeners.values())


def judge(listeners: list[Listener], *, installed: bool, whose: Mapping[int, str] = _WHOSE) -> list[Finding]:
    """Judge who listens.

    installed: whether anything of ours should. whose: the ports, each with the unit that should be there.
    """
    found = []
    for port, unit in whose.items():
        here = [listener for listener in listeners if listener.port == port]
        # systemd itself holds what it hands to a service.
        handed = unit == paths.FORWARD_UNIT
        others = [listener for listener in here if listener.unit != unit and not (handed and listener.pid == 1)]
        for other in others:
            who = f"{other.program} (pid {other.pid}{', ' + other.unit if other.unit else ''})"
            what = f"port {port} is held by {who}, and is {unit}'s"
            found.append(problem(AREA, what, f"{_ended(other)} && sudo systemctl restart {unit}"))
        if not here and installed:
            found.append(problem(AREA, f"nobody listens on port {port}", f"sudo systemctl restart {unit}"))
    ports = ", ".join(map(str, whose))
    return found or [ok(AREA, f"{ports} are listened on by whom they should be" if installed else f"{ports} are free")]


def _ended(listener: Listener) -> str:
    if listener.unit:
        return f"sudo systemctl disable --now {listener.unit}"
    return f"sudo kill {listener.pid}" if listener.pid else "find it (ss -ltnp) and end it"


def _unit_of(pid: int) -> str:
    """The service that a process belongs to, as its cgroup says."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    path = next((line.partition("::")[2] for line in lines if line.startswith("0::")), "")
    services = [part for part in path.split("/") if part.endswith(".service")]
    return "" if not services or services[0].startswith("user@") else services[0]
