"""Back to an earlier generation: all is as it was then, people work on, and what can't be done is refused at once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from installer.commands.pruning import KEPT
from installer.host import paths
from tests.system import tiny_channel
from tests.system.conftest import Applied
from tests.system.kernel_commands import complaint, current, kernel, revisions
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_installer import BY_ADMIN, STATE, apply_as_root, applying, failed, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.machine_process import Result
from tests.system.machine_snapshot import differences, managed
from tests.system.visitor import Visitor, member, until

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("sid")

GENERATIONS = f"{STATE}/generations"
FRAGMENT = "/etc/jupyterhub/conf.d/10-own.py"
DATABASE = f"{paths.HUB_STATE}/jupyterhub.sqlite"
OTHER = f"# ours\nhub:\n  base_url: /jupyter/\nculler:\n  timeout: 2h\n{NO_KERNELS}"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    """A member at work."""
    with member(campus, "grace") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def thesis(grace: Visitor) -> Kernel:
    """The kernel in which she has set a variable."""
    kernel = grace.start_kernel()
    kernel.run("thesis = 'nearly done'")
    return kernel


def run(machine: Machine, *words: str) -> Result:
    """Run a command as root, whom the admin has become by sudo; whatever it comes to."""
    result = machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=300)
    assert "Traceback" not in result.output, result
    return result


def listed(machine: Machine) -> list[dict[str, Any]]:
    """The generations, as programs see them."""
    return list(json.loads(run(machine, "generations", "--json").stdout)["generations"])


def newest(machine: Machine) -> int:
    return int(listed(machine)[-1]["number"])


def apply_with(machine: Machine, config: str) -> int:
    """Apply a config, and return the number of the generation that comes of it."""
    machine.put(CONFIG, config)
    result = apply_as_root(machine)
    assert result.ok, result
    return newest(machine)


def database(machine: Machine, statement: str) -> None:
    """Change the hub's database, as its account."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    machine.run(["python3", "-c", code, DATABASE, statement], user=paths.HUB_USER)


def test_back_to_the_one_before(campus: Machine, grace: Visitor, thesis: Kernel) -> None:
    """Every managed file, mode, owner, account and unit; the config's text; and a member's work goes on."""
    before, text, first = managed(campus), campus.read(CONFIG), newest(campus)
    second = apply_with(campus, OTHER)
    changed = managed(campus)
    assert differences(before, changed) != []

    shown = run(campus, "diff", str(first)).stdout
    assert "      +  base_url: /jupyter/" in shown
    assert "~ unit:/etc/systemd/system/jupyterhub-culler.service changed" in shown
    assert "~ file:/etc/jupyterhub/culler.json changed" in shown
    assert '"timeout": 7200' in shown
    assert json.loads(run(campus, "diff", str(second), str(first), "--json").stdout)["counts"]["change"] == 4
    assert "      -  base_url: /jupyter/" in run(campus, "rollback", "--dry-run").stdout
    assert (managed(campus), newest(campus)) == (changed, second)

    result = run(campus, "rollback", "--yes")
    assert result.code == 0, result
    assert f"back to generation {first}" in result.stdout
    assert "This version of the installer" not in result.stdout
    assert differences(before, managed(campus)) == []
    assert campus.read(CONFIG) == text
    assert pending(campus) == ""
    assert run(campus, "status").code == 0
    one_before, last = listed(campus)[-2:]
    assert (last["number"], last["summary"], last["current"]) == (second + 1, f"back to generation {first}", True)
    assert one_before["summary"].startswith("hub.base_url default -> /jupyter/; culler.timeout default -> 2h (")
    until("grace's server", grace.server_answers)
    assert grace.kernel(thesis.identity).run("thesis") == "'nearly done'"

    # And forth again; a text that was never applied isn't lost.
    campus.put(CONFIG, f"# half an idea\n{text}")
    assert run(campus, "rollback", "--yes").code == 0
    assert campus.read(CONFIG) == OTHER
    assert campus.read(f"{CONFIG}.not-applied") == f"# half an idea\n{text}"
    campus.run(["rm", f"{CONFIG}.not-applied"])
    assert differences(changed, managed(campus)) == []
    assert (
        f"Nothing to do: the host is as it was in generation {second}." in run(campus, "rollback", str(second)).stdout
    )


def test_a_return_that_fails_is_undone(campus: Machine) -> None:
    """With the reason, out of the journal."""
    before, text = managed(campus), campus.read(CONFIG)
    campus.put(
        FRAGMENT, "def refuse(spawner):\n    raise RuntimeError('no licence')\n\nc.Spawner.pre_spawn_hook = refuse\n"
    )
    error = failed(run(campus, "rollback", "--yes"))
    assert "a member's server didn't start" in error
    assert "no licence" in error
    campus.run(["rm", FRAGMENT])
    assert campus.read(CONFIG) == text
    assert differences(before, managed(campus)) == []


def test_killed_on_the_way(campus: Machine, grace: Visitor, thesis: Kernel) -> None:
    """The same command goes on to where it was going."""
    with applying(campus, ["python3", "-m", "installer", "rollback", "--yes"]) as killed:
        killed.wait_for("done", "file:/etc/jupyterhub/jupyterhub_config.py")
        killed.send(signal.SIGKILL)
        assert killed.result().code == -signal.SIGKILL
    result = run(campus, "rollback", "--yes")
    assert result.code == 0, result
    assert "did not come to its end; this one goes on from there" in result.stderr
    assert campus.read(CONFIG) == NO_KERNELS
    assert pending(campus) == ""
    until("grace's server", grace.server_answers)
    assert grace.kernel(thesis.identity).run("thesis") == "'nearly done'"


def test_another_version_of_the_installer_and_its_kernels(campus: Machine, grace: Visitor, thesis: Kernel) -> None:
    """Its server environment is built beside the old one; then back is a matter of seconds."""
    tiny_channel.put(campus)
    first = apply_with(campus, f"channels: [{tiny_channel.ADDRESS}]\nkernels: [tiny]\n")
    before, was = managed(campus), current(campus, "tiny")

    campus.run("cp -a installer/hub installer/kept-hub; echo '# newer' >> installer/hub/redact.py", cwd=CHECKOUT)
    apply_with(campus, OTHER)
    assert "; server environment " in listed(campus)[-1]["summary"]
    assert "- kernel:tiny removed" in run(campus, "diff", str(first)).stdout

    result = run(campus, "rollback", "--yes")
    assert result.code == 0, result
    assert current(campus, "tiny") == was
    # What was built since stays; and this version says that it would do otherwise.
    assert "This version of the installer isn't the one that made" in result.stdout
    assert f"link:{paths.VENV} will be changed" in pending(campus)
    assert [line for line in differences(before, managed(campus)) if "/opt/jupyter/revisions/server/" not in line] == []
    campus.run("rm -r installer/hub; mv installer/kept-hub installer/hub", cwd=CHECKOUT)
    assert pending(campus) == ""
    until("grace's server", grace.server_answers)
    assert grace.kernel(thesis.identity).run("thesis") == "'nearly done'"

    # A kernel that was removed by name, and so for good, can't be had back.
    kernel(campus, "remove", "tiny")
    assert revisions(campus, "tiny") == set()
    error = failed(run(campus, "rollback", "--yes"))
    assert (
        f"generation {newest(campus) - 1} can't be returned to, since the kernel 'tiny' at {was} isn't there" in error
    )


@contextmanager
def edited(machine: Machine, number: int, edit: Callable[[str], str]) -> Iterator[str]:
    """Have a generation's file say something else for a while; gives its path."""
    path = f"{GENERATIONS}/{number:06}.json"
    text = machine.read(path)
    machine.put(path, edit(text), mode="0600")
    yield path
    machine.put(path, text, mode="0600")


def test_what_is_refused_changes_nothing(campus: Machine) -> None:
    number = newest(campus)
    before, text = managed(campus), campus.read(CONFIG)

    def refused(*words: str) -> str:
        result = run(campus, *words)
        assert result.code in {1, 2}, result
        assert result.stdout == ""
        return complaint(result)

    assert "error: there is no generation 999\n" in refused("rollback", "999")
    assert "error: 'one' is not a generation's number\n" in refused("rollback", "one")
    assert "error: there is no generation 999\n" in refused("diff", "1", "999")
    for edit, wrong in (
        (lambda text: text[: len(text) // 2], "can't be read: "),
        (lambda text: text.replace('"format": 2', '"format": 3'), "newer version"),
        (lambda text: text.replace('"kind": "unit"', '"kind": "moon"'), "moon"),
    ):
        with edited(campus, 1, edit) as path:
            said = refused("rollback", "1")
            assert path in said
            assert wrong in said

    environment = str(campus.run(["realpath", str(paths.VENV)]).stdout.strip())
    campus.run(["mv", environment, f"{environment}.away"])
    assert f"server environment {environment} isn't there any more" in refused("rollback", "1")
    campus.run(["mv", f"{environment}.away", environment])

    campus.run(["install", "--owner=jupyter", "--mode=600", DATABASE, f"{DATABASE}.copy"])
    database(campus, "UPDATE alembic_version SET version_num = 'f00dfeedbeef'")
    try:
        said = refused("rollback", "1")
        assert "has the schema f00dfeedbeef, of a newer version of JupyterHub" in said
        assert "and the copy from before is gone" in said
    finally:
        campus.run(["mv", f"{DATABASE}.copy", DATABASE])
        campus.run(["systemctl", "restart", "jupyterhub.service"])

    campus.run(f"mount --bind {STATE} {STATE} && mount -o remount,bind,ro {STATE}")
    try:
        assert f"{STATE} can't be written: Read-only file system" in refused("rollback", "1", "--yes")
    finally:
        campus.run(["umount", "--lazy", STATE])

    assert (newest(campus), campus.read(CONFIG)) == (number, text)
    assert differences(before, managed(campus)) == []


# Many generations of long ago, and server environments of theirs.
_AGES = """
import json, os, pathlib, sys
generations, environments, many = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
numbers = sorted(int(path.stem) for path in generations.iterdir())
model = json.loads((generations / f"{numbers[0]:06}.json").read_text())
left = json.loads((generations.parent / "left.json").read_text())
for number in numbers:
    moved = {**json.loads((generations / f"{number:06}.json").read_text()), "number": number + many}
    (generations / f"{number + many:06}.json").write_text(json.dumps(moved))
for number in range(1, many + 1):
    old = f"{number:012x}"
    resources = [
        {**each, "path": f"{environments}/{old}"} if each["kind"] == "environment" else each
        for each in model["resources"]
    ]
    text = json.dumps({**model, "number": number, "at": "2001-01-01T00:00:00Z", "resources": resources})
    (generations / f"{number:06}.json").write_text(text)
    (environments / old / "bin").mkdir(parents=True)
    (environments / old / ".complete").write_text(old + "\\n")
    os.utime(environments / old, (1e9, 1e9))
    left += [each for each in resources if each["kind"] == "environment"]
(generations.parent / "left.json").write_text(json.dumps(left))
"""


def test_what_is_too_old_goes(campus: Machine) -> None:
    """By count and age, with the environments that only it used; but for one that a process works in."""
    first, many = newest(campus), 30
    there = campus.run(["ls", str(paths.SERVER_REVISIONS)]).stdout.split()
    campus.run(["python3", "-c", _AGES, GENERATIONS, str(paths.SERVER_REVISIONS), str(many)])
    campus.run(
        ["systemd-run", "--unit=works", f"--working-directory={paths.SERVER_REVISIONS}/{1:012x}", "sleep", "900"]
    )
    last = apply_with(campus, OTHER)
    assert last == first + many + 1
    # Ours of today are young, and stay however many they are; of the old ones, as many as make up the number.
    numbers = [each["number"] for each in listed(campus)]
    old = max(KEPT - (first + 1), 0)
    assert numbers == list(range(many - old + 1, last + 1))
    expected = {f"{number:012x}" for number in (1, *range(many - old + 1, many + 1))}
    assert set(campus.run(["ls", str(paths.SERVER_REVISIONS)]).stdout.split()) == {*there, *expected}
    left = {each["path"] for each in json.loads(campus.read(f"{STATE}/left.json")) if each["kind"] == "environment"}
    assert {f"{paths.SERVER_REVISIONS}/{revision}" for revision in expected} <= left
    assert f"{paths.SERVER_REVISIONS}/{2:012x}" not in left
