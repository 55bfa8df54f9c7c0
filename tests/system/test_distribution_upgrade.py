"""A release upgrade of Debian takes the system's Python away: that is noticed, and one apply mends it."""

from __future__ import annotations

import json

import pytest

from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import ADMIN, CHECKOUT
from tests.system.visitor import Visitor

# From Debian 12 to 13, Python 3.11 to 3.13.
pytestmark = pytest.mark.only_on("bookworm")

UPGRADE = """
export DEBIAN_FRONTEND=noninteractive
sed -i 's/bookworm/trixie/g' $(grep --recursive --files-with-matches bookworm /etc/apt/sources.list*)
apt-get --quiet update
for what in full-upgrade 'autoremove --purge'; do
    apt-get --quiet --yes --option Dpkg::Options::=--force-confold $what
done
"""


def test_the_next_apply_mends_what_it_broke(applied_clone: Machine) -> None:
    machine = applied_clone
    with Visitor(machine) as visitor:
        visitor.login(ADMIN.name, str(ADMIN.password))
        cookies = visitor.cookies()
    machine.run(UPGRADE, timeout=900)
    machine.reboot(degraded=True)
    assert machine.run("command -v python3.11", check=False).code == 1
    status = machine.run("python3 -m installer status", cwd=CHECKOUT, check=False, timeout=300)
    assert status.code == 3
    assert "bin/python does not run: /usr/bin/python3.11 is gone" in status.stdout + status.stderr
    doctor = machine.run("python3 -m installer doctor --json", cwd=CHECKOUT, check=False, timeout=300)
    told = [each for each in json.loads(doctor.stdout)["findings"] if "/usr/bin/python3.11 is gone" in each["what"]]
    assert [each["mend"] for each in told] == ["sudo python3 -m installer apply"]
    assert apply_as_root(machine).ok
    with Visitor(machine) as visitor:
        visitor.resume(ADMIN.name, cookies)
        visitor.start_server()
        kernel = visitor.start_kernel("python3")
        assert kernel.execute("import sys; print(sys.version_info[:2])").text("stdout") == "(3, 13)\n"
    assert machine.run("python3 -m installer status", cwd=CHECKOUT).ok
    assert machine.run("systemctl --failed --no-legend").stdout == ""
