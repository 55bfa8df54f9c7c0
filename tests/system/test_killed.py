"""kill -9 at every moment: the next run goes on from there, to what a run that nobody killed comes to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from installer.host import paths
from tests.system.bystander import Seen, looking_on, states
from tests.system.conftest import Applied, Boot
from tests.system.every_moment import chain
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import JOURNAL, STATE, apply_as_root, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.machine_process import Result
from tests.system.machine_snapshot import differences, managed
from tests.system.visitor import Visitor, member, until

SELFTEST_HOME = "/home/jupyterhub-selftest"
APPLY = ("apply", "--yes")
ROLLBACK = ("rollback", "--yes")

# Some of everything: files, units with their services, the nginx site, an account; and on the way back, removals.
OTHER = f"""\
hub:
  base_url: /jupyter/
  admin_users: [ada, grace]
culler:
  timeout: 2h
notify:
  command: /usr/local/bin/tell
{NO_KERNELS}"""


# --- a first apply ----------------------------------------------------------------------------------


# The engine is the same everywhere; each suite has its share of the long tests.
@pytest.mark.only_on("bookworm")
def test_a_first_apply(server: Layer, applied: Machine, boot: Boot, stride: int) -> None:
    machine = boot(server)
    machine.run(["python3", "-m", "installer", "plan"], cwd=CHECKOUT, timeout=300)
    with looking_on(machine) as seen:
        result = chain(machine, *APPLY, stride=stride)
    assert "did not come to its end; this one goes on from there" in result.stderr
    assert result.kills >= len(result.moments) // stride - 1
    assert sum(moment.startswith("after start ") for moment in result.moments) > 80
    assert differences(managed(applied), managed(machine)) == []
    # Killed between the two, a key is made anew with its certificate.
    drawn = (str(paths.SITE_KEY), str(paths.SITE_CERTIFICATE))
    assert [each for each in seen.others(states(machine)) if not each.startswith(drawn)] == []
    settled(machine)


# --- a change, and the way back ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        machine.put("/usr/local/bin/tell", "#!/bin/sh\n", mode="0755")
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    """A member at work."""
    with member(campus, "grace") as visitor:
        yield visitor


@pytest.mark.only_on("trixie")
def test_a_change_and_the_way_back(campus: Machine, grace: Visitor, stride: int) -> None:
    """The hub that was up stays up, as it was or as it will be, and so does what a member has at work."""
    kernel = grace.start_kernel()
    kernel.run("thesis = 'nearly done'")
    with looking_on(campus) as undisturbed:
        campus.put(CONFIG, OTHER)
        assert apply_as_root(campus).ok
        there, other_files = managed(campus), states(campus)
        assert rollback(campus).ok
    here, files = managed(campus), states(campus)
    assert undisturbed.others(files, other_files) == []
    before = numbers(campus)
    campus.put(CONFIG, OTHER)
    with looking_on(campus) as seen:
        chain(campus, *APPLY, stride=stride)
    stayed_up(seen, undisturbed)
    assert differences(there, managed(campus)) == []
    assert seen.others(files, other_files) == []
    settled(campus)
    with looking_on(campus) as seen:
        chain(campus, *ROLLBACK, stride=stride)
    stayed_up(seen, undisturbed)
    assert differences(here, managed(campus)) == []
    assert seen.others(files, other_files) == []
    assert campus.read(CONFIG) == NO_KERNELS
    assert numbers(campus) == [*before, before[-1] + 1, before[-1] + 2]
    settled(campus)
    until("grace's server", grace.server_answers)
    assert grace.kernel(kernel.identity).run("thesis") == "'nearly done'"


def numbers(machine: Machine) -> list[int]:
    """The generations."""
    return [int(name.partition(".")[0]) for name in machine.run(f"ls {STATE}/generations").stdout.split()]


def rollback(machine: Machine) -> Result:
    return machine.run(["python3", "-m", "installer", *ROLLBACK], cwd=CHECKOUT, check=False, timeout=120)


def stayed_up(seen: Seen, undisturbed: Seen) -> None:
    """The hub was away no longer, each time that it was, than a restart of it takes."""
    once = max(undisturbed.down)
    assert max(seen.down, default=0.0) < 2 * once + 5, (seen.down, undisturbed.down)


def settled(machine: Machine) -> None:
    """Nothing of the killed runs is left: no change, no journal, no half-written file, no throw-away member."""
    assert pending(machine) == ""
    assert machine.run(["test", "-e", JOURNAL], check=False).code == 1
    places = f"/etc /opt/jupyter/libexec {paths.VENV} {STATE}/generations {STATE}/found.json {STATE}/left.json"
    assert machine.run(f"find {places} -name '.*.new'").stdout == ""
    assert machine.run(["test", "-e", SELFTEST_HOME], check=False).code == 1
    assert machine.run(f"find {paths.SERVER_REVISIONS} -mindepth 1 -maxdepth 1 | wc -l").stdout == "1\n"
    assert machine.run("systemctl --failed --no-legend").stdout == ""
