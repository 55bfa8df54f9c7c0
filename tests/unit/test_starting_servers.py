"""What starts people's servers: the helper of kind systemd, sudospawner's mediator, and the server's own beginning."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from installer.hub import control_groups
from installer.hub.control_groups import left_by, runs
from installer.hub.failure_lines import OneLine, leave_out_homes
from installer.hub.home_trouble import unusable
from installer.hub.homes import RUNTIME, Trouble, trouble
from installer.libexec import adopt_helper, start_helper, sudospawner_mediator

ROOT = Path(__file__).parents[2]
MEDIATOR = ROOT / "installer" / "libexec" / "sudospawner_mediator.py"
HOMES = ROOT / "installer" / "hub" / "homes.py"
PARTS = "import jupyterhub.log, jupyterhub.services.auth, jupyterhub.utils"
"""What of jupyterhub a server begins with."""
ADA = pwd.struct_passwd(("ada", "x", 1000, 1000, "", "/home/ada", "/bin/sh"))
NONE: frozenset[str] = frozenset()


# --- the helper ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "server", "unit"),
    [
        ("ada", "", "jupyter-ada.service"),
        ("ada", "exam", "jupyter-ada:exam.service"),
        ("ada-exam", "", "jupyter-ada-exam.service"),
        ("ada:exam", "", "jupyter-ada\\x3aexam.service"),
        ("ada@corp.example", "a/b c", "jupyter-ada\\x40corp.example:a\\x2fb\\x20c.service"),
        ("jörg", "%i$x", "jupyter-j\\xc3\\xb6rg:\\x25i\\x24x.service"),
    ],
)
def test_a_service_is_named_after_person_and_server(user: str, server: str, unit: str) -> None:
    assert start_helper.service_name(user, server) == unit


def test_long_names_stay_short_and_different() -> None:
    names = {start_helper.service_name("a" * 32, letter * 250) for letter in "xy"}
    assert len(names) == 2
    assert all(len(name) < 220 for name in names)


def test_a_scope_is_named_as_the_adopt_helper_has_it() -> None:
    for name in ("ada", "ada@corp.example", "jörg"):
        assert f"jupyter-{start_helper.escaped(name)}-7.scope" == adopt_helper.scope_name(name, 7)


def test_the_environment_is_what_is_known() -> None:
    given = {
        "JUPYTERHUB_USER": "x",
        "LC_ALL": "C",
        "LD_PRELOAD": "x",
        "PATH": "/tmp",
        "HOME": "/",
        "PROXY": "p",
        "A": "b",
    }
    found, left_out = start_helper.environment(ADA, given, frozenset({"PROXY"}))
    assert found == {
        "LANG": "C.UTF-8", "SHELL": "/bin/sh", "JUPYTERHUB_USER": "x", "LC_ALL": "C", "PROXY": "p",
        "HOME": "/home/ada", "USER": "ada", "LOGNAME": "ada", "PATH": start_helper.PATH,
    }  # fmt: skip
    assert left_out == ["LD_PRELOAD", "A"]


@pytest.mark.parametrize(
    "name", ["JUPYTERHUB_", "JUPYTERHUB_X\n", "JUPYTERHUB_x", "XJUPYTERHUB_X", "LANG ", "LC_", "PATH", "LD_AUDIT"]
)
def test_a_variable_that_only_looks_known_is_left_out(name: str) -> None:
    try:
        found, _ = start_helper.environment(ADA, {name: "evil"}, NONE)
    except start_helper.Refused:
        return
    assert "evil" not in found.values()


def test_the_environment_file_is_read_back_as_it_was() -> None:
    assert start_helper.environment_file({"A": 'a"b', "B": "\\ $x `id`"}) == 'A="a\\"b"\nB="\\\\ \\$x \\`id\\`"\n'


@pytest.mark.parametrize("value", ["a\nb", "a\0", "\x7f", "a\u2028b", "x" * 11, 7, None, b"x", ["x"]])
def test_what_is_no_plain_text_is_refused(value: object) -> None:
    with pytest.raises(start_helper.Refused):
        start_helper.plain(value, 10, "it")


@pytest.mark.parametrize("name", ["root", "daemon", "#0", "0", "", "a\0b", "no-such-account"])
def test_system_accounts_and_no_accounts_are_nobodys(name: str) -> None:
    with pytest.raises(start_helper.Refused):
        start_helper.person(name)


def test_who_is_not_in_the_group_is_no_member() -> None:
    with pytest.raises(start_helper.Refused, match="ada is not a member of shadow"):
        start_helper.check_member(ADA, "shadow")


def test_the_command_line_of_the_unit() -> None:
    words = ["jupyter", "members", "s.slice", "/opt/r", "--environment=A", "--environment=B", "PrivateTmp=yes"]
    rules = start_helper.read_rules(words)
    assert (rules.hub, rules.revision) == ("jupyter", "/opt/r")
    assert rules.variables == {"A", "B"}
    assert rules.properties == ("PrivateTmp=yes",)


def test_a_request_is_one_whole_bounded_line() -> None:
    for line in (b"", b"{}", b"[]\n", b"x" * (start_helper.LONGEST_REQUEST + 1)):
        here, there = socket.socketpair()
        with here, there:
            there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            there.settimeout(1)
            with contextlib.suppress(TimeoutError):
                there.sendall(line)
            there.shutdown(socket.SHUT_WR)
            with pytest.raises((start_helper.Refused, ValueError)):
                start_helper.read_request(here)


# --- the mediator --------------------------------------------------------------------------------------


def mediate(directory: Path, request: object) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-IS", str(directory / "sudospawner-mediator"), "--logging=WARNING"],
        input=json.dumps(request), stdout=subprocess.PIPE, text=True, timeout=20, check=True,
        env={"HOME": str(directory)},
    )  # fmt: skip
    return dict(json.loads(done.stdout))


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    (tmp_path / "sudospawner-mediator").write_bytes(MEDIATOR.read_bytes())
    (tmp_path / "sudospawner_homes.py").write_bytes(HOMES.read_bytes())
    server = tmp_path / "sudospawner-singleuser"
    server.write_text('#!/bin/sh\necho "$PWD|$A|$PYTHONPATH|$*" > "$OUT"\nexec sleep 30\n')
    server.chmod(0o755)
    return tmp_path


def test_the_mediator_starts_what_is_beside_it(programs: Path) -> None:
    out = programs / "out"
    env = {"A": "a b", "PYTHONPATH": "/tmp", "OUT": str(out), "PATH": os.environ["PATH"]}
    answer = mediate(programs, {"action": "spawn", "args": ["--x", "y z"], "env": env})
    pid = answer["pid"]
    assert answer["ok"] is True
    assert isinstance(pid, int)
    try:
        deadline = time.monotonic() + 10
        while not (out.exists() and out.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert out.read_text() == f"{programs}|a b||--x y z\n"
        assert mediate(programs, {"action": "kill", "pid": pid, "signal": 0}) == {"ok": True, "alive": True}
    finally:
        os.kill(pid, signal.SIGKILL)


def test_the_mediator_says_why_nothing_was_started(programs: Path) -> None:
    (programs / "sudospawner-singleuser").unlink()
    answer = mediate(programs, {"action": "spawn", "args": [], "env": {}})
    assert answer["ok"] is False
    assert "No such file" in str(answer["error"])


def test_the_mediator_says_what_is_wrong_with_the_home(programs: Path) -> None:
    (programs / ".local").write_text("a file in the way")
    answer = mediate(programs, {"action": "spawn", "args": [], "env": {}})
    assert answer["status"] == Trouble.NO_DIRECTORY
    assert answer["error"] == f"the home {programs} can't be used: no directory"


def test_a_process_that_is_gone_is_not_alive(programs: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert mediate(programs, {"action": "kill", "pid": gone.pid, "signal": 15}) == {"ok": True, "alive": False}


def test_what_a_server_has_left_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sudospawner_mediator, "SLICE", tmp_path)
    for pid in (7, 17):
        (tmp_path / f"jupyter-a\\x40b-{pid}.scope").mkdir()
    with subprocess.Popen(["sleep", "60"]) as theirs, subprocess.Popen(["sleep", "60"]) as anothers:
        here = tmp_path / "jupyter-a\\x40b-7.scope" / "cgroup.procs"
        here.write_text(f"0\n{theirs.pid}\n")
        (tmp_path / "jupyter-a\\x40b-17.scope" / "cgroup.procs").write_text(f"{anothers.pid}\n")
        monkeypatch.setattr(time, "sleep", lambda _: here.write_text("") if theirs.wait() else None)
        assert sudospawner_mediator.end(7) == {"ok": True, "alive": False}
        assert theirs.returncode == -signal.SIGKILL
        assert anothers.poll() is None
        anothers.kill()


def test_nothing_is_left_of_a_scope_that_is_gone(programs: Path) -> None:
    assert mediate(programs, {"action": "end", "pid": 1 << 21}) == {"ok": True, "alive": False}


# --- homes ---------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir("/")  # it is changed, and goes back at the end
    made = tmp_path / "home"
    made.mkdir()
    return made


def test_a_home_that_can_be_written_to_has_nothing_more_in_it_than_jupyter_makes(home: Path) -> None:
    assert trouble(home, {}) is None
    assert Path.cwd() == home
    assert [str(path.relative_to(home)) for path in home.rglob("*") if not list(path.glob("*"))] == [RUNTIME]
    assert (home / RUNTIME).stat().st_mode & 0o777 == 0o700
    assert trouble(home, {}) is None


def test_a_home_may_be_a_link(home: Path) -> None:
    link = home.with_name("link")
    link.symlink_to(home)
    assert trouble(link, {}) is None
    link.unlink()
    link.symlink_to("nowhere")
    assert trouble(link, {}) == Trouble.MISSING


def test_what_is_no_home(home: Path) -> None:
    assert trouble(home / "no", {}) == Trouble.MISSING
    file = home / "file"
    file.touch()
    assert trouble(file, {}) == Trouble.NO_DIRECTORY


def test_runtime_files_may_be_elsewhere(home: Path) -> None:
    elsewhere = home.with_name("elsewhere")
    assert trouble(home, {"JUPYTER_RUNTIME_DIR": str(elsewhere)}) is None
    assert elsewhere.is_dir()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("status", list(Trouble))
def test_each_trouble_is_told_in_two_lines_and_to_the_admin_in_one(status: Trouble) -> None:
    told = unusable("root", int(status))
    assert told is not None
    assert told.jupyterhub_html_message.count("<br>") == 1
    assert told.jupyterhub_message.startswith("Your home, /root, ")
    assert str(told).startswith("the home of root, /root, ")
    assert "\n" not in str(told) + told.jupyterhub_message
    assert "{" not in str(told)


@pytest.mark.parametrize("status", [None, 0, 1, True, 80, 88, -9, "full", [85]])
def test_what_else_a_server_ends_with_is_not_about_its_home(status: object) -> None:
    assert unusable("root", status) is None


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Not starting fay's server : {}", True),
        ("Error starting server fay: {}", False),
        ("Previous spawn for fay failed: {}", False),
        ("400 GET /hub/spawn (10.0.0.1): {}", False),
        ("400 POST /jupyter/hub/api/users/fay/server (10.0.0.1): {}", False),
        ("400 GET /hub/spawn (fay@10.0.0.1) 1045.65ms", True),
        ("Error starting server fay: no home", True),
    ],
)
def test_a_home_is_told_of_in_one_line_of_the_log(line: str, kept: bool) -> None:
    message = line.format(unusable("root", int(Trouble.FULL)))
    record = logging.LogRecord("hub", logging.ERROR, "base.py", 1, "%s", (message,), None)
    assert OneLine().filter(record) is kept


def test_a_home_that_nobody_waited_to_hear_of_is_told_of_no_more(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    leave_out_homes(loop, {"message": "Task exception was never retrieved", "exception": unusable("root", 85)})
    assert caplog.text == ""
    leave_out_homes(loop, {"message": "something else", "exception": OSError()})
    assert "something else" in caplog.text
    loop.close()


# --- the server ----------------------------------------------------------------------------------------


def in_a_server(code: str) -> str:
    """What Python prints after a server's beginning, short of the server itself."""
    begin = "import sys; import installer.hub.server as s; s.stand_in()\n"
    done = subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.strip()


def test_a_server_reads_nothing_of_the_hubs() -> None:
    """As with a newer JupyterHub it might again."""
    there = "[m for m in sys.modules if m.split('.')[0] in ('sqlalchemy', 'alembic') or 'jupyterhub.handlers' in m]"
    assert in_a_server(f"{PARTS}; print(*{there})").split() == [
        "sqlalchemy", "jupyterhub.handlers.pages", "sqlalchemy.exc",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import jupyterhub.orm as o, jupyterhub.scopes as s; print(o.User is s.orm.User, s.sa.inspect(o.User))",
            "True",
        ),
        (
            "from sqlalchemy import create_engine as e; print(e('sqlite://').connect().in_transaction())",
            "False",
        ),
        (
            "from sqlalchemy.exc import NoSuchTableError as e; print(e.__mro__[1].__mro__[1].__name__)",
            "SQLAlchemyError",
        ),
        ("from sqlalchemy.orm import Session; print(Session.__name__)", "Session"),
        ("from jupyterhub.handlers.pages import HomeHandler as h; print(h.__name__)", "HomeHandler"),
        ("import jupyterhub.app; print(jupyterhub.app.JupyterHub.__name__)", "JupyterHub"),
    ],
)
def test_whoever_asks_for_it_gets_it(code: str, said: str) -> None:
    assert in_a_server(f"{PARTS}\n{code}").startswith(said)


def test_a_process_is_in_its_own_control_group_alone() -> None:
    group = Path("/proc/self/cgroup").read_text().rpartition(":")[2].strip().lstrip("/")
    assert not runs("no/such.group", os.getpid())
    assert not runs(group, 1 << 30)


def test_what_a_server_has_left_is_in_its_scope_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_groups, "CGROUPS", tmp_path)
    (tmp_path / "cgroup.procs").write_text("1\n")
    (tmp_path / "a.scope").mkdir()
    procs = tmp_path / "a.scope" / "cgroup.procs"
    for text, left in (("", False), ("7\n", False), ("7\n8\n", False), ("8\n", True)):
        procs.write_text(text)
        assert left_by(7, "a.scope") is left
    assert not left_by(7, "gone.scope")
    assert not left_by(7, "")
