"""One user can't take the machine down: seen in a machine whose kernel enforces limits.

Greedy wants all memory, all CPU time and all processes there are, one after the other. Modest works beside.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_host import VM_PACKAGES, install_packages
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CONFIG, NO_KERNELS, add_person
from tests.system.visitor import Visitor, until
from tests.system.vm import Vm, make_disk

pytestmark = pytest.mark.only_on("bookworm")

SLOW = 300.0
"""Seconds that something may take which takes one elsewhere: an emulated processor, on a host with other work to do."""
MEMORY_MB, TASKS = 400, 150
LIMITED = f"""\
{NO_KERNELS}limits:
  default: {{memory: {MEMORY_MB}M, tasks: {TASKS}}}
  groups: {{slow: {{cpu: 0.5}}}}
"""
NAMES = ("greedy", "modest")


class AtWork:
    """Somebody whose server runs, with a kernel."""

    kernel: Kernel

    def __init__(self, vm: Vm, name: str, stack: ExitStack) -> None:
        self.name = name
        self._vm = vm
        self.visitor = stack.enter_context(Visitor(vm, seconds=SLOW))

    def begin(self) -> None:
        """Log in, start the server, and a kernel in it."""
        self.visitor.login(self.name, password(self.name))
        self.visitor.start_server()
        self.kernel = self.visitor.start_kernel()
        assert self.kernel.run("6 * 7", seconds=SLOW) == "42"

    @property
    def slice(self) -> str:
        """The directory of the slice's control group."""
        uid = self._vm.run(["id", "-u", self.name]).stdout.strip()
        return f"/sys/fs/cgroup/jupyterusers.slice/jupyterusers-{uid}.slice"

    def event(self, file: str, name: str) -> int:
        """A counter in one of the slice's files."""
        return counter(self._vm.read(f"{self.slice}/{file}"), name)


def password(name: str) -> str:
    return f"the password of {name}"


def counter(text: str, name: str) -> int:
    found = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
    assert found, text
    return int(found[1])


@pytest.fixture(scope="module")
def vm(applied_server: Applied, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vm]:
    install_packages(VM_PACKAGES)
    directory = tmp_path_factory.mktemp("vm")
    with Machine(applied_server[0]) as machine:
        machine.run("groupadd slow")
        for name in NAMES:
            add_person(machine, name, password(name), groups=["jupyterhub-users"])
        add_person(machine, "capped", None, groups=["jupyterhub-users", "slow"])
        machine.put(CONFIG, LIMITED)
        changed = apply_as_root(machine)
        assert changed.ok, changed
        make_disk(machine, directory)
    try:
        with Vm(directory) as booted:
            booted.wait()
            yield booted
    finally:
        (directory / "disk").unlink()


@pytest.fixture(scope="module")
def people(vm: Vm) -> Iterator[tuple[AtWork, AtWork]]:
    with ExitStack() as stack:
        greedy, modest = (AtWork(vm, name, stack) for name in NAMES)
        side_by_side(greedy.begin, modest.begin)
        yield greedy, modest


def side_by_side(*work: Callable[[], None]) -> None:
    """Do several things at once; fails where one of them does."""
    failures: list[BaseException] = []

    def attempt(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [threading.Thread(target=attempt, args=[each]) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture(autouse=True)
def nothing_else_is_touched(vm: Vm, people: tuple[AtWork, AtWork]) -> Iterator[None]:
    """Whatever greedy does: the same hub, proxy and culler as before, a new login by ssh, and modest's work goes on."""
    _, modest = people
    before = main_processes(vm)
    modest.kernel.run("mine = 6 * 7", seconds=SLOW)
    yield
    assert vm.run("echo hello", anew=True).stdout == "hello\n"
    assert main_processes(vm) == before
    assert modest.kernel.run("mine", seconds=SLOW) == "42"
    assert modest.event("memory.events", "oom_kill") == 0
    assert modest.visitor.hub_user()["name"] == modest.name
    assert vm.run(["systemctl", "list-units", "--failed", "--no-legend", "--plain"]).stdout == ""


def main_processes(vm: Vm) -> str:
    """Those that are the same ones as long as none was restarted."""
    units = ["jupyterhub", "jupyterhub-proxy", "jupyterhub-culler", "nginx", "ssh"]
    return vm.run(["systemctl", "show", "--property=Id,MainPID,NRestarts,ActiveState", *units]).stdout


def test_limits_are_what_the_kernel_goes_by(vm: Vm, people: tuple[AtWork, AtWork]) -> None:
    greedy, _ = people
    assert int(vm.read(f"{greedy.slice}/memory.max")) == MEMORY_MB << 20
    assert int(vm.read(f"{greedy.slice}/pids.max")) == TASKS
    assert vm.read(f"{greedy.slice}/memory.swap.max").strip() in {"0", ""}
    assert int(vm.read("/sys/fs/cgroup/jupyterusers.slice/cpu.weight")) == 50
    # Root has given them this score: it can't be lowered. (Not every container has the right that this takes.)
    lower = "import os; os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'299')"
    answer = greedy.kernel.execute(lower, seconds=SLOW)
    assert answer.error is not None
    assert answer.error["ename"] == "PermissionError"
    told = greedy.visitor.api("GET", "/user/greedy/api/metrics/v1").json()
    assert told["limits"]["memory"]["rss"] == MEMORY_MB << 20
    assert told["limits"]["memory"]["warn"] is False


def test_who_wants_all_memory_loses_a_kernel(people: tuple[AtWork, AtWork]) -> None:
    greedy, _ = people
    greedy.kernel.send("hoard = [bytearray(2**20) for _ in range(4000)]")
    until("the kernel's end by the limit", lambda: greedy.event("memory.events", "oom_kill") > 0, SLOW)
    # JupyterLab tells of it by what the server says here.
    greedy.kernel.wait_for_state({"restarting", "dead"}, seconds=SLOW)
    assert greedy.visitor.server_answers()
    greedy.kernel.close()
    greedy.kernel = greedy.visitor.start_kernel()
    assert greedy.kernel.run("6 * 7", seconds=SLOW) == "42"


def test_who_wants_all_cpus_gets_a_share(vm: Vm, people: tuple[AtWork, AtWork]) -> None:
    greedy, modest = people
    busy = (
        "import subprocess, sys\n"
        "hogs = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range({})]\n"
        "len(hogs)"
    )
    end = "[hog.kill() for hog in hogs]; len([hog.wait() for hog in hogs])"
    assert greedy.kernel.run(busy.format(8), seconds=SLOW) == "8"
    assert modest.kernel.run(busy.format(2), seconds=SLOW) == "2"
    time.sleep(3)  # until all of them are at it
    before = [person.event("cpu.stat", "usage_usec") for person in people]
    begun = time.monotonic()
    assert vm.run("echo hello", anew=True).stdout == "hello\n"
    assert modest.visitor.hub_user()["name"] == modest.name
    time.sleep(max(0.0, 10 - (time.monotonic() - begun)))
    used = [person.event("cpu.stat", "usage_usec") - past for person, past in zip(people, before, strict=True)]
    assert modest.kernel.run(end, seconds=SLOW) == "2"
    assert greedy.kernel.run(end, seconds=SLOW) == "8"
    # Eight processes against two, on two CPUs: by processes modest would have a fifth.
    assert 0.35 < used[1] / sum(used) < 0.65, used


def test_a_cap_holds_where_nobody_else_wants_anything(vm: Vm) -> None:
    uid = vm.run(["id", "-u", "capped"]).stdout.strip()
    vm.run(["/opt/jupyter/libexec/jupyterhub-limits", "capped"])
    words = ["systemd-run", "--quiet", "--unit=jupyter-capped", f"--uid={uid}", f"--slice=jupyterusers-{uid}.slice"]
    vm.run([*words, "sh", "-c", "while :; do :; done"])
    stat = f"/sys/fs/cgroup/jupyterusers.slice/jupyterusers-{uid}.slice/cpu.stat"
    look = f"grep usage_usec {stat}; cut -d' ' -f1 /proc/uptime"
    seen = vm.run(f"{look}; sleep 5; {look}").stdout.splitlines()
    first, since, last, now = (float(line.split()[-1]) for line in seen)
    vm.run(["systemctl", "stop", "jupyter-capped"])
    assert (last - first) / 1e6 / (now - since) < 0.6


def test_a_fork_bomb_is_its_owners_alone(vm: Vm, people: tuple[AtWork, AtWork]) -> None:
    greedy, modest = people
    bomb = "import subprocess; subprocess.Popen(['bash', '-c', 'b() { b | b & }; b'], stderr=subprocess.DEVNULL)"
    greedy.kernel.send(bomb)
    until("the bomb to reach the limit", lambda: greedy.event("pids.events", "max") > 0, SLOW)
    assert int(vm.read(f"{greedy.slice}/pids.current")) <= TASKS
    assert modest.kernel.run("sum(range(1000))", seconds=SLOW) == "499500"
    assert vm.run("echo hello", anew=True).stdout == "hello\n"
    assert modest.visitor.server_answers()
    # What an admin does; afterwards its owner can begin anew.
    vm.run(["systemctl", "stop", Path(greedy.slice).name], timeout=SLOW)
    assert vm.run(["pgrep", "-u", "greedy"], check=False).stdout == ""
