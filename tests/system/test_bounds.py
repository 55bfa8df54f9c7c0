"""What each account of the hub can do, and what it can't; and that no secret gets out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from installer.host.paths import HUB_API_PORT
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, add_person, apply
from tests.system.machine_process import Result
from tests.system.visitor import Visitor, until

HUB = "jupyter"
GRACE, EVE = "grace", "eve"
PASSWORD = "a very fine password 4711"
SPAWNER = "/opt/jupyter/.venv/bin/sudospawner-mediator"
SECRETS = "/etc/jupyterhub/secrets"
TALK = """if True:
    import socket, sys
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(sys.argv[1])
        connection.sendall(sys.argv[2].encode())
        print(connection.makefile().readline())
"""


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """A hub with a member at work and a person who is none; its culler looks every two seconds."""
    with Machine(applied_server[0]) as machine:
        add_person(machine, GRACE, PASSWORD, groups=["jupyterhub-users"])
        add_person(machine, EVE, PASSWORD)
        machine.put("/etc/jupyterhub/installer.yaml", "culler:\n  every: 2s\nkernels: []\n")
        apply(machine, ADMIN)
        with Visitor(machine) as visitor:
            visitor.login(GRACE, PASSWORD)
            visitor.start_server()
            visitor.start_kernel().run("1 + 1")
        yield machine


def sudo_as_hub(machine: Machine, *words: str) -> Result:
    return machine.run(["sudo", "-n", *words], user=HUB, check=False)


def talk(machine: Machine, user: str, socket: str, message: str = "") -> Result:
    return machine.run(["python3", "-c", TALK, socket, message], user=user, cwd="/", check=False)


def ask_sudo_helper(machine: Machine, user: str, request: dict[str, object] | None = None) -> dict[str, object]:
    question = {"user": user, "request": request or {"action": "kill", "pid": 1, "signal": 0}}
    said = talk(machine, HUB, "/run/jupyterhub-sudo.sock", json.dumps(question) + "\n")
    return dict(json.loads(said.stdout))


# --- sudo ------------------------------------------------------------------------------------------


def test_hub_may_start_servers_as_members(campus: Machine) -> None:
    assert sudo_as_hub(campus, "-u", GRACE, SPAWNER, "--help").ok
    assert sudo_as_hub(campus, "-H", "-u", ADMIN.name, SPAWNER, "--help").ok


@pytest.mark.parametrize(
    "words",
    [
        ["id"],
        [SPAWNER, "--help"],
        ["-i"],
        ["-s"],
        ["-e", "/etc/shadow"],
        ["-u", "root", SPAWNER, "--help"],
        ["-u", "#0", SPAWNER, "--help"],
        ["-u", "#-1", SPAWNER, "--help"],
        ["-u", EVE, SPAWNER, "--help"],
        ["-u", HUB, SPAWNER, "--help"],
        ["-u", "jupyterhub-proxy", SPAWNER, "--help"],
        ["-u", GRACE, "-g", "root", SPAWNER, "--help"],
        ["-u", GRACE, "-g", "sudo", SPAWNER, "--help"],
        ["-u", GRACE, "id"],
        ["-u", GRACE, "-i"],
        ["-u", GRACE, "-s"],
        ["-u", GRACE, "-e", "/home/grace/notes"],
        ["-u", GRACE, "/opt/jupyter/.venv/bin/python", "-c", "print()"],
        ["-u", GRACE, "/opt/jupyter/.venv/bin/jupyterhub-singleuser", "--help"],
        ["-u", GRACE, "PYTHONPATH=/tmp", SPAWNER, "--help"],
        ["-u", GRACE, "LD_PRELOAD=/tmp/lib.so", SPAWNER, "--help"],
    ],
    ids=" ".join,
)
def test_hub_may_do_nothing_else_with_sudo(campus: Machine, words: list[str]) -> None:
    refused = sudo_as_hub(campus, *words)
    assert not refused.ok
    assert "usage" not in refused.output.lower() or "sudo" in refused.output


def test_nobody_else_got_sudo_rights(campus: Machine) -> None:
    for user in ("jupyterhub-proxy", "jupyterhub-culler", "jupyterhub-build", GRACE):
        assert not campus.run(["sudo", "-n", "-u", GRACE, SPAWNER, "--help"], user=user, check=False).ok


def test_sudo_helper_serves_members(campus: Machine) -> None:
    """sudospawner's own probe of a process that isn't the member's: it answers, and so was let through."""
    assert "alive" in ask_sudo_helper(campus, GRACE)


@pytest.mark.parametrize(
    "user", ["root", "#0", "#1000", "-u root", EVE, HUB, "jupyterhub-proxy", "", "no-such-account"]
)
def test_sudo_helper_serves_nobody_else(campus: Machine, user: str) -> None:
    answer = ask_sudo_helper(campus, user)
    assert answer["ok"] is False
    assert "sudo did not let" in str(answer["error"]) or "malformed" in str(answer["error"])


@pytest.mark.parametrize("message", ["\n", "{}\n", "[]\n", '{"user": 0, "request": {}}\n', "{" * 100_000 + "\n"])
def test_sudo_helper_survives_nonsense(campus: Machine, message: str) -> None:
    assert json.loads(talk(campus, HUB, "/run/jupyterhub-sudo.sock", message).stdout)["ok"] is False
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""


# --- sockets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [EVE, GRACE, "jupyterhub-culler"])
@pytest.mark.parametrize(
    "socket",
    [
        "/run/jupyterhub-pam.sock",
        "/run/jupyterhub-password.sock",
        "/run/jupyterhub-sudo.sock",
        "/run/jupyterhub-proxy/http.sock",
        "/run/jupyterhub-proxy-api/api.sock",
    ],
)
def test_socket_is_closed_to_others(campus: Machine, socket: str, user: str) -> None:
    assert "PermissionError" in talk(campus, user, socket).stderr


def test_nginx_does_not_reach_the_proxys_api(campus: Machine) -> None:
    assert "PermissionError" in talk(campus, "www-data", "/run/jupyterhub-proxy-api/api.sock").stderr


def test_proxy_listens_on_no_port(campus: Machine) -> None:
    """Nothing but nginx is reached from outside, and of the hub itself only its API, on loopback."""
    listening = campus.run(["ss", "--listening", "--tcp", "--numeric", "--no-header", "--processes"]).stdout
    open_ports = {
        line.split()[3] for line in listening.splitlines() if "127.0.0.1:" not in line and "[::1]:" not in line
    }
    assert {address.rpartition(":")[2] for address in open_ports} == {"80", "443"}
    assert '"node"' not in listening


def test_scopes_are_for_members(campus: Machine) -> None:
    assert "PermissionError" in talk(campus, EVE, "/run/jupyterhub-adopt.sock").stderr


def test_scope_is_ones_own(campus: Machine) -> None:
    """Whatever is asked for, what is moved is the process that asks, into its own person's slice."""
    words = json.dumps({"pid": 1, "uid": 0, "slice": "system.slice"}) + "\n"
    answer = json.loads(talk(campus, GRACE, "/run/jupyterhub-adopt.sock", words).stdout)
    assert answer["ok"] is True
    assert answer["scope"].startswith(f"jupyter-{GRACE}-")
    assert "0::/init.scope" in campus.read("/proc/1/cgroup").splitlines()


# --- what the hub's process holds --------------------------------------------------------------------


def test_hub_can_not_read_password_hashes(campus: Machine) -> None:
    """Neither its account nor its process: no group, no capability, no way to get one."""
    assert not campus.run(["cat", "/etc/shadow"], user=HUB, check=False).ok
    pid = campus.run(["systemctl", "show", "--property=MainPID", "--value", "jupyterhub.service"]).stdout.strip()
    status = dict(line.split(":\t", 1) for line in campus.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    gid = campus.run(["id", "--group", HUB]).stdout.strip()
    assert set(status["Groups"].split()) <= {gid}
    assert status["NoNewPrivs"] == "1"
    # CAP_NET_BIND_SERVICE (bit 10), for its API's port, and nothing else.
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {1 << 10}


@pytest.mark.parametrize(
    ("unit", "account"),
    [("jupyterhub", HUB), ("jupyterhub-proxy", "jupyterhub-proxy"), ("jupyterhub-culler", "jupyterhub-culler")],
)
def test_service_runs_as_its_own_account(campus: Machine, unit: str, account: str) -> None:
    pid = campus.run(["systemctl", "show", "--property=MainPID", "--value", unit]).stdout.strip()
    assert campus.run(["ps", "-o", "user:32=", "-p", pid]).stdout.strip() == account


# --- tokens ----------------------------------------------------------------------------------------


def hub_api(machine: Machine, token_file: str, method: str, path: str) -> tuple[int, str]:
    """Ask the hub with a service's token; the token goes through a pipe."""
    command = (
        f'printf "header = \\"Authorization: token %s\\"" "$(cat {SECRETS}/{token_file})" | curl --config - --silent '
        f'--write-out "\\n%{{http_code}}" --request {method} http://127.0.0.1:{HUB_API_PORT}/hub/api{path}'
    )
    body, _, code = machine.run(command).stdout.rpartition("\n")
    return int(code), body


def test_cullers_token_can_stop_servers_and_no_more(campus: Machine) -> None:
    code, body = hub_api(campus, "culler_token", "GET", "/user")
    assert code == httpx.codes.OK
    granted = {scope for scope in json.loads(body)["scopes"] if not scope.startswith(("read:roles:", "read:services:"))}
    assert granted == {"list:users", "read:users:activity", "read:users:name", "read:servers", "delete:servers"}
    for method, path in (
        ("POST", f"/users/{GRACE}/server"),
        ("POST", f"/users/{GRACE}/tokens"),
        ("DELETE", f"/users/{GRACE}"),
        ("POST", "/users/mallory"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ):
        assert hub_api(campus, "culler_token", method, path)[0] in {403, 404}, (method, path)


def test_peoples_token_can_see_and_remove_and_no_more(campus: Machine) -> None:
    """Who has it makes nobody an admin, and is let into no server."""
    assert hub_api(campus, "people_token", "GET", f"/users/{GRACE}")[0] == httpx.codes.OK
    for method, path in (
        ("POST", f"/users/{GRACE}/server"),
        ("POST", f"/users/{GRACE}/tokens"),
        ("GET", f"/users/{GRACE}/tokens"),
        ("PATCH", f"/users/{GRACE}"),
        ("POST", "/users/mallory"),
        ("POST", "/groups/physics"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ):
        assert hub_api(campus, "people_token", method, path)[0] in {403, 404}, (method, path)


def test_installers_token_is_for_its_throw_away_user(campus: Machine) -> None:
    for method, path in (
        ("GET", f"/users/{GRACE}"),
        ("POST", f"/users/{GRACE}/server"),
        ("DELETE", f"/users/{GRACE}/server"),
        ("POST", f"/users/{GRACE}/tokens"),
        ("DELETE", f"/users/{GRACE}"),
        ("POST", "/users/mallory"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ):
        assert hub_api(campus, "installer_token", method, path)[0] in {403, 404}, (method, path)


# --- secrets stay in ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secrets(campus: Machine) -> dict[str, str]:
    """What must not be seen: each secret's telling line, and people's passwords."""
    found = {}
    for name in campus.run(["ls", SECRETS]).stdout.split():
        lines = campus.read(f"{SECRETS}/{name}").splitlines()
        found[name] = lines[1] if lines[0].startswith("-----") else lines[0]
    assert len(found) >= 6
    assert all(len(value) >= 20 for value in found.values())
    return {**found, "password": PASSWORD, "admin's password": ADMIN.password or ""}


def test_no_secret_reaches_the_journal(campus: Machine, secrets: dict[str, str]) -> None:
    """Not when the hub goes away under the culler, comes back, and refuses a login."""

    def culler_said(what: str) -> bool:
        return what in campus.run(["journalctl", "--unit=jupyterhub-culler", "--output=cat", "--no-pager"]).stdout

    campus.run(["systemctl", "stop", "jupyterhub.service"])
    until("the culler to miss the hub", lambda: culler_said("could not look for idle servers"))
    campus.run(["systemctl", "start", "jupyterhub.service"])
    with Visitor(campus) as visitor:
        assert visitor.login(EVE, PASSWORD).status_code == httpx.codes.FORBIDDEN
        assert visitor.login(GRACE, PASSWORD).status_code == httpx.codes.FOUND
    campus.run(["systemctl", "restart", "jupyterhub.service", "jupyterhub-proxy.service", "jupyterhub-culler.service"])
    # Every field of every entry, the command lines of the processes that wrote them included.
    journal = campus.run(["journalctl", "--no-pager", "--output=export", "--all"], timeout=120).stdout
    assert "_CMDLINE=" in journal
    assert [name for name, value in secrets.items() if value in journal] == []
    logs = campus.run("cat /var/log/nginx/*.log").stdout
    assert [name for name, value in secrets.items() if value in logs] == []


def test_no_secret_is_on_a_command_line(campus: Machine, secrets: dict[str, str]) -> None:
    lines = campus.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
    assert "installer.hub.app" in lines
    assert [name for name, value in secrets.items() if value in lines] == []


def test_environments_hold_no_foreign_secret(campus: Machine, secrets: dict[str, str]) -> None:
    """The proxy takes its token from there, as itself; in nobody else's process is any."""
    listing = (
        "for file in /proc/[0-9]*/environ; do stat --printf='%U %a ' $file && tr '\\0' '\\1' < $file && echo; done"
    )
    environments = campus.run(f"({listing}) 2>/dev/null", check=False).stdout.splitlines()
    holders = {(name, line.split()[0]) for line in environments for name, value in secrets.items() if value in line}
    assert holders == {("proxy_auth_token", "jupyterhub-proxy")}
    assert {line.split()[1] for line in environments if line.startswith("jupyterhub-proxy ")} == {"400"}
    assert [line for line in environments if line.startswith(f"{GRACE} ")] != []


def test_systemd_tells_no_secret(campus: Machine, secrets: dict[str, str]) -> None:
    told = "systemctl show 'jupyter*' nginx.service; systemctl cat 'jupyter*'"
    shown = campus.run(told, user=EVE, check=False).stdout
    assert "installer.hub.app" in shown
    assert [name for name, value in secrets.items() if value in shown] == []


def test_members_can_not_read_a_secret(campus: Machine) -> None:
    for user in (GRACE, EVE, HUB, "jupyterhub-proxy", "jupyterhub-culler", "www-data"):
        assert not campus.run(["ls", SECRETS], user=user, check=False).ok
    for user in (GRACE, EVE, "jupyterhub-proxy", "www-data"):
        assert not campus.run(["ls", "/run/credentials/jupyterhub.service"], user=user, check=False).ok
        assert not campus.run(["cat", "/var/lib/jupyterhub/jupyterhub.sqlite"], user=user, check=False).ok
