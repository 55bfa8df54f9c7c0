"""What stops a server, a kernel or a terminal, and what must not: with short times, in a real hub behind nginx."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.system.browser import SITE, chromium, open_lab, open_notebook, run_cell
from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, CONFIG, Person, add_person, apply
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("sid")

PASSWORD = "the password of all of them"
IDLE, TAB, CELL, JOB, BEHIND, EXEMPT, SLOW = "idle", "tab", "cell", "job", "behind", "exempt", "slow"
SHOWN, PAGE, READER = "shown", "page", "reader"
PEOPLE = (IDLE, TAB, CELL, JOB, BEHIND, EXEMPT, SLOW, SHOWN, PAGE, READER)
"""What there is of each one: nothing, a tab that was forgotten, a cell that computes, a job in a terminal, a process
that computes behind an idle kernel, a word in the config, a group with a time of its own, an idle kernel whose use of
the machine a tab goes on showing, and somebody who opens a page, or a file, and does nothing with it."""
SECONDS = 30
SERVERS = f"""\
culler:
  timeout: {SECONDS}s
  every: 2s
  warning: 10s
  exempt: [{EXEMPT}]
  groups: [{{group: patient, timeout: 8h}}]
kernels: []
"""
INSIDE = """\
culler: {timeout: 0, kernel_timeout: 10s, terminal_timeout: 10s, exempt: [exempt]}
kernels: []
"""
AGE = "culler: {timeout: 0, max_age: 1m, every: 2s, exempt: [exempt]}\nkernels: []\n"
OWN = """\
c.MappingKernelManager.cull_idle_timeout = 0
c.TerminalManager.cull_inactive_timeout = 0
c.Watch.spare_open = True
"""
COMPUTING = "while True: pass"
WAITING = "sleep 4711"
OFF = {"ServerApp": {"jpserver_extensions": {"installer.hub.in_server": False}}}


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """A hub with short times."""
    with Machine(applied_server[0]) as machine:
        machine.run(["groupadd", "patient"])
        for name in PEOPLE:
            groups = ["jupyterhub-users", *(["patient"] if name == SLOW else [])]
            add_person(machine, name, PASSWORD, groups=groups)
        machine.put(CONFIG, SERVERS)
        apply(machine, ADMIN)
        yield machine


def begin(machine: Machine, stack: ExitStack, name: str) -> Visitor:
    """Somebody whose server was started."""
    visitor = stack.enter_context(Visitor(machine))
    visitor.login(name, PASSWORD)
    visitor.start_server()
    return visitor


def type_into_terminal(visitor: Visitor, line: str = "") -> str:
    """Open a terminal, type a line, and leave; returns its name."""
    name = str(visitor.api("POST", f"/user/{visitor.name}/api/terminals", {}).json()["name"])
    if line:
        terminal = visitor.websocket(f"/user/{visitor.name}/terminals/websocket/{name}")
        terminal.recv()
        terminal.send(json.dumps(["stdin", f"{line}\r"]))
        until(line, lambda: line.split(maxsplit=1)[0] in str(terminal.recv()))
        terminal.close()
    return name


def usage(visitor: Visitor, kernel: Kernel) -> str:
    """What JupyterLab asks every five seconds while it shows what a kernel uses."""
    path = f"/user/{visitor.name}/api/metrics/v1/kernel_usage/get_usage/{kernel.identity}"
    return visitor.get(path, follow=False).text


def touch_a_slider(kernel: Kernel) -> None:
    """Have a widget's message dealt with in a shell of its own, as JupyterLab does, whatever the main one is at."""
    made = kernel.answer(kernel.ask("create_subshell_request", {}, "control")).content
    target = {"comm_id": "1234", "target_name": "nobody's", "data": {}}
    asked = kernel.ask("comm_open", target, subshell=str(made["subshell_id"]))
    kernel.wait_for_idle(asked)


def running(machine: Machine) -> set[str]:
    """Whose servers run, by their processes."""
    listed = machine.run(["ps", "-e", "-o", "user:32,args"]).stdout
    return {line.split()[0] for line in listed.splitlines() if "jupyterhub-singleuser" in line}


def scopes(machine: Machine) -> set[str]:
    """Whose scopes there are."""
    listed = machine.run(["systemctl", "list-units", "--plain", "--no-legend", "jupyter-*.scope"]).stdout
    return {line.split("-")[1] for line in listed.splitlines()}


def left(machine: Machine, name: str) -> str:
    """The processes of somebody's that only wait, out of every session."""
    return machine.run(["pgrep", "--uid", name, "--full", "--exact", WAITING], check=False).stdout


def log(machine: Machine) -> str:
    return machine.journal("--unit=jupyterhub-culler", "--output=cat")


def test_what_is_at_work_is_spared(campus: Machine, tmp_path: Path) -> None:
    """After twice the time, only those are stopped whose owners have forgotten them, an open JupyterLab among them."""
    with ExitStack() as stack:
        at_work = begin(campus, stack, CELL)
        cell = at_work.start_kernel()
        cell.wait_for_output(cell.send("print('at it'); import time; time.sleep(3600)"), "at it")
        touch_a_slider(cell)
        cell.close()
        # The kernel says that it has done, with the answer to that alone.
        assert "kernel_memory" in usage(at_work, cell)
        type_into_terminal(begin(campus, stack, JOB), "sleep 3600 &")
        behind = begin(campus, stack, BEHIND).start_kernel()
        behind.run(f"import subprocess, sys; _ = subprocess.Popen([sys.executable, '-c', {COMPUTING!r}])")
        behind.close()
        begin(campus, stack, EXEMPT)
        begin(campus, stack, SLOW)
        expect.set_options(timeout=60_000)
        page = stack.enter_context(chromium(campus, tmp_path)).pages[0]
        page.goto(f"https://{SITE}/")
        open_notebook(page, open_lab(page, Person(TAB, PASSWORD)), "Python 3 (ipykernel)")
        run_cell(page, 0, "6 * 7")
        waits = begin(campus, stack, IDLE).start_kernel()
        waits.run(f"import subprocess; _ = subprocess.Popen({WAITING!r}.split(), start_new_session=True)")
        waits.close()
        assert left(campus, IDLE)
        showing = begin(campus, stack, SHOWN)
        shown = showing.start_kernel()
        assert "kernel_memory" in usage(showing, shown)
        opens, reads = begin(campus, stack, PAGE), begin(campus, stack, READER)
        lab, file = f"/user/{PAGE}/lab", f"/user/{READER}/api/contents/notes.txt"
        assert reads.api("PUT", file, {"type": "file", "format": "text", "content": "mine"}).is_success

        def stopped() -> bool:
            usage(showing, shown)
            assert opens.send("GET", lab, Accept="text/html,*/*;q=0.8").is_success
            assert reads.get(f"{file}?type=file&content=1", follow=False).is_success
            return running(campus).isdisjoint({IDLE, TAB, SHOWN})

        until("idle servers to be stopped", stopped, 4 * SECONDS, pause=2)
        time.sleep(10)
        assert running(campus) == {CELL, JOB, BEHIND, EXEMPT, SLOW, PAGE, READER}
        assert not left(campus, IDLE)
    said = log(campus)
    for name in (IDLE, TAB, SHOWN):
        assert said.count(f"the server of {name} will be stopped in ") == 1, said
        assert f"stopping the server of {name}: idle for " in said, said
    assert "Traceback" not in campus.journal("--unit=jupyterhub")


def test_kernels_and_terminals_by_themselves(campus: Machine) -> None:
    """Idle ones end though a tab is open and their owner has asked to have it otherwise; those at work don't."""
    campus.put(CONFIG, INSIDE)
    apply(campus, ADMIN)
    campus.run(["mkdir", f"/home/{IDLE}/.jupyter"], user=IDLE)
    campus.put(f"/home/{IDLE}/.jupyter/jupyter_server_config.py", OWN, owner=IDLE)
    campus.put(f"/home/{IDLE}/.jupyter/jupyter_server_config.json", json.dumps(OFF), owner=IDLE)
    with ExitStack() as stack:
        visitor = begin(campus, stack, IDLE)
        idle, busy = visitor.start_kernel(), visitor.start_kernel()
        idle.run("1 + 1")
        busy.wait_for_output(busy.send("print('at it'); import time; time.sleep(3600)"), "at it")
        touch_a_slider(busy)
        job, unused = type_into_terminal(visitor, "sleep 3600"), type_into_terminal(visitor)
        api = f"/user/{IDLE}/api"

        def one_left() -> bool:
            assert "kernel_memory" in usage(visitor, busy)
            usage(visitor, idle)
            return len(visitor.get(f"{api}/kernels").json()) == 1

        until("idle kernels to end", one_left, pause=2)
        until("unused terminals to end", lambda: len(visitor.get(f"{api}/terminals").json()) == 1)
        time.sleep(15)
        assert [kernel["id"] for kernel in visitor.get(f"{api}/kernels").json()] == [busy.identity]
        assert [terminal["name"] for terminal in visitor.get(f"{api}/terminals").json()] == [job], unused
        assert IDLE in running(campus)


def test_age_ends_what_is_at_work_too(campus: Machine) -> None:
    """And with the server all that was started in it."""
    campus.put(CONFIG, AGE)
    apply(campus, ADMIN)
    until("old servers to be stopped", lambda: running(campus) == {EXEMPT})
    until("what they have left to end", lambda: scopes(campus) == {EXEMPT})
    assert f"stopping the server of {CELL}: running for " in log(campus)
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
