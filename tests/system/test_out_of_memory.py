"""A notebook that wants all memory is killed by the kernel; the hub and the person's own server go on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.machine import Machine
from tests.system.machine_person import add_person
from tests.system.visitor import Visitor, until

LIMIT = 300 * 2**20
_MEMORY_V1 = Path("/sys/fs/cgroup/memory")


def test_a_notebook_out_of_memory_takes_nothing_else_along(applied_clone: Machine) -> None:
    machine = applied_clone
    person = add_person(machine, "greedy", "all of it", groups=["jupyterhub-users"])
    with Visitor(machine) as visitor:
        visitor.login(person.name, person.password or "")
        visitor.start_server()
        kernel = visitor.start_kernel()
        pid = int(kernel.run("import os; os.getpid()"))
        scope = machine.run(["cat", f"/proc/{pid}/cgroup"]).stdout
        assert re.search(
            r"/jupyterusers\.slice/jupyterusers-\d+\.slice/jupyter-greedy-\d+\.scope$", scope, re.MULTILINE
        )
        before = main_processes(machine)
        with limited(machine, pid) as kills:
            kernel.send("hoard = [bytearray(2**20) for _ in range(1000)]")
            until("the kernel's end by the memory limit", lambda: kills() > 0)
            until("the server to notice", lambda: pid not in processes_of(machine, "greedy"))
        assert main_processes(machine) == before
        assert visitor.server_answers()
        assert visitor.start_kernel().run("6 * 7") == "42"
    assert machine.run("systemctl --failed --no-legend").stdout == ""


def main_processes(machine: Machine) -> str:
    """The hub's, the proxy's and the culler's: the same ones as long as none was restarted."""
    units = ["jupyterhub", "jupyterhub-proxy", "jupyterhub-culler"]
    return machine.run(["systemctl", "show", "--property=Id,MainPID,NRestarts,ActiveState", *units]).stdout


def processes_of(machine: Machine, name: str) -> list[int]:
    """The ids of a person's processes."""
    return [int(pid) for pid in machine.run(["pgrep", "-u", name], check=False).stdout.split()]


@contextmanager
def limited(machine: Machine, pid: int) -> Iterator[Callable[[], int]]:
    """Limit the memory of a process, and give a function that counts the processes killed for it.

    By its slice, as an admin would, where the machine has cgroup v2's memory controller. A development host may have
    that controller in its v1 hierarchy alone; then the limit is set from there: it is the same kernel that kills.
    """
    if "memory" in machine.read("/sys/fs/cgroup/cgroup.controllers").split():
        unit = machine.run(f"sed -n 's|.*/\\(jupyterusers-[0-9]*.slice\\)/.*|\\1|p' /proc/{pid}/cgroup").stdout.strip()
        machine.run(["systemctl", "set-property", "--runtime", unit, f"MemoryMax={LIMIT}", "MemorySwapMax=0"])
        events = f"/sys/fs/cgroup/jupyterusers.slice/{unit}/memory.events"
        yield lambda: _count("oom_kill", machine.read(events))
        return
    group = _MEMORY_V1 / f"jupyterhub-installer-tests-{machine.name}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(LIMIT))
        (group / "cgroup.procs").write_text(str(machine.host_pid(pid)))
        yield lambda: _count("oom_kill", (group / "memory.oom_control").read_text())
    finally:
        for survivor in (group / "cgroup.procs").read_text().split():
            (_MEMORY_V1 / "cgroup.procs").write_text(survivor)
        group.rmdir()


def _count(name: str, text: str) -> int:
    found = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
    assert found, text
    return int(found[1])
