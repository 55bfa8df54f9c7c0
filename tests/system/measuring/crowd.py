"""Many at a time: twenty people who log in within a minute, and a hub that is restarted while fifty servers run."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from installer.host.paths import HUB_DATABASE
from tests.system.machine import Machine
from tests.system.measuring import starts
from tests.system.measuring.spawn import PASSWORD, applied
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load
from tests.system.visitor import Visitor, until

KINDS = ("systemd", "sudo")
CLASS, CLASS_SECONDS = 20, 60
MANY = 50


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each kind in a machine of its own, one after the other."""
    rows: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(runs):
        for kind in KINDS:
            loads.append(load())
            with ExitStack() as stack:
                people = tuple(f"student{number}" for number in range(MANY))
                machine = applied(stack, stage.applied, kind, people)
                waits = _class_logs_in(machine, people[:CLASS])
                seconds, lost = _restart_under(machine, people)
            for what, values, unit in (
                (f"{CLASS} people log in within a minute: until one has JupyterLab", waits, "s"),
                (f"`systemctl restart jupyterhub` with {MANY} servers, until the login page comes", [seconds], "s"),
                ("servers lost by that", [lost], ""),
            ):
                rows.setdefault((what, kind, unit), []).extend(values)
    return [Row(f"{what}: `{kind}`", values, unit) for (what, kind, unit), values in sorted(rows.items())]


def _class_logs_in(machine: Machine, people: tuple[str, ...]) -> list[float]:
    """The seconds that each waits; one for whom it fails ends the measuring."""

    def one(number: int, name: str) -> float:
        time.sleep(number * CLASS_SECONDS / len(people))
        with Visitor(machine) as visitor:
            begun = time.perf_counter()
            visitor.login(name, PASSWORD)
            visitor.start_server()
            return time.perf_counter() - begun

    with ThreadPoolExecutor(len(people)) as threads:
        return list(threads.map(one, range(len(people)), people))


def _restart_under(machine: Machine, people: tuple[str, ...]) -> tuple[float, int]:
    """Seconds until the hub answers again, and how many servers of all these people's it knows no more then."""
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda name: _has_server(machine, name), people))
    before = _servers(machine)
    assert len(before) == len(people), before
    seconds = starts.seconds_until(machine, "systemctl restart jupyterhub.service", starts.OURS_ANSWERS)
    with Visitor(machine) as visitor:
        visitor.login(people[0], PASSWORD)
        until("the hub to know of the server", lambda: visitor.hub_user()["servers"][""]["ready"])
    time.sleep(40)  # each server is looked at once more in that time
    return seconds, len(before - _servers(machine)) + len(before) - _known(machine)


def _has_server(machine: Machine, name: str) -> None:
    with Visitor(machine) as visitor:
        visitor.login(name, PASSWORD)
        visitor.start_server()


def _servers(machine: Machine) -> set[str]:
    """The processes of all servers."""
    return set(machine.run(["pgrep", "--full", "bin/jupyterhub-singleuser"]).stdout.split())


def _known(machine: Machine) -> int:
    """How many servers the hub has in its database."""
    query = "SELECT count(*) FROM spawners WHERE server_id IS NOT NULL"
    code = f"import sqlite3; print(*sqlite3.connect('{HUB_DATABASE}').execute('{query}').fetchone())"
    return int(machine.run(["python3", "-c", code]).stdout)
