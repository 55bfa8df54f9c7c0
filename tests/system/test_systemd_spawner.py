"""Servers that systemd starts (`spawner.kind: systemd`): what they are, and who may have them started.

And the way there, and back, while servers run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from installer.libexec.start_helper import LONGEST_REQUEST, LONGEST_VALUE
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_exposure import exposure
from tests.system.machine_person import ADMIN, CONFIG, add_person, apply
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("sid")

HUB = "jupyter"
GRACE, LIN, EVE, IDA = "grace", "lin", "eve", "ida"
"""Members: one whose server was there before, one who starts hers then, one who never does; and no member (EVE)."""
PASSWORD = "a very fine password 4711"
SOCKET = "/run/jupyterhub-start.sock"
SERVICE = "jupyter-lin.service"
SETTINGS = """
c.JupyterHub.allow_named_servers = True
c.Spawner.poll_interval = 1
c.Spawner.environment["HTTPS_PROXY"] = 'http://a:3128/$x%d\\\\"`y'
c.Spawner.environment.update({"LD_PRELOAD": "/tmp/x.so", "NOT_NAMED": "1"})
"""
TALK = """if True:
    import socket, sys
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(90)
        connection.connect(sys.argv[1])
        connection.sendall(sys.stdin.buffer.read())
        connection.shutdown(socket.SHUT_WR)
        print(connection.makefile().readline())
"""


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """Applied with sudo, a server running; then systemd is asked for."""
    with Machine(applied_server[0]) as machine:
        for name in (GRACE, LIN, IDA):
            add_person(machine, name, PASSWORD, groups=["jupyterhub-users"])
        add_person(machine, EVE, PASSWORD)
        with Visitor(machine) as grace:
            grace.login(GRACE, PASSWORD)
            grace.start_server()
            machine.put("/etc/jupyterhub/conf.d/50-test.py", SETTINGS)
            machine.put(CONFIG, "kernels: []\nspawner: {kind: systemd, environment: [HTTPS_PROXY]}\n")
            apply(machine, ADMIN)
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.get(f"/user/{GRACE}/lab")  # signs in at the server, which is there already
        yield visitor


@pytest.fixture(scope="module")
def lin(campus: Machine) -> Iterator[Visitor]:
    with Visitor(campus) as visitor:
        visitor.login(LIN, PASSWORD)
        visitor.start_server()
        yield visitor


def units(machine: Machine) -> list[str]:
    words = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "jupyter-*"]
    return [line.split()[0] for line in machine.run(words).stdout.splitlines()]


def shown(machine: Machine, unit: str, name: str) -> str:
    return machine.run(["systemctl", "show", f"--property={name}", "--value", unit]).stdout.strip()


def talk(machine: Machine, request: object, user: str = HUB) -> dict[str, object]:
    """What the helper answers; a request that is no text is sent as JSON, with its newline."""
    line = request if isinstance(request, str) else f"{json.dumps(request)}\n"
    return dict(json.loads(machine.run(["python3", "-c", TALK, SOCKET], user=user, cwd="/", stdin=line).stdout))


def environment_of(machine: Machine, pid: str) -> dict[str, str]:
    words = machine.read(f"/proc/{pid}/environ").split("\0")
    return {name: value for name, _, value in (word.partition("=") for word in words) if name}


def hide_processes(machine: Machine) -> None:
    """Mount /proc as guides to hardening have it: everybody sees processes of their own, and no others."""
    machine.run(["mount", "-o", "remount,hidepid=2", "/proc"])
    assert not machine.run(["test", "-e", "/proc/1"], user=HUB, cwd="/", check=False).ok


def stop_server(visitor: Visitor) -> None:
    assert visitor.api("DELETE", f"/hub/api/users/{visitor.name}/server").status_code in {202, 204}
    until("it to stop", lambda: not visitor.hub_user()["servers"])


def start(user: str, **more: object) -> dict[str, object]:
    return {"action": "start", "user": user, "server": "", "environment": {}, "arguments": [], **more}


# --- there while servers run ---------------------------------------------------------------------------


def test_server_that_sudo_started_goes_on_and_can_be_stopped(campus: Machine, grace: Visitor) -> None:
    assert grace.server_answers()
    [scope] = [unit for unit in units(campus) if unit.startswith("jupyter-grace-")]
    campus.run(["systemctl", "restart", "jupyterhub.service"])
    assert grace.hub_user()["servers"][""]["ready"]
    assert grace.api("DELETE", f"/hub/api/users/{GRACE}/server").status_code in {202, 204}
    until("it to stop", lambda: scope not in units(campus))


def test_nothing_of_sudo_is_left(campus: Machine) -> None:
    for path in (
        "/etc/sudoers.d/jupyterhub", "/run/jupyterhub-sudo.sock", "/run/jupyterhub-adopt.sock",
        "/opt/jupyter/libexec/jupyterhub-sudo", "/opt/jupyter/libexec/jupyterhub-adopt",
    ):  # fmt: skip
        assert not campus.run(["test", "-e", path], check=False).ok, path
    assert "not allowed to run sudo" in campus.run(["sudo", "-l", "-U", HUB], check=False).output


def test_doctor_has_nothing_to_say(campus: Machine, lin: Visitor) -> None:
    said = campus.run("python3 -m installer doctor", cwd="/srv/checkout", check=False).stdout
    assert "systemd starts members' servers" in said
    assert "does not know" not in said
    assert "jupyterhub-s" not in said


# --- what a server is ----------------------------------------------------------------------------------


def test_server_is_a_service_in_its_persons_slice(campus: Machine, lin: Visitor) -> None:
    uid = campus.run(["id", "-u", LIN]).stdout.strip()
    pid = shown(campus, SERVICE, "MainPID")
    assert shown(campus, SERVICE, "Slice") == f"jupyterusers-{uid}.slice"
    assert set(campus.run(["ps", "-o", "ruser=,euser=,suser=", pid]).stdout.split()) == {LIN}
    assert set(campus.run(["id", "-G", LIN]).stdout.split()) == set(
        next(line for line in campus.read(f"/proc/{pid}/status").splitlines() if line.startswith("Groups:")).split()[1:]
    )
    assert "Serving notebooks" in campus.journal(f"--identifier=jupyter-{LIN}")
    assert f"Jupyter server of {LIN}" in campus.run(["systemctl", "status", SERVICE]).stdout


def test_limits_that_a_slice_has_not_are_the_services(campus: Machine, lin: Visitor) -> None:
    assert shown(campus, SERVICE, "LimitNOFILE") == "65536"
    assert shown(campus, SERVICE, "LimitCORE") == "0"


def test_environment_is_the_hubs_as_far_as_it_is_known(campus: Machine, lin: Visitor) -> None:
    found = environment_of(campus, shown(campus, SERVICE, "MainPID"))
    assert found["HTTPS_PROXY"] == 'http://a:3128/$x%d\\"`y'
    assert found["PATH"] == "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
    assert (found["HOME"], found["USER"], found["JUPYTERHUB_USER"]) == (f"/home/{LIN}", LIN, LIN)
    assert {"LD_PRELOAD", "NOT_NAMED"}.isdisjoint(found)
    assert "Not in the environment of lin's server: LD_PRELOAD, NOT_NAMED" in campus.journal("--unit=jupyterhub")


def test_token_is_shown_to_nobody(campus: Machine, lin: Visitor) -> None:
    token = environment_of(campus, shown(campus, SERVICE, "MainPID"))["JUPYTERHUB_API_TOKEN"]
    assert token not in campus.run(["systemctl", "show", SERVICE]).stdout
    assert token not in campus.run(["systemctl", "cat", SERVICE]).stdout
    assert campus.run(["find", "/run/jupyterhub-start", "-mindepth", "1"]).stdout == ""
    assert not campus.run(f"grep -rqs {token} /run/systemd /etc", check=False).ok


def test_tmp_is_the_servers_own(campus: Machine, lin: Visitor) -> None:
    lin.start_kernel().run("open('/tmp/mine', 'w').write('x')")
    assert not campus.run(["test", "-e", "/tmp/mine"], check=False).ok
    assert lin.start_kernel().run("__import__('os').path.exists('/tmp/mine')") == "True"


def test_named_server_is_a_service_beside(campus: Machine, lin: Visitor) -> None:
    assert lin.api("POST", f"/hub/api/users/{LIN}/servers/exam-1").status_code in {201, 202}
    unit = "jupyter-lin:exam-1.service"
    until("the second server", lambda: lin.hub_user()["servers"].get("exam-1", {}).get("ready"))
    assert shown(campus, unit, "ActiveState") == shown(campus, SERVICE, "ActiveState") == "active"
    assert lin.api("DELETE", f"/hub/api/users/{LIN}/servers/exam-1").status_code in {202, 204}
    until("it to stop", lambda: unit not in units(campus))
    assert lin.server_answers()


def test_restart_of_the_hub_loses_nothing(campus: Machine, lin: Visitor) -> None:
    pid = shown(campus, SERVICE, "MainPID")
    kernel = lin.start_kernel()
    kernel.run("kept = 41")
    campus.run(["systemctl", "restart", "jupyterhub.service"])
    assert lin.hub_user()["servers"][""]["ready"]
    assert kernel.run("kept + 1") == "42"
    assert shown(campus, SERVICE, "MainPID") == pid


def test_server_that_was_killed_is_noticed_and_told_of(campus: Machine, lin: Visitor) -> None:
    campus.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE])
    until("the hub to notice", lambda: not lin.hub_user()["servers"])
    assert "The server of lin ended: it was killed, most likely because memory had run out" in campus.journal(
        "--unit=jupyterhub"
    )
    assert SERVICE not in units(campus)
    lin.start_server()
    assert lin.server_answers()


# --- attacks on the helper -----------------------------------------------------------------------------


@pytest.mark.parametrize("account", [EVE, LIN, "jupyterhub-proxy", "jupyterhub-culler", "www-data"])
def test_nobody_else_reaches_the_helper(campus: Machine, account: str) -> None:
    words = ["python3", "-c", TALK, SOCKET]
    refused = campus.run(words, user=account, cwd="/", stdin="{}\n", check=False)
    assert "PermissionError" in refused.stderr


def test_socket_that_was_opened_up_helps_nobody_else(campus: Machine, lin: Visitor) -> None:
    campus.run(["chmod", "0666", SOCKET])
    try:
        assert talk(campus, {"action": "stop", "user": LIN, "server": ""}, user=EVE)["ok"] is False
    finally:
        campus.run(["chmod", "0600", SOCKET])
    assert lin.server_answers()


@pytest.mark.parametrize(
    "user",
    [
        EVE, "root", "jupyter", "www-data", "nobody", "#0", "0", "1000", "+1000", "--uid=0", "-H", "", " ", "lin ",
        "lin\n", "lin:exam", "../lin", "LIN", "lin\0", "l" * 300, "lin.service", "lin,root", None, 7, ["lin"],
    ],
)  # fmt: skip
def test_server_of_nobody_but_a_member(campus: Machine, user: object) -> None:
    before = units(campus)
    for action in ("start", "stop", "ended"):
        answer = talk(campus, start("", action=action) | {"user": user})
        assert answer["ok"] is False, (action, answer)
    assert units(campus) == before


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"environment": {"JUPYTERHUB_X": "a\nLD_PRELOAD=/tmp/x"}}, "control"),
        ({"environment": {"JUPYTERHUB_X": "a\0b"}}, "control"),
        ({"environment": {"JUPYTERHUB_X": "x" * (LONGEST_VALUE + 1)}}, "too long"),
        ({"environment": {"JUPYTERHUB_X": 7}}, "no text"),
        ({"environment": {f"JUPYTERHUB_{i}": "" for i in range(300)}}, "malformed"),
        ({"environment": ["PATH=/tmp"]}, "malformed"),
        ({"environment": None}, "malformed"),
        ({"arguments": ["a\nb"]}, "control"),
        ({"arguments": "--help"}, "malformed"),
        ({"arguments": ["--x"] * 100}, "malformed"),
        ({"server": "a\nb"}, "control"),
        ({"server": "s" * 300}, "too long"),
        ({"server": ["x"]}, "no text"),
        ({"action": "exec"}, "something else"),
        ({"action": ["start"]}, "something else"),
        ({"action": "stop", "pid": "1"}, "number is none"),
        ({"action": "stop", "pid": 1}, "number is none"),
        ({"action": "stop", "pid": True}, "number is none"),
        ({"action": "stop", "pid": 1 << 40}, "number is none"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_request_that_is_out_of_bounds_is_refused(campus: Machine, changed: dict[str, object], why: str) -> None:
    answer = talk(campus, start(GRACE, **changed))
    assert answer["ok"] is False
    assert why in str(answer["error"])
    assert "jupyter-grace.service" not in units(campus)


@pytest.mark.parametrize(
    "line",
    ["", "\n", "nonsense\n", "[]\n", '"start"\n', '{"action": "start"}\n', '{"action": "start", "user": "lin"',
     "[" * 100_000 + "\n", "x" * (LONGEST_REQUEST + 10) + "\n", '{"user": "\\ud800"}\n'],
    ids=["nothing", "newline", "nonsense", "list", "text", "no-user", "partial", "deep", "oversize", "surrogate"],
)  # fmt: skip
def test_line_that_is_no_request_is_refused(campus: Machine, line: str) -> None:
    assert talk(campus, line)["ok"] is False


def test_who_says_nothing_holds_up_nobody(campus: Machine, lin: Visitor) -> None:
    wait = f"import socket, time; c = socket.socket(socket.AF_UNIX); c.connect('{SOCKET}'); time.sleep(8)"
    silent = subprocess.Popen(campus.command(["python3", "-c", wait], user=HUB))
    try:
        assert talk(campus, {"action": "ended", "user": IDA, "server": ""})["ok"] is True
    finally:
        silent.wait(30)
    assert "TimeoutError" in campus.journal("--unit=jupyterhub-start@*")


def test_environment_is_not_smuggled(campus: Machine) -> None:
    """What decides how programs are found and loaded, in a request of a hub that was taken over."""
    smuggled = {
        "LD_PRELOAD": "/tmp/x.so", "LD_LIBRARY_PATH": "/tmp", "PATH": "/tmp", "PYTHONPATH": "/tmp", "HOME": "/root",
        "PYTHONSTARTUP": "/tmp/x", "BASH_ENV": "/tmp/x", "USER": "root", "SHELL": "/tmp/sh", "A=B": "c", "": "x",
        "JUPYTERHUB_USER\nLD_PRELOAD": "/tmp/x", "JUPYTERHUB_QUOTE": '"\\$HOME`id`%h%%',
    }  # fmt: skip
    answer = talk(campus, start(GRACE, environment={k: v for k, v in smuggled.items() if "\n" not in k}))
    assert answer["ok"] is True
    found = environment_of(campus, str(answer["pid"]))
    assert {"LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "A"}.isdisjoint(found)
    assert (found["HOME"], found["USER"], found["SHELL"]) == (f"/home/{GRACE}", GRACE, "/bin/bash")
    assert found["JUPYTERHUB_QUOTE"] == smuggled["JUPYTERHUB_QUOTE"]
    assert talk(campus, start(GRACE, environment=smuggled))["ok"] is False
    assert talk(campus, {"action": "stop", "user": GRACE, "server": ""})["ok"] is True


@pytest.mark.parametrize("argument", ["--property=User=0", "; id", "$HOME", "%h", "--", "${PATH}", "$$", "\\"])
def test_arguments_are_the_servers_alone(campus: Machine, argument: str) -> None:
    """The server may end over them at once; the unit that was asked for has no more to it."""
    started = talk(campus, start(GRACE, arguments=[argument]))
    if started["ok"]:
        words = campus.read(f"/proc/{started['pid']}/cmdline").split("\0") if alive(campus, started) else [argument]
        assert argument in words
        assert shown(campus, "jupyter-grace.service", "User") == campus.run(["id", "-u", GRACE]).stdout.strip()
    assert talk(campus, {"action": "stop", "user": GRACE, "server": ""})["ok"] is True


def alive(machine: Machine, started: dict[str, object]) -> bool:
    return machine.run(["test", "-s", f"/proc/{started['pid']}/cmdline"], check=False).ok


def test_two_at_once_come_to_one_server(campus: Machine) -> None:
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda request: talk(campus, request), [start(GRACE)] * 2))
    assert any(answer["ok"] for answer in answers)
    servers = ["pgrep", "--uid", GRACE, "--full", "jupyterhub-singleuser", "--count"]
    assert campus.run(servers, check=False).stdout.strip() in {"0", "1"}
    assert talk(campus, {"action": "stop", "user": GRACE, "server": ""})["ok"] is True
    assert [unit for unit in units(campus) if unit.startswith("jupyter-grace")] == []


def test_server_of_who_is_a_member_no_more_can_be_stopped(campus: Machine) -> None:
    """And is not started again."""
    add_person(campus, "otto", PASSWORD, groups=["jupyterhub-users"])
    with Visitor(campus) as otto, Visitor(campus) as admin:
        otto.login("otto", PASSWORD)
        otto.start_server()
        campus.run(["gpasswd", "--delete", "otto", "jupyterhub-users"])
        admin.login(ADMIN.name, ADMIN.password or "")
        assert admin.api("DELETE", "/hub/api/users/otto/server").status_code in {202, 204}
        until("it to stop", lambda: "jupyter-otto.service" not in units(campus))
    for action in ("start", "stop", "ended"):
        assert talk(campus, start("otto", action=action))["error"] == "otto is not a member of jupyterhub-users"


def test_member_without_a_shell_has_notebooks(campus: Machine) -> None:
    add_person(campus, "nora", PASSWORD, groups=["jupyterhub-users"])
    campus.run(["usermod", "--shell=/usr/sbin/nologin", "nora"])
    with Visitor(campus) as nora:
        nora.login("nora", PASSWORD)
        nora.start_server()
        assert nora.start_kernel().run("6 * 7") == "42"


def test_server_starts_where_processes_are_hidden(campus: Machine, lin: Visitor) -> None:
    hide_processes(campus)
    stop_server(lin)
    lin.start_server()
    campus.run(["systemctl", "restart", "jupyterhub.service"])
    assert lin.hub_user()["servers"][""]["ready"]
    assert lin.start_kernel().run("6 * 7") == "42"


@pytest.mark.parametrize(("unit", "most"), [("jupyterhub.service", 1.5), ("jupyterhub-start@1.service", 2.0)])
def test_unit_is_as_closed_as_it_can_be(campus: Machine, unit: str, most: float) -> None:
    assert exposure(campus, unit) <= most


# --- and back ------------------------------------------------------------------------------------------


def test_back_to_sudo_while_a_server_runs(campus: Machine, lin: Visitor) -> None:
    """Last: the machine is another one behind it."""
    campus.put(CONFIG, "kernels: []\n")
    apply(campus, ADMIN)
    assert lin.server_answers()
    assert SERVICE in units(campus)
    assert lin.hub_user()["servers"][""]["ready"]
    assert not campus.run(["test", "-e", SOCKET], check=False).ok
    stop_server(lin)
    until("the service to be gone", lambda: SERVICE not in units(campus))
    lin.start_server()
    assert [unit for unit in units(campus) if unit.startswith("jupyter-lin-")]
    hide_processes(campus)
    stop_server(lin)
    lin.start_server()
    campus.run(["systemctl", "restart", "jupyterhub.service"])
    assert lin.hub_user()["servers"][""]["ready"]
    assert lin.start_kernel().run("6 * 7") == "42"
