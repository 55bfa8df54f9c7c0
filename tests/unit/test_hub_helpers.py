"""The pure parts of the helpers behind sockets, and of the hub's side of them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pwd
import runpy
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from installer.hub import culler
from installer.hub.follow_proxy import follow_proxy, identity
from installer.hub.helper import HelperUnreachable, ask
from installer.hub.process_birth import birth
from installer.hub.redact import Redact
from installer.libexec import adopt_helper, sudo_helper

ROOT = Path(__file__).parents[2]


# --- adopt -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "scope"),
    [
        ("ada", "jupyter-ada-7.scope"),
        ("ada.b-c_d", "jupyter-ada.b-c_d-7.scope"),
        ("ada@corp.example", "jupyter-ada\\x40corp.example-7.scope"),
        ("jörg", "jupyter-j\\xc3\\xb6rg-7.scope"),
        ("a/../b", "jupyter-a\\x2f..\\x2fb-7.scope"),
    ],
)
def test_a_scope_is_named_after_its_person(username: str, scope: str) -> None:
    assert adopt_helper.scope_name(username, 7) == scope


def test_all_four_uids_of_a_process_are_looked_at() -> None:
    assert adopt_helper.uids(Path("/proc/self/status").read_text()) == {os.getuid()}
    assert adopt_helper.uids("Name:\tsu\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\n") == {0, 1000}
    assert adopt_helper.uids("nonsense") == set()


def test_the_peer_comes_from_the_kernel() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert adopt_helper.peer(here) == (os.getpid(), os.getuid())


def test_root_gets_no_scope() -> None:
    with pytest.raises(adopt_helper.Refused, match="system account"):
        adopt_helper.check_member(pwd.getpwnam("root"), "root")


def test_the_call_to_systemd() -> None:
    account = pwd.struct_passwd(("ada", "x", 1000, 1000, "", "/home/ada", "/bin/sh"))
    more = adopt_helper.further(["MemoryAccounting=no", "OOMPolicy=continue"])
    words = adopt_helper.start_transient_scope("s.scope", 7, "jupyterusers-1000.slice", account, more)
    assert words[6:12] == ["StartTransientUnit", "ssa(sv)a(sa(sv))", "s.scope", "fail", "8", "PIDs"]
    assert words[words.index("Slice") :][:3] == ["Slice", "s", "jupyterusers-1000.slice"]
    assert words[-7:] == ["MemoryAccounting", "b", "no", "OOMPolicy", "s", "continue", "0"]


# --- sudo ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"ok": False, "error": "x" * 600, "status": 85, "more": 1}, {"ok": False, "error": "x" * 500, "status": 85}),
        ({"ok": False, "error": "no", "status": "85"}, {"ok": False, "error": "no"}),
        ({"ok": False, "error": "no", "status": True}, {"ok": False, "error": "no"}),
        ({"ok": True, "pid": 7, "status": 85}, {"ok": True, "pid": 7}),
        ({"ok": True, "alive": False}, {"ok": True, "alive": False}),
    ],
)
def test_what_the_mediator_says_is_taken_as_far_as_it_is_known(
    said: dict[str, object], kept: dict[str, object]
) -> None:
    assert sudo_helper.checked(said) == kept


# --- sudo ------------------------------------------------------------------------------------------


def request(line: bytes) -> tuple[str, dict[str, object]]:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(line)
        there.shutdown(socket.SHUT_WR)
        return sudo_helper.read_request(here)


def test_a_request_is_one_line() -> None:
    assert request(b'{"user": "ada", "request": {"action": "kill"}}\n') == ("ada", {"action": "kill"})


@pytest.mark.parametrize(
    "line",
    [
        b'{"user": "#0", "request": {}}\n',
        b'{"user": "-g", "request": {}}\n',
        b'{"user": 1, "request": {}}\n',
        b'{"user": "ada", "request": []}\n',
        b'{"user": "ada"',
        b"",
    ],
)
def test_a_bad_request_is_refused(line: bytes) -> None:
    with pytest.raises(sudo_helper.Failed):
        request(line)


ROOTS = "jupyterusers.slice/jupyterusers-0.slice"
"""What a slice of root's would be; root has none."""


def test_a_process_that_is_gone_was_not_adopted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sudo_helper, "CGROUPS", tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(sudo_helper.Failed, match="ended at once"):
        sudo_helper.wait_until_adopted("root", gone.pid, "jupyterusers.slice")


def test_a_process_is_adopted_once_it_is_in_its_scope(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sudo_helper, "CGROUPS", tmp_path)
    monkeypatch.setattr(sudo_helper, "ADOPT_SECONDS", 0.1)
    pid = os.getpid()
    scope = tmp_path / ROOTS / f"jupyter-a\\x40b-{pid}.scope"
    scope.mkdir(parents=True)
    for procs in ("", f"1{pid}\n"):
        (scope / "cgroup.procs").write_text(procs)
        with pytest.raises(sudo_helper.Failed, match="no scope of its own"):
            sudo_helper.wait_until_adopted("root", pid, "jupyterusers.slice")
    (scope / "cgroup.procs").write_text(f"1\n{pid}\n")
    sudo_helper.wait_until_adopted("root", pid, "jupyterusers.slice")


@pytest.mark.parametrize("pid", [True, "7", 7.0, None, 0, -1, 1, 1 << 22])
def test_what_is_no_process_is_no_answer(pid: object) -> None:
    with pytest.raises(sudo_helper.Failed, match="malformed"):
        sudo_helper.checked({"ok": True, "pid": pid})


# --- the stub sudospawner starts -------------------------------------------------------------------


def test_a_server_without_a_scope_is_not_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub = runpy.run_path(str(ROOT / "installer" / "libexec" / "sudospawner_singleuser.py"))
    move = stub["move_into_own_scope"]
    monkeypatch.setitem(move.__globals__, "ADOPT_SOCKET", str(tmp_path / "nobody.sock"))
    monkeypatch.setitem(move.__globals__, "SECONDS", 0.3)
    with pytest.raises(SystemExit, match=r"The server was not started: .*nobody.sock"):
        move()


# --- the hub's side --------------------------------------------------------------------------------


def serve_once(path: Path, answer: bytes) -> threading.Thread:
    """A helper that gives one answer to one question."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            assert json.loads(connection.makefile("rb").readline()) == {"q": 1}
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_ask(tmp_path: Path) -> None:
    thread = serve_once(tmp_path / "s", b'{"ok": true}\n')
    assert asyncio.run(ask(str(tmp_path / "s"), {"q": 1}, seconds=5)) == {"ok": True}
    thread.join()


@pytest.mark.parametrize("answer", [b"", b"nonsense\n", b"[1]\n"])
def test_no_sensible_answer(tmp_path: Path, answer: bytes) -> None:
    thread = serve_once(tmp_path / "s", answer)
    with pytest.raises(HelperUnreachable, match="does not answer"):
        asyncio.run(ask(str(tmp_path / "s"), {"q": 1}, seconds=5))
    thread.join()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(HelperUnreachable, match="does not answer"):
        asyncio.run(ask(str(tmp_path / "s"), {"q": 1}, seconds=5))


def test_birth_is_the_same_for_as_long_as_a_process_lives() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        born = birth(process.pid)
        assert born is not None
        assert birth(process.pid) == born
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert birth(process.pid) is None, "a zombie has ended"
    assert birth(process.pid) is None


def test_a_proxy_that_came_back_gets_its_routes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("installer.hub.follow_proxy.EVERY", 0.01)
    path = tmp_path / "api.sock"
    calls = []

    async def add_routes() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionRefusedError

    async def scene() -> None:
        following = asyncio.ensure_future(follow_proxy(path, add_routes, logging.getLogger("test")))
        await asyncio.sleep(0.05)
        path.unlink()
        await asyncio.sleep(0.05)
        path.touch()
        await asyncio.sleep(0.3)
        following.cancel()

    path.touch()
    asyncio.run(scene())
    assert len(calls) == 2, "once refused, once done, and then no more"
    assert identity(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("403 POST /hub/api/users?token=abc (x)", "403 POST /hub/api/users?token=[secret] (x)"),
        ("GET /a?x=1&_xsrf=2|3&y=4", "GET /a?x=1&_xsrf=[secret]&y=4"),
        ("nothing in it", "nothing in it"),
    ],
)
def test_redact(line: str, clean: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (line,), None)
    assert Redact().filter(record)
    assert record.getMessage() == clean


def test_the_culler_tells_errors_in_one_line() -> None:
    error = ConnectionRefusedError(111, "Connection\nrefused")
    behind = (type(error), error, None)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "Error processing %s", ("ada",), behind)
    told = culler.OneLine().format(record)
    assert told == "Error processing ada: ConnectionRefusedError: [Errno 111] Connection refused"
