"""Which servers are stopped and when, and what counts as a job."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from installer.config.culler import Culler
from installer.config.models import Config
from installer.features import culler as feature
from installer.features import in_servers
from installer.hub.culler import Judge
from installer.hub.culling import End, Limits, Rules, end_of, groups_of, in_words, read_rules
from installer.hub.in_server.jobs import Process, read_process, with_jobs
from installer.hub.in_server.polling import is_page, is_use_of_api, with_all
from installer.hub.in_server.shells import Shells

HOUR = 3600
RULES = Rules(
    everybody=Limits(HOUR, 0),
    groups={"gpu": Limits(8 * HOUR, 48 * HOUR), "staff": Limits(2 * HOUR, 0)},
    exempt=frozenset(["ada"]),
    warning=600,
    every=300,
)


@pytest.mark.parametrize(
    ("user", "groups", "limits"),
    [
        ("grace", frozenset(), Limits(HOUR, 0)),
        ("grace", frozenset(["other"]), Limits(HOUR, 0)),
        ("grace", frozenset(["gpu"]), Limits(8 * HOUR, 48 * HOUR)),
        # The longest of each, and for ever is longest.
        ("grace", frozenset(["gpu", "staff"]), Limits(8 * HOUR, 0)),
        # Where nobody can say who is in which group, nobody's work is stopped for that.
        ("grace", None, Limits(8 * HOUR, 0)),
        ("ada", frozenset(["gpu"]), Limits(0, 0)),
    ],
)
def test_limits_of_somebody(user: str, groups: frozenset[str] | None, limits: Limits) -> None:
    assert RULES.limits_of(user, groups) == limits


@pytest.mark.parametrize(
    ("limits", "idle", "age", "end"),
    [
        (Limits(HOUR, 0), 600, HOUR * 9, End(3000, HOUR, "idle for 10m")),
        (Limits(HOUR, 0), HOUR, HOUR, End(0, HOUR, "idle for 1h")),
        (Limits(HOUR, 48 * HOUR), 10, 48 * HOUR, End(0, 48 * HOUR, "running for 2d")),
        (Limits(0, 48 * HOUR), 90 * HOUR, None, None),
        (Limits(0, 0), 90 * HOUR, 90 * HOUR, None),
    ],
)
def test_the_end_of_a_server(limits: Limits, idle: float, age: float | None, end: End | None) -> None:
    assert end_of(limits, idle, age) == end


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59.9, "59s"), (90, "1m30s"), (3600, "1h"), (90061, "1d1h"), (-5, "0s")]
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def server(age: timedelta = timedelta(hours=5)) -> dict[str, str]:
    return {"full_name": "grace/", "started": (datetime.now(timezone.utc) - age).isoformat()}


def test_one_warning_before_the_end(caplog: pytest.LogCaptureFixture) -> None:
    judge = Judge(RULES, lambda _: frozenset())
    with caplog.at_level(logging.INFO):
        verdicts = [judge(inactive=timedelta(minutes=m), server=server()) for m in (5, 49, 51, 56, 3, 52, 60)]
    assert verdicts == [False] * 6 + [True]
    assert [record.getMessage() for record in caplog.records] == [
        "the server of grace will be stopped in 9m: idle for 51m",
        # Somebody was there in between.
        "the server of grace will be stopped in 8m: idle for 52m",
        "stopping the server of grace: idle for 1h",
    ]


def test_no_warning_of_what_is_short_anyway(caplog: pytest.LogCaptureFixture) -> None:
    judge = Judge(Rules(Limits(60, 0), {}, frozenset(), warning=600, every=5), lambda _: frozenset())
    with caplog.at_level(logging.INFO):
        assert not judge(inactive=timedelta(seconds=20), server=server())
        assert caplog.records == []
        assert not judge(inactive=timedelta(seconds=40), server=server())
    assert len(caplog.records) == 1


def test_age_ends_a_server_at_work(caplog: pytest.LogCaptureFixture) -> None:
    """The seeds' case of 48 hours."""
    judge = Judge(Rules(Limits(HOUR, 48 * HOUR), {}, frozenset(), 0, 300), lambda _: frozenset())
    with caplog.at_level(logging.INFO):
        assert not judge(inactive=timedelta(0), server=server(timedelta(hours=47)))
        assert judge(inactive=timedelta(0), server=server(timedelta(hours=48)))
    assert [record.getMessage() for record in caplog.records] == ["stopping the server of grace: running for 2d"]


def test_rules_from_the_config_to_the_culler(tmp_path: Path) -> None:
    groups = [{"group": "gpu", "timeout": "8h", "max_age": 0}, {"group": "lab", "max_age": "1h"}]
    settings = Culler.model_validate({"timeout": "1h", "max_age": "48h", "groups": groups, "exempt": ["ada"]})
    file = tmp_path / "culler.json"
    file.write_text(feature.rules(settings))
    read = read_rules(file)
    assert read.everybody == Limits(HOUR, 48 * HOUR)
    assert read.groups == {"gpu": Limits(8 * HOUR, 0), "lab": Limits(HOUR, HOUR)}
    assert (read.exempt, read.warning, read.every) == (frozenset(["ada"]), 600, 300)


def test_what_servers_are_told() -> None:
    assert in_servers.settings(Config()) == {
        "ServerApp": {"jpserver_extensions": {in_servers.EXTENSION: True, "jupyter_resource_usage": True}},
        "Watch": {"every": 10, "tell_after": 300, "spare_busy": True, "spare_open": False},
    }
    config = {"culler": {"timeout": "1m", "kernel_timeout": "30s", "terminal_timeout": "1h"}}
    short = in_servers.settings(Config.model_validate(config))
    assert short["Watch"]["tell_after"] == 5
    assert short["MappingKernelManager"] == {
        "cull_idle_timeout": 30, "cull_interval": 15, "cull_busy": False, "cull_connected": True
    }  # fmt: skip
    assert short["TerminalManager"] == {"cull_inactive_timeout": HOUR, "cull_interval": 300}


def test_what_is_asked_of_kernels_by_the_way_is_added_to_what_the_server_knows() -> None:
    found = with_all(["status", "usage_request"])
    assert found[:2] == ["status", "usage_request"]
    assert {"usage_reply", "create_subshell_request", "delete_subshell_reply", "list_subshell_request"} < set(found)
    assert len(found) == len(set(found))
    assert with_all(found) == found


@pytest.mark.parametrize(
    ("request_line", "use"),
    [
        ("PUT api/contents/a.ipynb", True),
        ("POST api/kernels", True),
        ("DELETE api/sessions/1", True),
        ("GET api/contents/a.ipynb?type=notebook&content=1", True),
        ("GET api/contents/a/b.txt?type=file&format=text", True),
        # Whether it has changed.
        ("GET api/contents/a.ipynb?type=notebook&content=0&hash=1", False),
        ("HEAD api/contents/a.ipynb?type=notebook", False),
        # What an open tab does all the time.
        ("GET api/contents/?content=1", False),
        ("GET api/contents/folder?content=1&type=directory", False),
        ("GET api/kernels", False),
        ("GET api/sessions?type=notebook", False),
        ("GET api/metrics/v1/kernel_usage/get_usage/1", False),
        ("PUT lab/api/workspaces/default", False),
        ("GET lab/api/settings?type=file", False),
    ],
)
def test_what_of_the_api_a_person_uses(request_line: str, use: bool) -> None:
    method, _, address = request_line.partition(" ")
    path, _, query = address.partition("?")
    arguments = {name: [value.encode()] for name, value in parse_qsl(query)}
    assert is_use_of_api(method, f"/user/ada/{path}", "/user/ada/", arguments) is use


@pytest.mark.parametrize(
    ("method", "accepted", "page"),
    [
        ("GET", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("GET", "*/*", False),
        ("GET", "image/avif,image/webp,*/*;q=0.8", False),
        ("GET", "", False),
        ("HEAD", "text/html", False),
    ],
)
def test_what_is_the_opening_of_a_page(method: str, accepted: str, page: bool) -> None:
    assert is_page(method, accepted) is page


def test_groups_of_an_account() -> None:
    assert "root" in (groups_of("root") or ())
    assert groups_of("nobody-of-that-name") is None


# --- jobs in terminals --------------------------------------------------------------------------------
SHELL, OTHER = 100, 200
TERMINALS = {"1": SHELL, "2": OTHER}


def process(pid: int, name: str, parent: int, session: int, state: str = "S") -> Process:
    return Process(pid, name, state, parent, session)


IDLE = (process(SHELL, "bash", 1, SHELL), process(OTHER, "zsh", 1, OTHER), process(50, "python", 1, 50))


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ((), set()),
        ((process(101, "sleep", SHELL, SHELL),), {"1"}),
        # A shell in a shell waits for somebody, too; what runs in it is a job.
        ((process(101, "bash", SHELL, SHELL),), set()),
        ((process(101, "bash", SHELL, SHELL), process(102, "make", 101, SHELL)), {"1"}),
        # In a session of its own, but started from there.
        ((process(201, "setsid", OTHER, 201), process(202, "train", 201, 201)), {"2"}),
        # Has left: what it was started from doesn't show any more.
        ((process(201, "ssh-agent", 1, 201),), set()),
        ((process(101, "sleep", SHELL, SHELL, "Z"),), set()),
        # A kernel's.
        ((process(301, "gopls", 50, 50),), set()),
        ((process(301, "a", 302, 301), process(302, "b", 301, 301)), set()),
    ],
)
def test_jobs_in_terminals(more: tuple[Process, ...], found: set[str]) -> None:
    assert with_jobs(TERMINALS, (*IDLE, *more)) == found


def test_a_real_process() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as sleeper:
        found = read_process(sleeper.pid)
        sleeper.kill()
    assert found is not None
    assert (found.parent, found.session) == (os.getpid(), sleeper.pid)
    assert read_process(sleeper.pid) is None


def test_a_name_with_brackets(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) (b) S 3 7 5 0 -1 ...\n")
    assert read_process(7, tmp_path) == Process(7, "a) (b", "S", 3, 5)


def test_the_rules_are_json_that_people_can_read() -> None:
    assert json.loads(feature.rules(Culler()))["timeout"] == HOUR


def status(state: str, kind: str = "execute_request", *, subshell: str = "", process: str = "1") -> dict[str, object]:
    """What a kernel publishes of a request."""
    parent = {"msg_type": kind, **({"subshell_id": subshell} if subshell else {})}
    header = {"msg_type": "status", "session": process}
    return {"header": header, "parent_header": parent, "content": {"execution_state": state}}


@pytest.mark.parametrize(
    ("said", "busy"),
    [
        ([], False),
        ([status("busy")], True),
        ([status("busy"), status("idle")], False),
        # A slider, in the middle of a cell.
        ([status("busy"), status("busy", "comm_msg", subshell="a"), status("idle", "comm_msg", subshell="a")], True),
        # And a button that is at it for longer than the cell.
        ([status("busy"), status("busy", "comm_msg", subshell="a"), status("idle")], True),
        ([status("busy"), status("idle", "usage_request")], True),
        ([status("busy", "usage_request")], False),
        # Nobody tells of the end of what a kernel was at when it died.
        ([status("busy"), status("starting", "", process="2")], False),
    ],
)
def test_a_kernel_is_busy_as_long_as_one_of_its_shells_is(said: list[dict[str, object]], *, busy: bool) -> None:
    shells = Shells(lambda kind: kind not in {"usage_request", ""})
    for message in said:
        shells.hear(message)
    assert shells.busy is busy
