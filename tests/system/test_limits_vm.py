"""One user can't take the machine down: seen in a machine whose kernel enforces limits.

Greedy wants all memory, all CPU time and all processes there are, one after the other. Modest works beside.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.system.browser import SITE, chromium, open_lab, open_notebook, run_cell, screenshot
from tests.system.kernel_talk import Kernel
from tests.system.machine_image import Layer
from tests.system.machine_limited import GREEDY, MEMORY_MB, MODEST, SLOW, SPAWNERS, TASKS
from tests.system.machine_person import Person
from tests.system.machine_vm import VirtualMachine
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on(*SPAWNERS)

HOARD = "hoard = [bytearray(2**20) for _ in range(4000)]"


class AtWork:
    """Somebody whose server runs, with a kernel."""

    def __init__(self, vm: VirtualMachine, person: Person, stack: ExitStack) -> None:
        self.name = person.name
        self._vm = vm
        self.visitor = stack.enter_context(Visitor(vm, seconds=SLOW, pause=0.5))
        self.visitor.login(person.name, person.password or "")
        self.begin()

    def begin(self) -> None:
        """Start the server, and a kernel in it."""
        self.visitor.start_server()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Start another kernel; the one before, if there was any, is of no interest any more."""
        self._kernel = self.visitor.launch_kernel()
        assert self.run("6 * 7") == "42"

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """A connection to the kernel; one that nobody listens to for a while is cut."""
        kernel = self.visitor.kernel(self._kernel)
        try:
            yield kernel
        finally:
            kernel.close()

    def run(self, code: str) -> str:
        """What a cell says."""
        with self.kernel() as kernel:
            return kernel.run(code, seconds=SLOW)

    @property
    def server(self) -> str:
        """The server's process."""
        return self._vm.run(["pgrep", "--oldest", "-u", self.name, "-f", "singleuser"]).stdout

    @property
    def slice(self) -> str:
        """The directory of the slice's control group."""
        uid = self._vm.run(["id", "-u", self.name]).stdout.strip()
        return f"/sys/fs/cgroup/jupyterusers.slice/jupyterusers-{uid}.slice"

    def event(self, file: str, name: str) -> int:
        """A counter in one of the slice's files."""
        text = self._vm.read(f"{self.slice}/{file}")
        found = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
        assert found, text
        return int(found[1])

    def refused_forks(self) -> int:
        """How often there were too many processes; kernels before 6.11 count it where it happened, below the slice."""
        counters = self._vm.run(["grep", "-rh", "--include=pids.events", "^max ", self.slice], check=False).stdout
        return sum(int(line.split()[1]) for line in counters.splitlines())


@pytest.fixture(scope="module")
def vm(vm_server: Layer) -> Iterator[VirtualMachine]:
    booted = VirtualMachine(vm_server, cold=True)
    with booted:
        yield booted


@pytest.fixture(scope="module")
def people(vm: VirtualMachine) -> Iterator[tuple[AtWork, AtWork]]:
    with ExitStack() as stack:
        until(
            "the hub to answer", lambda: vm.run(["curl", "-kfs", "https://localhost/hub/login"], check=False).ok, SLOW
        )
        yield AtWork(vm, GREEDY, stack), AtWork(vm, MODEST, stack)


@pytest.fixture
def nothing_else_is_touched(vm: VirtualMachine, people: tuple[AtWork, AtWork]) -> Iterator[None]:
    """Whatever greedy does: the same hub, proxy, culler, nginx and sshd as before; and modest's work goes on."""
    _, modest = people
    before = main_processes(vm)
    modest.run("mine = 6 * 7")
    yield
    assert vm.log_in(["echo", "hello"]).stdout == "hello\n"
    assert main_processes(vm) == before
    assert modest.run("mine") == "42"
    assert modest.event("memory.events", "oom_kill") == 0
    assert modest.visitor.hub_user()["name"] == modest.name
    assert vm.run(["systemctl", "list-units", "--failed", "--no-legend", "--plain"]).stdout == ""


beside_others = pytest.mark.usefixtures("nothing_else_is_touched")


def main_processes(vm: VirtualMachine) -> str:
    """Those that are the same ones as long as none was restarted."""
    units = ["jupyterhub", "jupyterhub-proxy", "jupyterhub-culler", "nginx", "ssh"]
    return vm.run(["systemctl", "show", "--property=Id,MainPID,NRestarts,ActiveState", *units]).stdout


def test_limits_are_what_the_kernel_goes_by(vm: VirtualMachine, people: tuple[AtWork, AtWork]) -> None:
    greedy, _ = people
    assert int(vm.read(f"{greedy.slice}/memory.max")) == MEMORY_MB << 20
    assert int(vm.read(f"{greedy.slice}/pids.max")) == TASKS
    assert int(vm.read(f"{greedy.slice}/memory.swap.max")) == 0
    assert int(vm.read("/sys/fs/cgroup/jupyterusers.slice/cpu.weight")) == 50
    assert int(vm.read("/sys/fs/cgroup/jupyterusers.slice/memory.max")) == 1 << 30
    # Root has given them this score: it can't be lowered. (Not every container has the right that this takes.)
    lower = "import os; os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'299')"
    with greedy.kernel() as kernel:
        answer = kernel.execute(lower, seconds=SLOW)
    assert answer.error is not None
    assert answer.error["ename"] == "PermissionError"
    told = greedy.visitor.api("GET", "/user/greedy/api/metrics/v1").json()
    assert told["limits"]["memory"]["rss"] == MEMORY_MB << 20
    assert told["limits"]["memory"]["warn"] is False


def test_an_admin_sees_whose_it_is(vm: VirtualMachine, people: tuple[AtWork, AtWork]) -> None:
    greedy, _ = people
    tree = vm.run(["systemd-cgls", "--no-pager", "--full", "/jupyterusers.slice"]).stdout
    unit = re.search(r"jupyter-greedy-\d+\.scope|jupyter-greedy\.service", tree)
    assert unit, tree
    status = vm.run(["systemctl", "status", "--no-pager", "--full", unit[0]]).stdout
    assert "Jupyter server of greedy" in status
    assert "ipykernel_launcher" in status
    assert greedy.event("memory.events", "oom_kill") == 0


@beside_others
def test_who_wants_all_memory_loses_a_kernel(people: tuple[AtWork, AtWork]) -> None:
    greedy, _ = people
    before, server = greedy.event("memory.events", "oom_kill"), greedy.server
    with greedy.kernel() as kernel:
        kernel.send(HOARD)
        # JupyterLab tells of it by what the server says here.
        kernel.wait_for_state({"restarting", "dead"}, seconds=SLOW)
    assert greedy.event("memory.events", "oom_kill") > before
    assert greedy.server == server
    assert greedy.visitor.server_answers()
    greedy.begin_anew()


@beside_others
def test_jupyterlab_says_so(vm: VirtualMachine, people: tuple[AtWork, AtWork], tmp_path: Path) -> None:
    greedy, _ = people
    before = greedy.event("memory.events", "oom_kill")
    with chromium(vm, tmp_path) as browser:
        page = browser.pages[0]
        expect.set_options(timeout=SLOW * 1000)
        page.goto(f"https://{SITE}/")
        open_notebook(page, open_lab(page, GREEDY), "Python 3 (ipykernel)")
        run_cell(page, 0, HOARD)
        try:
            expect(page.locator(".jp-Dialog")).to_contain_text("appears to have died. It will restart automatically")
        finally:
            screenshot(page, vm, "out-of-memory")
    assert greedy.event("memory.events", "oom_kill") > before
    assert greedy.visitor.server_answers()


@beside_others
def test_who_wants_all_cpu_time_gets_a_share(vm: VirtualMachine, people: tuple[AtWork, AtWork]) -> None:
    greedy, modest = people
    busy = (
        "import subprocess, sys\n"
        "hogs = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range({})]\n"
        "len(hogs)"
    )
    end = "[hog.kill() for hog in hogs]; len([hog.wait() for hog in hogs])"
    assert greedy.run(busy.format(8)) == "8"
    assert modest.run(busy.format(2)) == "2"
    time.sleep(3)  # until all of them are at it
    before = [person.event("cpu.stat", "usage_usec") for person in people]
    begun = time.monotonic()
    assert vm.log_in(["echo", "hello"]).stdout == "hello\n"
    assert modest.visitor.hub_user()["name"] == modest.name
    time.sleep(max(0.0, 6 - (time.monotonic() - begun)))
    used = [person.event("cpu.stat", "usage_usec") - past for person, past in zip(people, before, strict=True)]
    assert modest.run(end) == "2"
    assert greedy.run(end) == "8"
    # Eight processes against two: by processes, modest would have a fifth.
    assert 0.4 < used[1] / sum(used) < 0.6, used


def test_a_cap_holds_where_nobody_else_wants_anything(vm: VirtualMachine) -> None:
    uid = vm.run(["id", "-u", "capped"]).stdout.strip()
    vm.run(["/opt/jupyter/libexec/jupyterhub-limits", "capped"])
    words = ["systemd-run", "--quiet", "--unit=jupyter-capped", f"--uid={uid}", f"--slice=jupyterusers-{uid}.slice"]
    vm.run([*words, "sh", "-c", "while :; do :; done"])
    stat = f"/sys/fs/cgroup/jupyterusers.slice/jupyterusers-{uid}.slice/cpu.stat"
    look = f"grep usage_usec {stat}; cut -d' ' -f1 /proc/uptime"
    seen = vm.run(f"{look}; sleep 5; {look}").stdout.splitlines()
    first, since, last, now = (float(line.split()[-1]) for line in seen)
    vm.run(["systemctl", "stop", "jupyter-capped"])
    assert 0.3 < (last - first) / 1e6 / (now - since) < 0.6


@beside_others
def test_a_fork_bomb_is_its_owners_alone(vm: VirtualMachine, people: tuple[AtWork, AtWork]) -> None:
    greedy, modest = people
    bomb = "import subprocess; subprocess.Popen(['bash', '-c', 'b() { b | b & }; b'], stderr=subprocess.DEVNULL)"
    assert greedy.run(f"{bomb}; 42") == "42"
    until("the bomb to reach the limit", lambda: greedy.refused_forks() > 0, SLOW)
    assert int(vm.read(f"{greedy.slice}/pids.current")) <= TASKS
    assert modest.run("sum(range(1000))") == "499500"
    assert vm.log_in(["echo", "hello"]).stdout == "hello\n"
    assert modest.visitor.server_answers()
    # What an admin does; afterwards its owner can begin anew.
    vm.run(["systemctl", "stop", Path(greedy.slice).name], timeout=SLOW)
    assert vm.run(["pgrep", "-u", "greedy"], check=False).stdout == ""

    def noticed() -> bool:
        told = greedy.visitor.hub_user()
        return told["server"] is None and told["pending"] is None

    until("the hub to notice", noticed, SLOW)
    greedy.begin()
