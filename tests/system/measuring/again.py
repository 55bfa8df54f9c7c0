"""Commands on a server that is as its config asks: nothing to do, and how soon they say so."""

from __future__ import annotations

from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, CHECKOUT, apply
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

COMMANDS = ("apply", "plan", "status")


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each in turn, as root: seconds on the wall, and of a processor."""
    wall: dict[str, list[float]] = {command: [] for command in COMMANDS}
    processor: dict[str, list[float]] = {command: [] for command in COMMANDS}
    with Machine(stage.applied) as machine:
        apply(machine, ADMIN)  # its address is another one than that of the machine which was applied
        for _ in range(runs):
            for command in COMMANDS:
                loads.append(load())
                real, user, system = _time(machine, command)
                wall[command].append(real)
                processor[command].append(user + system)
    rows = [Row(f"`python3 -m installer {command}`, nothing to do", wall[command]) for command in COMMANDS]
    return rows + [Row(f"processor time of `installer {command}`", processor[command]) for command in COMMANDS]


def _time(machine: Machine, command: str) -> tuple[float, float, float]:
    # Without sudo, whose check of the password is slow on purpose.
    done = machine.run(f"TIMEFORMAT='%R %U %S'; time python3 -m installer {command}", cwd=CHECKOUT)
    if command != "status" and "Nothing to do" not in done.stdout:
        raise AssertionError(f"there was something to do: {done}")
    real, user, system = map(float, done.stderr.splitlines()[-1].split())
    return real, user, system
