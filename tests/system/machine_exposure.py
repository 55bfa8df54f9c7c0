"""How open to attack systemd reckons a unit."""

from __future__ import annotations

from tests.system.machine import Machine


def exposure(machine: Machine, unit: str) -> float:
    """The figure that `systemd-analyze security` ends with, from 0 to 10."""
    said = machine.run(["systemd-analyze", "security", "--no-pager", unit], check=False).stdout.strip()
    return float(said.splitlines()[-1].rpartition(": ")[2].split()[0])
