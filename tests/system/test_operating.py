"""Nothing is lost by operating it: restarts, kills, a reboot; and logs are where an admin looks."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator

import pytest
import websocket

from installer.host.paths import HUB_API_PORT
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, add_person
from tests.system.visitor import Visitor, until

HUB, PROXY, CULLER = "jupyterhub.service", "jupyterhub-proxy.service", "jupyterhub-culler.service"
UNITS = (
    HUB,
    PROXY,
    CULLER,
    "nginx.service",
    "jupyterhub-pam.socket",
    "jupyterhub-password.socket",
    "jupyterhub-sudo.socket",
    "jupyterhub-adopt.socket",
)
GRACE = "grace"
PASSWORD = "a fine password"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        # How often the hub looks whether servers are alive; thirty seconds are long for a test.
        machine.put("/etc/jupyterhub/conf.d/50-poll.py", "c.Spawner.poll_interval = 1\n")
        machine.run(["systemctl", "restart", HUB])
        add_person(machine, GRACE, PASSWORD, groups=["jupyterhub-users"])
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    """A member at work: her server runs."""
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.start_server()
        yield visitor


@pytest.fixture(scope="module")
def work(grace: Visitor) -> str:
    """The kernel in which she has set a variable."""
    kernel = grace.start_kernel()
    kernel.run("thesis = 'nearly done'")
    kernel.close()
    return kernel.identity


def main_pid(machine: Machine, unit: str) -> int:
    return int(machine.run(["systemctl", "show", "--property=MainPID", "--value", unit]).stdout)


def restarts(machine: Machine, unit: str) -> int:
    return int(machine.run(["systemctl", "show", "--property=NRestarts", "--value", unit]).stdout)


def server_pid(machine: Machine, name: str) -> int:
    return int(machine.run(["pgrep", "--full", "--oldest", "--uid", name, "jupyterhub-singleuser"]).stdout)


def cgroup(machine: Machine, pid: int) -> str:
    """Where a process is in the one hierarchy that systemd uses (a host may have older ones beside it)."""
    lines = machine.read(f"/proc/{pid}/cgroup").splitlines()
    return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))


def still_there(visitor: Visitor, identity: str) -> bool:
    kernel = visitor.kernel(identity)
    try:
        return kernel.run("thesis") == "'nearly done'"
    finally:
        kernel.close()


def test_hub_restart_loses_nothing(campus: Machine, grace: Visitor, work: str) -> None:
    """Server and kernel go on, an open connection is not even interrupted, and the new hub knows the server."""
    hub, server = main_pid(campus, HUB), server_pid(campus, GRACE)
    connected = grace.kernel(work)
    campus.run(["systemctl", "restart", HUB])
    assert main_pid(campus, HUB) != hub
    assert server_pid(campus, GRACE) == server
    assert connected.run("thesis") == "'nearly done'"
    connected.close()
    assert grace.server_answers()
    assert still_there(grace, work)
    with Visitor(campus) as visitor:
        visitor.login(ADMIN.name, ADMIN.password or "")
        known = visitor.api("GET", f"/hub/api/users/{GRACE}").json()
    assert known["servers"][""]["ready"] is True


def test_hub_restart_keeps_logins(campus: Machine, grace: Visitor) -> None:
    campus.run(["systemctl", "restart", HUB])
    assert grace.hub_user()["name"] == GRACE


def test_server_is_stopped_through_a_restarted_hub(campus: Machine) -> None:
    """The hub that is up after a restart can end what the one before it started, and start it anew."""
    person = add_person(campus, "henry", PASSWORD, groups=["jupyterhub-users"])
    with Visitor(campus) as visitor:
        visitor.login(person.name, PASSWORD)
        visitor.start_server()
        first = server_pid(campus, person.name)
        campus.run(["systemctl", "restart", HUB])
        assert visitor.api("DELETE", f"/hub/api/users/{person.name}/server").status_code in {202, 204}
        until("the server to be gone", lambda: not visitor.hub_user()["servers"])
        assert not campus.run(["test", "-e", f"/proc/{first}"], check=False).ok
        visitor.start_server()
        assert server_pid(campus, person.name) != first


def test_proxy_restart_brings_routes_back_within_a_second(campus: Machine, grace: Visitor, work: str) -> None:
    server = server_pid(campus, GRACE)
    took = []
    for _ in range(3):
        campus.run(["systemctl", "restart", PROXY])
        restarted = time.monotonic()
        until("the route", grace.server_answers)
        took.append(time.monotonic() - restarted)
    assert statistics.median(took) < 1, took
    assert server_pid(campus, GRACE) == server
    assert still_there(grace, work)


def test_refused_websocket_holds_up_nobody(campus: Machine, grace: Visitor, work: str) -> None:
    """A proxy without routes refuses an open page that tries to reconnect; whoever comes next is served as ever."""
    campus.run(["systemctl", "stop", HUB])
    campus.run(["systemctl", "restart", PROXY])
    for _ in range(5):
        with pytest.raises(websocket.WebSocketBadStatusException):
            grace.kernel(work)
    campus.run(["systemctl", "start", HUB])
    until("the route", grace.server_answers)
    for _ in range(40):
        assert grace.server_answers()


def test_killed_proxy_comes_back(campus: Machine, grace: Visitor, work: str) -> None:
    proxy = main_pid(campus, PROXY)
    campus.run(["systemctl", "kill", "--signal=KILL", PROXY])
    until("another proxy", lambda: main_pid(campus, PROXY) not in {0, proxy})
    until("the route", grace.server_answers)
    assert still_there(grace, work)


def test_killed_hub_comes_back(campus: Machine, grace: Visitor, work: str) -> None:
    hub = main_pid(campus, HUB)
    campus.run(["systemctl", "kill", "--signal=KILL", HUB])
    until("another hub", lambda: main_pid(campus, HUB) not in {0, hub} and is_active(campus, HUB))
    assert grace.hub_user()["name"] == GRACE
    assert still_there(grace, work)


@pytest.mark.parametrize("unit", [HUB, PROXY])
def test_start_returns_when_it_answers(campus: Machine, grace: Visitor, unit: str) -> None:
    """The very next command finds it answering: no second try, no waiting."""
    ask = {
        HUB: f"curl --silent --fail --output /dev/null http://127.0.0.1:{HUB_API_PORT}/hub/health",
        PROXY: "curl --silent --output /dev/null --unix-socket /run/jupyterhub-proxy/http.sock http://localhost/",
    }
    campus.run(["systemctl", "stop", unit])
    assert not campus.run(ask[unit], check=False).ok
    campus.run(f"systemctl start {unit} && {ask[unit]}")
    until("the route", grace.server_answers)


def test_nothing_is_shared_with_the_hub(campus: Machine, grace: Visitor, work: str) -> None:
    """The kernel ends all of a cgroup, or names its unit as failed: so a notebook and the hub are never in one."""
    kernel = grace.kernel(work)
    own = cgroup(campus, int(kernel.run("import os; print(os.getpid())")))
    kernel.close()
    uid = campus.run(["id", "--user", GRACE]).stdout.strip()
    assert re.fullmatch(rf"/jupyterusers\.slice/jupyterusers-{uid}\.slice/jupyter-{GRACE}-\d+\.scope", own)
    assert cgroup(campus, server_pid(campus, GRACE)) == own
    hubs = campus.run(["systemctl", "show", "--property=ControlGroup", "--value", HUB]).stdout.strip()
    inside = campus.read(f"/sys/fs/cgroup{hubs}/cgroup.procs").split()
    assert inside == [str(main_pid(campus, HUB))]


@pytest.mark.parametrize("unit", [HUB, PROXY])
def test_memory_is_taken_from_notebooks_first(campus: Machine, grace: Visitor, work: str, unit: str) -> None:
    """As systemd is told; containers that the tests run in may not lower the score of a process."""
    kernel = grace.kernel(work)
    notebook = int(kernel.run("print(open('/proc/self/oom_score_adj').read())"))
    kernel.close()
    assert int(campus.run(["systemctl", "show", "--property=OOMScoreAdjust", "--value", unit]).stdout) < notebook


def test_killed_notebook_takes_nobody_along(campus: Machine, grace: Visitor) -> None:
    """As the kernel does it when memory is short: SIGKILL for a notebook, then for all of a server."""
    before = {unit: (main_pid(campus, unit), restarts(campus, unit)) for unit in (HUB, PROXY, CULLER)}
    server = server_pid(campus, GRACE)
    kernel = grace.start_kernel()
    pid = int(kernel.run("import os; print(os.getpid())"))
    kernel.close()
    campus.run(["kill", "-KILL", str(pid)])
    until("the kernel's end", lambda: not campus.run(["test", "-e", f"/proc/{pid}"], check=False).ok)
    assert server_pid(campus, GRACE) == server
    assert grace.server_answers()

    person = add_person(campus, "irene", PASSWORD, groups=["jupyterhub-users"])
    with Visitor(campus) as visitor:
        visitor.login(person.name, PASSWORD)
        visitor.start_server()
        campus.run(
            ["systemctl", "kill", "--signal=KILL", cgroup(campus, server_pid(campus, person.name)).split("/")[-1]]
        )
        until("the hub to see it", lambda: not visitor.hub_user()["servers"])
        visitor.start_server()
    after = {unit: (main_pid(campus, unit), restarts(campus, unit)) for unit in (HUB, PROXY, CULLER)}
    assert after == before
    assert still_failed(campus) == ""


def test_logs_are_where_an_admin_looks(campus: Machine, grace: Visitor) -> None:
    def said(*options: str) -> str:
        return campus.run(["journalctl", "--no-pager", "--output=cat", *options]).stdout

    assert f"User logged in: {GRACE}" in said("--unit=jupyterhub")
    assert "jupyter" in said("--unit=jupyterhub-proxy").lower()
    assert "looking every 5m for servers whose time is up" in said("--unit=jupyterhub-culler")
    scope = cgroup(campus, server_pid(campus, GRACE)).split("/")[-1]
    for options in ([f"--unit={scope}"], ["--unit=jupyter-grace-*.scope"], [f"--identifier=jupyter-{GRACE}"]):
        assert "Serving notebooks from local directory: /home/grace" in said(*options)
    assert "Serving notebooks" not in said("--unit=jupyterhub")
    assert f"Jupyter server of {GRACE}" in campus.run(["systemctl", "status", "--no-pager", scope]).stdout


def test_refused_login_is_in_the_log_with_its_reason(campus: Machine) -> None:
    add_person(campus, "eve", PASSWORD)
    with Visitor(campus) as visitor:
        visitor.login("eve", PASSWORD)
    assert ": 'eve': not a member of jupyterhub-users" in campus.journal("--unit=jupyterhub")


def test_memory_of_the_whole(campus: Machine, grace: Visitor, work: str) -> None:
    """Everything with a user at work, shared pages counted once, under 1.5 GB."""
    assert still_there(grace, work)
    total = campus.run("cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'").stdout
    assert 100_000 < int(total) < 1_500_000


def test_reboot_brings_everything_up(campus: Machine, grace: Visitor) -> None:
    """By itself, without a failed unit; who was logged in still is, and starts the server again."""
    assert still_failed(campus) == ""
    campus.reboot()
    for unit in UNITS:
        assert campus.run(["systemctl", "is-active", unit], check=False).stdout.strip() == "active", unit
    until("the hub through nginx", lambda: grace.get("/hub/health").is_success)
    assert grace.hub_user()["name"] == GRACE
    grace.start_server()
    assert grace.start_kernel().run("1 + 1") == "2"
    assert still_failed(campus) == ""


def is_active(machine: Machine, unit: str) -> bool:
    return machine.run(["systemctl", "is-active", unit], check=False).ok


def still_failed(machine: Machine) -> str:
    return machine.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout
