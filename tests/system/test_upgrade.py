"""An older release is upgraded while somebody works, its database migrated; and back. A failure changes nothing."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from installer.host import paths
from installer.resources.schemas import of_locks
from tests.system.bystander import looking_on, states
from tests.system.conftest import Applied
from tests.system.every_moment import chain
from tests.system.kernel_commands import complaint
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_installer import BY_ADMIN, JOURNAL, STATE, applying, failed, pending
from tests.system.machine_person import CHECKOUT, add_person
from tests.system.machine_process import Result
from tests.system.machine_snapshot import differences, managed
from tests.system.older_release import GENERATIONS, JUPYTERHUB, SCHEMA, check_out_newer, check_out_older, install_older
from tests.system.visitor import Visitor, member, until

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("trixie")

DATABASE = str(paths.HUB_DATABASE)
FRAGMENT = "/etc/jupyterhub/conf.d/10-own.py"
NEW = of_locks()[0]


@dataclass
class Campus:
    """A machine that the older release was installed on. bare: what `upgrade` said before there was anything."""

    machine: Machine
    bare: Result


@dataclass
class Work:
    """What somebody has begun, and goes on with. token: one that she asked for."""

    visitor: Visitor
    kernel: Kernel
    token: str

    def goes_on(self) -> None:
        """The server answers, the kernel has what was put into it, the login and the token hold."""
        until("grace's server", self.visitor.server_answers)
        assert self.visitor.kernel(self.kernel.identity).run("thesis") == "'nearly done'"
        until("the hub", lambda: self.visitor.get("/hub/health", follow=False).status_code == httpx.codes.OK)
        assert self.visitor.hub_user()["name"] == "grace"
        answer = self.visitor.get("/hub/home", follow=False)
        assert answer.status_code == httpx.codes.OK
        assert self.visitor.as_program("/hub/api/user", self.token).json()["name"] == "grace"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Campus]:
    with Machine(applied_server[0]) as machine:
        machine.run(["mv", GENERATIONS, f"{GENERATIONS}.away"])
        bare = upgrade(machine)
        machine.run(["mv", f"{GENERATIONS}.away", GENERATIONS])
        install_older(machine)
        yield Campus(machine, bare)


@pytest.fixture(scope="module")
def machine(campus: Campus) -> Machine:
    return campus.machine


@pytest.fixture(scope="module")
def work(machine: Machine) -> Iterator[Work]:
    with member(machine, "grace") as grace:
        kernel = grace.start_kernel()
        kernel.run("thesis = 'nearly done'")
        answer = grace.api("POST", "/hub/api/users/grace/tokens", {})
        yield Work(grace, kernel, answer.json()["token"])


def run(machine: Machine, *words: str) -> Result:
    """Run a command as root, whom the admin has become by sudo; whatever it comes to."""
    result = machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=300)
    assert "Traceback" not in result.output, result
    return result


def upgrade(machine: Machine, *options: str) -> Result:
    return run(machine, "upgrade", "--yes", *options)


def schema(machine: Machine) -> str:
    return asked(machine, "SELECT version_num FROM alembic_version")


def asked(machine: Machine, statement: str) -> str:
    """Ask or change the hub's database, as its account."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=20); r = c.execute(sys.argv[2]).fetchall(); "
        "c.commit(); print(*(x[0] for x in r))"
    )
    return machine.run(["python3", "-c", code, DATABASE, statement], user=paths.HUB_USER).stdout.strip()


def hub_process(machine: Machine) -> str:
    return machine.run(["systemctl", "show", "--property=MainPID", "--value", paths.HUB_UNIT]).stdout


# All that is ours and is not in an environment, which takes long to read and has an id for what is in it.
_OURS = f"/etc/jupyterhub /etc/systemd/system /etc/nginx /etc/sudoers.d /opt/jupyter/.venv /opt/jupyter/libexec {STATE}"


def written(machine: Machine) -> list[str]:
    """What is on the disk, as far as the installer writes it: modes, owners, links and contents."""
    look = f"find {_OURS} -path {STATE}/env -prune -o -not -name '*.sqlite'"
    return machine.run(
        f"({look} -printf '%p %m %u:%g %l\\n'; {look} -type f -exec sha256sum {{}} +) | sort"
    ).stdout.splitlines()


def settled(machine: Machine) -> None:
    """No journal, no half-made database, no copy lying about."""
    assert machine.run(["test", "-e", JOURNAL], check=False).code == 1
    assert machine.run(["ls", "-A", str(paths.HUB_STATE)]).stdout.split() == [paths.HUB_DATABASE.name]
    assert machine.run(["test", "-e", str(paths.DATABASE_STAGE)], check=False).code == 1


def fails_with_nothing_changed(machine: Machine, work: Work, *words: str) -> str:
    """Have a command fail while the hub's very process goes on. Returns what was said."""
    before, process, kept = written(machine), hub_process(machine), copies(machine)
    error = failed(run(machine, *words))
    assert hub_process(machine) == process
    assert written(machine) == before
    assert schema(machine) == SCHEMA
    assert copies(machine) == kept
    settled(machine)
    work.goes_on()
    return error


def copies(machine: Machine) -> list[str]:
    """The copies of the database that are kept: mode, owner and name."""
    return machine.run(f"cd {GENERATIONS} && find . -name '*.sqlite' -printf '%m %u %f\\n' | sort").stdout.splitlines()


def test_where_there_is_no_hub(campus: Campus) -> None:
    assert campus.bare.code == 1
    assert "error: nothing has been applied on this machine yet\n" in campus.bare.stderr
    assert "hint: run: sudo python3 -m installer apply\n" in campus.bare.stderr


def test_a_migration_that_fails_changes_nothing(machine: Machine, work: Work) -> None:
    """It is tried on a copy first. (The database has a column already that the migration adds.)"""
    asked(machine, "ALTER TABLE users ADD COLUMN user_info TEXT")
    process = hub_process(machine)
    # What it has built beside the old environment stays, for the next run to use.
    error = failed(upgrade(machine))
    assert hub_process(machine) == process
    assert "duplicate column name: user_info" in error
    assert "tried on a copy: the database itself is as it was, and the hub at work" in error
    assert fails_with_nothing_changed(machine, work, "apply", "--yes") == error
    asked(machine, "ALTER TABLE users DROP COLUMN user_info")


def test_a_disk_without_room_for_the_copies_changes_nothing(machine: Machine, work: Work) -> None:
    machine.run(
        f"mkdir -p /mnt/small /mnt/env && mount -t tmpfs -o size=2m tmpfs /mnt/small && mkdir /mnt/small/env && "
        f"mount --bind {STATE}/env /mnt/env && cp -a {GENERATIONS} {STATE}/*.json /mnt/small/ && "
        f"mount --bind /mnt/small {STATE} && mount --bind /mnt/env {STATE}/env && chmod 711 {STATE}"
    )
    try:
        assert f"{STATE} has " in fails_with_nothing_changed(machine, work, "upgrade", "--yes")
    finally:
        machine.run(f"umount --lazy {STATE}/env; umount --lazy {STATE}; umount --lazy /mnt/env /mnt/small")


def test_a_hub_that_fails_after_the_migration_has_its_old_database_back(machine: Machine, work: Work) -> None:
    """By itself: environment, files, and what was in the database."""
    before = written(machine)
    machine.put(
        FRAGMENT, "def refuse(spawner):\n    raise RuntimeError('no licence')\n\nc.Spawner.pre_spawn_hook = refuse\n"
    )
    error = failed(upgrade(machine))
    assert "no licence" in error
    assert "going back failed" not in error
    machine.run(["rm", FRAGMENT])
    assert schema(machine) == SCHEMA
    assert written(machine) == before
    settled(machine)
    work.goes_on()


def test_an_upgrade(machine: Machine, work: Work) -> None:
    before = written(machine)
    shown = run(machine, "upgrade", "--dry-run").stdout
    assert re.search(rf"^  jupyterhub +{re.escape(JUPYTERHUB)} -> 6\.", shown, re.MULTILINE)
    assert f"~ schema: {SCHEMA} -> {NEW}" in shown
    assert f"~ schema: {SCHEMA} -> {NEW}" in run(machine, "plan").stdout
    told = json.loads(run(machine, "upgrade", "--dry-run", "--json").stdout)
    assert told["database"] == {"before": SCHEMA, "after": NEW}
    assert told["versions"]["jupyterhub"]["before"] == JUPYTERHUB
    assert written(machine) == before

    result = upgrade(machine)
    assert result.code == 0, result
    down = re.search(r"the hub did not answer for ([0-9.]+) s", result.stdout)
    assert down, result
    assert 0 < float(down[1]) < 60
    assert re.search(rf"^  jupyterhub +{re.escape(JUPYTERHUB)} -> 6\.", result.stderr, re.MULTILINE)
    assert schema(machine) == NEW
    # One more than the run that failed has left is none: it was of the same generation.
    assert copies(machine) == [f"600 root 000001.{SCHEMA}.sqlite"]
    assert pending(machine) == ""
    settled(machine)
    work.goes_on()
    again = upgrade(machine)
    assert again.code == 0
    assert again.stdout == "Nothing to do: generation 2 is what this version of the installer makes.\n"
    assert "the hub's database migrated to" in run(machine, "generations").stdout


def test_an_older_checkout_is_refused_by_name(machine: Machine) -> None:
    before = written(machine)
    check_out_older(machine)
    for command in (["upgrade", "--yes"], ["apply", "--yes"], ["plan"]):
        result = run(machine, *command)
        assert result.code == 1, result
        assert f"{DATABASE} has the schema {NEW}, of a newer version of JupyterHub than this" in complaint(result)
    check_out_newer(machine)

    path = f"{GENERATIONS}/000002.json"
    text = machine.read(path)
    machine.put(path, json.dumps({**json.loads(text), "version": "99.0.1"}), mode="0600")
    said = complaint(upgrade(machine))
    assert "error: version 99.0.1 of the installer applied generation 2, and this is " in said
    machine.put(path, text, mode="0600")
    assert written(machine) == before


def test_back_over_the_schema(machine: Machine, work: Work) -> None:
    """Not by --yes alone; then with the copy of then, and those who came since are unknown to the hub."""
    person = add_person(machine, "linus", "the password of linus", groups=["jupyterhub-users"])
    with Visitor(machine) as linus:
        linus.login("linus", person.password or "")
        assert linus.hub_user()["name"] == "linus"
    before = written(machine)
    refused = run(machine, "rollback", "--yes")
    assert refused.code == 1
    assert "users     linus: with their tokens" in refused.stderr
    assert "the hub's database has to be replaced by its copy of " in refused.stderr
    assert "hint: if you mean that, say so: add --with-database\n" in refused.stderr
    copy = f"{GENERATIONS}/000001.{SCHEMA}.sqlite"
    machine.run(["mv", copy, f"{copy}.away"])
    gone = complaint(run(machine, "rollback", "--yes", "--with-database"))
    assert f"{DATABASE} has the schema {NEW}, of a newer version of JupyterHub than generation 1 has" in gone
    assert "and the copy from before is gone" in gone
    machine.run(["mv", f"{copy}.away", copy])
    assert written(machine) == before

    result = run(machine, "rollback", "--yes", "--with-database")
    assert result.code == 0, result
    assert "back to generation 1, and the database of then" in result.stdout
    assert schema(machine) == SCHEMA
    assert asked(machine, "SELECT name FROM users ORDER BY name") == "ada grace"
    assert copies(machine) == [f"600 root 000001.{SCHEMA}.sqlite", f"600 root 000002.{NEW}.sqlite"]
    settled(machine)
    work.goes_on()


def test_killed_while_the_hub_stands_still(machine: Machine, work: Work) -> None:
    """The hub comes up all the same, and the next upgrade goes on from there."""
    with applying(machine, ["python3", "-m", "installer", "upgrade", "--yes"]) as killed:
        killed.wait_for("start", "database:")
        killed.wait_until(
            lambda: machine.run(["systemctl", "is-active", "--quiet", paths.HUB_UNIT], check=False).code != 0,
            "the hub's end",
        )
        killed.send(signal.SIGKILL)
        assert killed.result().code == -signal.SIGKILL
    until("the hub", lambda: work.visitor.get("/hub/health", follow=False).status_code == httpx.codes.OK, 60)
    assert schema(machine) == NEW
    result = upgrade(machine)
    assert result.code == 0, result
    assert "did not come to its end; this one goes on from there" in result.stderr
    assert pending(machine) == ""
    settled(machine)
    work.goes_on()


def test_killed_at_every_moment(machine: Machine, work: Work, stride: int) -> None:
    """Each run goes on from where the one before was killed, to what an upgrade that nobody killed comes to."""
    there, newer = managed(machine), states(machine)
    assert run(machine, "rollback", "--yes", "--with-database").code == 0
    older = states(machine)
    with looking_on(machine) as seen:
        result = chain(machine, "upgrade", "--yes", stride=stride)
    assert result.kills > 3
    assert any(moment.startswith("after start change database:") for moment in result.moments), result.moments
    assert differences(there, managed(machine)) == []
    assert seen.others(older, newer) == []
    assert schema(machine) == NEW
    assert pending(machine) == ""
    settled(machine)
    work.goes_on()
