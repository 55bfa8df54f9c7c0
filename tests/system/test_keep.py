"""apply --keep: what somebody has changed by hand stays, now and later, until the config says otherwise."""

from __future__ import annotations

import json

import pytest

from installer.host import paths
from tests.system.kernel_commands import complaint
from tests.system.machine import Machine
from tests.system.machine_installer import BY_ADMIN, JOURNAL, apply_as_root, failed, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.machine_process import Result
from tests.system.machine_snapshot import differences, managed
from tests.system.visitor import Visitor

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("sid")

SITE, PAM, SLICE = str(paths.NGINX_SITE), str(paths.PAM_SERVICE), str(paths.UNITS / paths.USERS_SLICE)
FRAGMENT = "/etc/jupyterhub/conf.d/10-own.py"
TEXT = f"# The campus's hub.\n{NO_KERNELS}"
BROKEN = "def refuse(spawner):\n    raise RuntimeError('no licence server')\n\nc.Spawner.pre_spawn_hook = refuse\n"


def run(machine: Machine, *words: str) -> Result:
    result = machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=120)
    assert "Traceback" not in result.output, result
    return result


def test_what_is_kept_stays_and_what_is_not_is_set_back(applied_clone: Machine) -> None:
    machine = applied_clone
    machine.put(CONFIG, TEXT)
    # It has another address than the one that it was installed on.
    assert apply_as_root(machine).ok
    untouched = managed(machine)
    machine.run(f"sed -i '0,/add_header/s//add_header X-Campus yes always;\\n    add_header/' {SITE}")
    machine.run(f"rm {SLICE}; chmod 0600 {PAM}; chmod 0777 {paths.CONF_D}; systemctl daemon-reload")
    site = machine.read(SITE)
    assert "X-Campus" in site

    # What security rests on is not kept, and nothing is done about the rest either.
    before = managed(machine)
    result = run(machine, "apply", "--yes", "--keep", SITE, "--keep", str(paths.SUDOERS))
    assert (result.code, result.stdout) == (2, "")
    assert complaint(result).startswith(f"error: --keep {paths.SUDOERS}: not a file that can be kept\n")
    assert "systemctl edit" in complaint(run(machine, "apply", "--keep", str(paths.UNITS / paths.HUB_UNIT)))
    assert (differences(before, managed(machine)), machine.read(CONFIG)) == ([], TEXT)
    shown = run(machine, "apply", "--dry-run", "--keep", SITE).stdout
    assert f"      +  - {SITE}" in shown
    assert f"= site:{SITE} is kept as it was changed by hand" in shown
    assert machine.read(CONFIG) == TEXT

    result = apply_as_root(machine, "--keep", SITE, "--keep", SLICE)
    assert result.ok, result
    assert machine.read(CONFIG) == f"{TEXT}keep:\n  - {SITE}\n  - {SLICE}\n"
    assert machine.read(SITE) == site
    other = [line.partition(":")[0] for line in differences(untouched, managed(machine))]
    assert other == [CONFIG, SITE, SLICE, f"unit file {paths.USERS_SLICE}"]
    with Visitor(machine) as visitor:
        assert visitor.get("/hub/login").headers["X-Campus"] == "yes"

    # Nothing disagrees about it.
    assert pending(machine) == "" or "Nothing to do" in pending(machine)
    plan = json.loads(run(machine, "plan", "--json").stdout)
    assert (plan["changes"], [each["key"] for each in plan["kept"]]) == ([], [f"unit:{SLICE}", f"site:{SITE}"])
    assert run(machine, "plan", "--exit-code").code == 0
    status = run(machine, "status")
    assert status.code == 0, status
    assert f"site:{SITE} is kept as it was changed by hand" in status.stdout
    shown = run(machine, "diff").stdout
    assert "X-Campus" in shown
    assert "Nothing else was changed by hand since the last apply." in shown

    # Later ones leave it too, also one that fails and is undone.
    machine.put(FRAGMENT, BROKEN)
    assert "no licence server" in failed(apply_as_root(machine))
    assert machine.run(["test", "-e", JOURNAL], check=False).code == 1
    machine.run(["rm", FRAGMENT])
    machine.run(f"echo '# more of ours' >> {SITE}")
    machine.put(CONFIG, f"culler:\n  timeout: 2h\n{machine.read(CONFIG)}")
    assert apply_as_root(machine).ok
    assert machine.read(SITE) == f"{site}# more of ours\n"
    assert machine.run(["test", "-e", SLICE], check=False).code == 1

    # Until the config says otherwise.
    machine.put(CONFIG, TEXT)
    assert f"~ site:{SITE} will be changed  (changed by hand since the last apply)" in run(machine, "plan").stdout
    assert apply_as_root(machine).ok
    assert differences(untouched, managed(machine)) == []
