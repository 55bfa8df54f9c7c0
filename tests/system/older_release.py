"""An older release of the installer, for machines that are to be upgraded: its lists, and what else it did otherwise.

That is today's installer with the lists of one that had JupyterHub 5 (tests/fixtures/jupyterhub_5), whose database has
another schema; without the one setting and the one class that came later; and with what that JupyterHub needs to reach
a unix socket.
"""

from __future__ import annotations

import json

from installer.host import paths
from tests.system.machine import Machine
from tests.system.machine_installer import STATE, apply_as_root
from tests.system.machine_person import CHECKOUT, REPOSITORY, copy_checkout

FIXTURE = REPOSITORY / "tests" / "fixtures" / "jupyterhub_5"
JUPYTERHUB = "5.5.4"
SCHEMA = (FIXTURE / "server.schemas").read_text().split()[0]
GENERATIONS = f"{STATE}/generations"
_LOCKS = f"{CHECKOUT}/installer/locks"
_CONFIG = "installer/hub/jupyterhub_config.py.j2"
_HOMES = "installer/hub/home_trouble.py"


def check_out_older(machine: Machine) -> None:
    """Make the machine's checkout one of the older release."""
    for name in ("server.txt", "server.schemas"):
        machine.put(f"{_LOCKS}/{name}", (FIXTURE / name).read_text())
    lines = (REPOSITORY / _CONFIG).read_text().splitlines(keepends=True)
    kept = "".join(line for line in lines if "auth_refresh_strict" not in line)
    machine.put(f"{CHECKOUT}/{_CONFIG}", kept + (FIXTURE / "jupyterhub_config.py.j2").read_text())
    later = "from jupyterhub.spawner import SpawnException"
    homes = (REPOSITORY / _HOMES).read_text()
    assert later in homes
    machine.put(f"{CHECKOUT}/{_HOMES}", homes.replace(later, "from tornado.web import HTTPError as SpawnException"))


def check_out_newer(machine: Machine) -> None:
    """Make it this very checkout again."""
    copy_checkout(machine)


def install_older(machine: Machine) -> None:
    """Make a machine that was applied one that the older release was installed on, and nothing else ever.

    What is dear and the same comes from the apply before: packages, downloads, the installer's own environment.
    """
    check_out_older(machine)
    machine.run(["systemctl", "stop", paths.HUB_UNIT])
    machine.run(["rm", str(paths.HUB_DATABASE)])
    result = apply_as_root(machine)
    assert result.ok, result
    newer = machine.run(f"ls -d {paths.SERVER_REVISIONS}/* | grep -v $(readlink -f {paths.VENV})").stdout.split()
    machine.run(["rm", "-r", *newer, f"{GENERATIONS}/000001.json"])
    said = json.loads(machine.read(f"{GENERATIONS}/000002.json"))
    # Releases that knew nothing of schemas wrote no more than this.
    said["resources"] = [each for each in said["resources"] if each["kind"] != "database"]
    del said["version"]
    machine.run(["rm", f"{GENERATIONS}/000002.json"])
    machine.put(f"{GENERATIONS}/000001.json", json.dumps({**said, "format": 1, "number": 1}), mode="0600")
    check_out_newer(machine)
