"""A hub that crashes and is started again is told of also by a systemd to which that is no failure."""

from __future__ import annotations

from functools import partial

import pytest

from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CONFIG, NO_KERNELS
from tests.system.visitor import until

# Its systemd is 252; 254 was the first that counts it.
pytestmark = pytest.mark.only_on("bookworm")

HOOK = "/usr/local/bin/notify-failed"


def test_by_the_configured_command(applied_clone: Machine) -> None:
    machine = applied_clone
    machine.put(HOOK, "#!/bin/sh\nlogger --tag told\n", mode="0755")
    machine.put(CONFIG, f"{NO_KERNELS}notify: {{command: {HOOK}}}\n")
    assert apply_as_root(machine).ok
    for unit in ("jupyterhub", "jupyterhub-proxy", "jupyterhub-culler"):
        machine.run(f"systemctl restart {unit}")
        assert f"{unit}.service" not in told(machine)
        machine.run(f"systemctl kill --signal=KILL {unit}")
        until(f"the hook to be told of {unit}", partial(is_told_of, machine, unit))
        machine.run(f"for i in $(seq 60); do systemctl is-active {unit} && exit 0; sleep 1; done; exit 1", timeout=90)


def is_told_of(machine: Machine, unit: str) -> bool:
    """Whether the hook was told of a unit."""
    return f"{unit}.service" in told(machine)


def told(machine: Machine) -> str:
    """What the hook was told."""
    return machine.run(["journalctl", "--identifier=told", "--output=cat", "--no-pager"]).stdout
