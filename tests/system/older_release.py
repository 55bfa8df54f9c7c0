"""An older release of the installer, for machines that are to be upgraded: its lists, and what else it did otherwise.

That is today's installer with the lists of one that had JupyterHub 5 (tests/fixtures/jupyterhub_5), whose database has
another schema; without the one setting that came later; and with what that JupyterHub needs to reach a unix socket.
"""

from __future__ import annotations

import json

from tests.system.machine import Machine
from tests.system.machine_installer import STATE
from tests.system.machine_person import CHECKOUT, REPOSITORY, copy_checkout

FIXTURE = REPOSITORY / "tests" / "fixtures" / "jupyterhub_5"
JUPYTERHUB = "5.5.4"
SCHEMA = (FIXTURE / "server.schemas").read_text().split()[0]
_LOCKS = f"{CHECKOUT}/installer/locks"
_CONFIG = "installer/hub/jupyterhub_config.py.j2"


def check_out_older(machine: Machine) -> None:
    """Make the machine's checkout one of the older release."""
    for name in ("server.txt", "server.schemas"):
        machine.put(f"{_LOCKS}/{name}", (FIXTURE / name).read_text())
    lines = (REPOSITORY / _CONFIG).read_text().splitlines(keepends=True)
    kept = "".join(line for line in lines if "auth_refresh_strict" not in line)
    machine.put(f"{CHECKOUT}/{_CONFIG}", kept + (FIXTURE / "jupyterhub_config.py.j2").read_text())


def check_out_newer(machine: Machine) -> None:
    """Make it this very checkout again."""
    copy_checkout(machine)


def forget_what_came_later(machine: Machine) -> None:
    """Have the one generation say no more than releases did that knew nothing of schemas."""
    path = f"{STATE}/generations/000001.json"
    said = json.loads(machine.read(path))
    said["resources"] = [each for each in said["resources"] if each["kind"] != "database"]
    del said["version"]
    machine.put(path, json.dumps({**said, "format": 1}), mode="0600")
