"""plan, diff and status tell the truth, change nothing, and show no secret; a second apply has nothing to do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, CHECKOUT, apply, sudo
from tests.system.machine_process import Result
from tests.system.visitor import Visitor

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("bookworm")

UNITS = (
    "jupyterhub.service", "jupyterhub-proxy.service", "jupyterhub-culler.service", "nginx.service",
    "jupyterhub-pam.socket", "jupyterhub-password.socket", "jupyterhub-sudo.socket", "jupyterhub-adopt.socket",
    "jupyterhub-certificate.timer",
)  # fmt: skip
SECRETS = "/etc/jupyterhub/secrets"

# Written all the time: logs, systemd's and sudo's own notes, the running hub's database, the installer's own bytecode,
# and what the distribution's own timers do at midnight.
NOISE = (
    "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/lib/systemd", "/var/lib/sudo",
    "/var/lib/sudo-rs", "/var/lib/jupyterhub", "/var/lib/jupyterhub-installer/env",
    "/var/backups", "/var/lib/logrotate", "/var/cache/man",
)  # fmt: skip

# What somebody does by hand, and what the installer calls the thing.
BY_HAND = {
    "site:/etc/nginx/conf.d/jupyterhub.conf": "echo '# mine' >> /etc/nginx/conf.d/jupyterhub.conf",
    "unit:/etc/systemd/system/jupyterhub-culler.service": (
        "sed -i s/^RestartSec=.*/RestartSec=99/ /etc/systemd/system/jupyterhub-culler.service"
    ),
    "file:/etc/sudoers.d/jupyterhub": "chmod 400 /etc/sudoers.d/jupyterhub",
    "file:/opt/jupyter/libexec/jupyterhub-pam": "rm /opt/jupyter/libexec/jupyterhub-pam",
    "file:/etc/jupyterhub/jupyterhub_config.py": "chown daemon /etc/jupyterhub/jupyterhub_config.py",
    "directory:/etc/jupyterhub/conf.d": "chmod 777 /etc/jupyterhub/conf.d",
    "secret:/etc/jupyterhub/secrets/culler_token": f"chmod 644 {SECRETS}/culler_token",
    "secret:/etc/jupyterhub/secrets/installer_token": f"truncate --size=0 {SECRETS}/installer_token",
    "link:/opt/jupyter/.venv": "ln --symbolic --force --no-dereference /usr /opt/jupyter/.venv",
    "service:jupyterhub-adopt.socket": "systemctl stop jupyterhub-adopt.socket",
    "service:jupyterhub-proxy.service": "systemctl disable jupyterhub-proxy.service",
    "account:jupyterhub-proxy": "usermod --shell /bin/bash jupyterhub-proxy",
    "membership:ada in jupyterhub-users": f"gpasswd --delete {ADMIN.name} jupyterhub-users",
}

# What an admin has beside ours: another site, settings of the hub, a drop-in, notes.
FOREIGN = {
    "/etc/nginx/conf.d/other.conf": "server { listen 8090; location / { return 200 'not yours\\n'; } }\n",
    "/etc/jupyterhub/conf.d/50-mine.py": "c.Spawner.notebook_dir = '~'\n",
    "/etc/jupyterhub/notes.txt": "ask Grace\n",
    "/etc/systemd/system/jupyterhub.service.d/mine.conf": "[Service]\nEnvironment=MINE=1\n",
    "/etc/systemd/system/backup.service": "[Service]\nExecStart=/bin/true\n",
}


def installer(machine: Machine, *words: str, check: bool = True) -> Result:
    return sudo(machine, ADMIN, ["python3", "-m", "installer", *words], cwd=CHECKOUT, check=check, timeout=300)


def loaded(result: Result) -> dict[str, Any]:
    return dict(json.loads(result.stdout))


def changes(result: Result) -> dict[str, str]:
    """What each change in a plan does, by its key."""
    return {change["key"]: change["action"] for change in loaded(result)["changes"]}


def snapshot(machine: Machine) -> set[str]:
    """Every file with its inode and the times of its last change, in content or in anything else."""
    pruned = [word for path in NOISE for word in ("-path", path, "-o")][:-1]
    seen = "%p %y %i %m %u %g %s %T@ %C@ %l\\n"
    words = ["find", "/", "(", *pruned, ")", "-prune", "-o", "-printf", seen]
    return set(machine.run(words, timeout=120).stdout.splitlines())


def running(machine: Machine) -> dict[str, str]:
    """Which start of each unit this is."""
    shown = "--property=InvocationID,MainPID,ActiveEnterTimestampMonotonic,StateChangeTimestampMonotonic"
    return {unit: machine.run(["systemctl", "show", shown, unit]).stdout for unit in UNITS}


@dataclass(frozen=True)
class History:
    """A server's way: as it came, planned, applied."""

    machine: Machine
    fresh: set[str]
    after_plan: set[str]
    plan: Result
    plan_json: Result
    status: Result
    diff: Result
    applied: Result


@pytest.fixture(scope="module")
def history(server: Layer) -> Iterator[History]:
    with Machine(server) as machine:
        # Prepares the installer's own environment, and nothing else.
        installer(machine, "config", "show")
        yield History(
            machine=machine,
            fresh=snapshot(machine),
            plan=installer(machine, "plan"),
            plan_json=installer(machine, "plan", "--json", "--exit-code", check=False),
            status=installer(machine, "status", "--json", check=False),
            diff=installer(machine, "diff", check=False),
            after_plan=snapshot(machine),
            applied=apply(machine, ADMIN, "--json"),
        )


# --- a fresh server ----------------------------------------------------------------------------------


def test_looking_changes_nothing(history: History) -> None:
    """plan, status and diff on a fresh server: no file made, changed or touched."""
    assert history.after_plan ^ history.fresh == set()


def test_plan_is_what_apply_then_does(history: History) -> None:
    planned = changes(history.plan_json)
    assert len(planned) > 40
    assert changes(history.applied) == planned
    assert history.plan_json.code == 4


def test_plan_reads_like_terraforms(history: History) -> None:
    lines = history.plan.stdout.splitlines()
    planned = changes(history.plan_json)
    for key in planned:
        assert f"+ {key} will be created" in lines or f"~ {key} will be changed" in lines, key
    assert lines[-1] == f"Plan: {list(planned.values()).count('create')} to create, " + (
        f"{list(planned.values()).count('change')} to change, 0 to remove."
    )
    assert "      +c.JupyterHub.spawner_class = MemberSpawner" in lines


def test_status_of_a_fresh_server(history: History) -> None:
    status = loaded(history.status)
    assert (history.status.code, status["healthy"], status["generation"]) == (3, False, None)
    assert {component["state"] for component in status["components"]} == {"pending"}


def test_diff_before_the_first_apply(history: History) -> None:
    assert history.diff.code == 1
    assert "nothing has been applied on this machine yet" in history.diff.stderr
    assert "sudo python3 -m installer apply" in history.diff.stderr


def test_apply_answers_programs(history: History) -> None:
    said = loaded(history.applied)
    assert (said["generation"], said["url"]) == (1, "https://campus.example.org/")


# --- a second apply ----------------------------------------------------------------------------------


def test_second_apply_does_nothing(history: History) -> None:
    """Says so, changes no inode anywhere, restarts nothing, and counts no generation."""
    machine = history.machine
    files, units = snapshot(machine), running(machine)
    said = apply(machine, ADMIN)
    assert said.stdout.strip() == "Nothing to do: the host is as the config asks."
    assert snapshot(machine) ^ files == set()
    assert running(machine) == units
    assert loaded(installer(machine, "status", "--json"))["generation"] == 1


def test_everything_agrees_that_nothing_is_to_do(history: History) -> None:
    machine = history.machine
    assert changes(installer(machine, "plan", "--json", "--exit-code")) == {}
    assert changes(installer(machine, "diff", "--json")) == {}
    assert "Nothing was changed by hand" in installer(machine, "diff").stdout
    assert changes(apply(machine, ADMIN, "--json")) == {}
    status = loaded(installer(machine, "status", "--json"))
    assert status["healthy"] is True
    assert {component["state"] for component in status["components"]} == {"healthy"}
    assert {unit["name"]: unit["active"] for unit in status["units"]} == dict.fromkeys(UNITS, "active")
    text = installer(machine, "status").stdout
    assert "https://campus.example.org/  answers" in text
    for component in status["components"]:
        assert component["name"] in text


def test_a_reboot_leaves_nothing_to_do(history: History) -> None:
    history.machine.reboot()
    assert changes(installer(history.machine, "plan", "--json")) == {}


def test_a_new_wish_is_planned_alone(history: History) -> None:
    """Not as drift: nobody changed anything by hand."""
    machine = history.machine
    machine.put("/etc/jupyterhub/installer.yaml", "culler: {timeout: 2h}\nkernels: []\n")
    planned = loaded(installer(machine, "plan", "--json"))["changes"]
    keys = ["file:/etc/jupyterhub/culler.json", "service:jupyterhub-culler.service"]
    assert [(change["key"], change["action"], change["drifted"]) for change in planned] == [
        (key, "change", False) for key in keys
    ]
    assert '"timeout": 7200' in "\n".join(planned[0]["diff"])
    status = loaded(installer(machine, "status", "--json", check=False))
    assert {c["name"]: c["state"] for c in status["components"] if c["state"] != "healthy"} == {"culler": "pending"}
    assert changes(installer(machine, "diff", "--json")) == {}
    units = running(machine)
    apply(machine, ADMIN)
    assert {unit for unit, now in running(machine).items() if now != units[unit]} == {"jupyterhub-culler.service"}


# --- drift -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drifted:
    """What was seen of changes by hand, before they were set back."""

    plan: Result
    plan_json: Result
    diff: Result
    diff_json: Result
    status: Result
    status_json: Result
    dry_run: Result
    changed_by_looking: set[str]
    secrets: list[str]


def contents(machine: Machine) -> str:
    """Checksums and modes of all that is ours, but for the one secret that has to be made anew."""
    etc = "/etc/jupyterhub /etc/nginx/conf.d/jupyterhub.conf /etc/systemd/system/jupyter* /etc/sudoers.d"
    files = f"find {etc} /opt/jupyter/libexec -type f ! -name installer_token | sort"
    return machine.run(f"{files} | xargs sha256sum; {files} | xargs stat --format='%n %a %U %G'").stdout


@pytest.fixture(scope="module")
def drifted(history: History) -> Drifted:
    """Everything in BY_HAND is done, looked at in every way, and set back by one apply."""
    machine = history.machine
    before = contents(machine)
    machine.run("; ".join(BY_HAND.values()))
    files = snapshot(machine)
    seen = Drifted(
        plan=installer(machine, "plan"),
        plan_json=installer(machine, "plan", "--json"),
        diff=installer(machine, "diff"),
        diff_json=installer(machine, "diff", "--json"),
        status=installer(machine, "status", check=False),
        status_json=installer(machine, "status", "--json", check=False),
        dry_run=apply(machine, ADMIN, "--dry-run"),
        changed_by_looking=snapshot(machine) ^ files,
        secrets=machine.run(f"for f in {SECRETS}/*; do head -n 2 $f | tail -n 1; done").stdout.split(),
    )
    apply(machine, ADMIN)
    assert contents(machine) == before
    return seen


@pytest.mark.parametrize("key", BY_HAND)
def test_drift_is_seen_and_named(drifted: Drifted, key: str) -> None:
    for result in (drifted.plan_json, drifted.diff_json):
        change = next(change for change in loaded(result)["changes"] if change["key"] == key)
        assert change["drifted"] is True
        assert change["before"] != change["after"]
    for text in (drifted.plan.stdout, drifted.diff.stdout, drifted.dry_run.stdout):
        head = next(line for line in text.splitlines() if f" {key} " in line)
        assert head.endswith("(changed by hand since the last apply)")
    findings = [finding for c in loaded(drifted.status_json)["components"] for finding in c["findings"]]
    assert [finding for finding in findings if finding.startswith(key)] != []
    assert f"      {key}" in drifted.status.stdout


def test_drift_shows_what_was_changed(drifted: Drifted) -> None:
    for text in (drifted.plan.stdout, drifted.diff.stdout):
        assert "      -# mine" in text
        assert "      -RestartSec=99" in text
        assert "    ~ mode: 0777 -> 0755" in text
        assert "    ~ shell: /bin/bash -> /usr/sbin/nologin" in text


def test_status_tells_drifted_from_healthy(drifted: Drifted) -> None:
    status = loaded(drifted.status_json)
    states = {component["name"]: component["state"] for component in status["components"]}
    assert states["tls"] == "healthy"
    assert states["web"] == states["admin"] == states["spawning"] == "drifted"
    assert (drifted.status.code, drifted.status_json.code, status["healthy"]) == (3, 3, False)


def test_looking_at_drift_changes_nothing(drifted: Drifted) -> None:
    assert drifted.changed_by_looking == set()


def test_no_secret_is_shown(drifted: Drifted) -> None:
    assert len(drifted.secrets) >= 5
    for result in (drifted.plan, drifted.plan_json, drifted.diff, drifted.diff_json, drifted.status, drifted.dry_run):
        assert [secret for secret in drifted.secrets if secret in result.output] == []


@pytest.mark.usefixtures("drifted")
def test_apply_sets_drift_back(history: History) -> None:
    machine = history.machine
    assert changes(installer(machine, "plan", "--json")) == {}
    assert loaded(installer(machine, "status", "--json"))["healthy"] is True
    with Visitor(machine) as visitor:
        assert visitor.login(ADMIN.name, ADMIN.password or "").status_code == httpx.codes.FOUND
        visitor.start_server()


# --- what isn't ours ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("drifted")
def test_what_is_not_ours_is_left_alone(history: History) -> None:
    """Files beside ours keep content, inode and times through an apply with work in each directory; the site serves."""
    machine = history.machine
    for path, text in FOREIGN.items():
        machine.put(path, text)
    machine.run("systemctl daemon-reload && systemctl reload nginx.service")
    stat = ["stat", "--format=%n %i %a %U %G %s %y %z", *FOREIGN]
    before = machine.run(stat).stdout
    assert other_site(machine) == "not yours\n"

    machine.run("; ".join(BY_HAND.values()))
    apply(machine, ADMIN)
    assert machine.run(stat).stdout == before
    assert other_site(machine) == "not yours\n"
    for path in FOREIGN:
        assert path not in installer(machine, "plan").stdout
    assert apply(machine, ADMIN).stdout.strip() == "Nothing to do: the host is as the config asks."
    environment = machine.run(["systemctl", "show", "--property=Environment", "jupyterhub.service"]).stdout
    assert "MINE=1" in environment


def other_site(machine: Machine) -> str:
    fetch = ["curl", "--silent", "--show-error", "--fail", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"]
    return subprocess.run(
        [*fetch, f"http://{machine.address}:8090/"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
