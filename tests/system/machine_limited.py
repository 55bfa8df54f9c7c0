"""A server with people and limits, for machines with a kernel of their own, in which those are kept to (machine_vm)."""

from __future__ import annotations

from tests.system.machine import Machine
from tests.system.machine_host import VM_PACKAGES, install_packages
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CONFIG, NO_KERNELS, Person, add_person
from tests.system.machine_vm import add_ssh

SLOW = 180.0
"""Seconds that something may take in there which takes one elsewhere."""
MEMORY_MB, TASKS = 400, 150
SPAWNERS = {"bookworm": "sudo", "trixie": "systemd"}
"""Who starts people's servers, by suite."""
LIMITED = f"""\
{NO_KERNELS}limits:
  default: {{memory: {MEMORY_MB}M, tasks: {TASKS}}}
  groups: {{slow: {{cpu: 0.5}}}}
  total: {{memory: 1G}}
"""
GREEDY, MODEST, CAPPED = (Person(name, f"the password of {name}") for name in ("greedy", "modest", "capped"))
"""Members; who is capped is in the group slow."""


def prepare(machine: Machine, suite: str) -> None:
    """Limit an applied server, and have it answer by ssh."""
    install_packages(VM_PACKAGES)
    machine.run("groupadd slow")
    for person in (GREEDY, MODEST, CAPPED):
        add_person(machine, person.name, person.password, groups=["jupyterhub-users"])
    machine.run(["gpasswd", "--add", CAPPED.name, "slow"])
    machine.put(CONFIG, f"spawner: {{kind: {SPAWNERS[suite]}}}\n{LIMITED}")
    changed = apply_as_root(machine)
    assert changed.ok, changed
    add_ssh(machine)
