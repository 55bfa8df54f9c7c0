"""A kernel's environment: made, made again, taken back; against `python -m venv` and pip with the same packages.

Ours comes from a conda channel on the machine's own disk, since the point is what is done with packages once they are
there; pip's wheels are in its cache where that is said to be warm. Both write to the host's own file system: making ten
thousands of links on the overlay that a machine's root is takes three times as long as on any server's disk.
"""

from __future__ import annotations

from pathlib import Path

from tests.channel.build import build, layer_of
from tests.system.machine import Machine
from tests.system.machine_host import cache_dir
from tests.system.machine_image import Layer
from tests.system.machine_person import CHECKOUT, CONFIG
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

_KERNELS = "/opt/jupyter/kernels"
_DISK = Path("/srv/disk")
_PLAIN = _DISK / "plain"
_PIP_CACHE = _DISK / "pip"
_PACKAGES = "ipykernel ipywidgets lxml matplotlib nltk numpy pandas requests scikit-learn scipy"
_INSTALL = f"{_PLAIN}/bin/pip install --quiet --cache-dir={_PIP_CACHE} {_PACKAGES}"
_PIP = f"rm -rf {_PLAIN} && python3 -m venv {_PLAIN} && {_INSTALL}"
_SHORT = 5
"""How often in each run what takes a fraction of a second is timed: one time by itself says little."""

# Until the kernel has answered a cell, as a server starts one; and once the interpreter has everything in memory.
_FIRST_CELL = """
import sys, time
from jupyter_client.manager import start_new_kernel
begun = time.perf_counter()
manager, client = start_new_kernel(kernel_name=sys.argv[1])
client.execute_interactive(sys.argv[2], timeout=120)
print(time.perf_counter() - begun)
client.stop_channels()
manager.shutdown_kernel(now=True)
"""


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each in turn, as root, in one machine that is applied and has no kernels yet."""
    top, *below = stage.applied.directories
    seconds: dict[str, list[float]] = {}
    first: list[float] = []
    second: list[float] = []
    with Machine(Layer(stage.suite, (top, layer_of(build(cache_dir())), *below)), disk=_DISK) as machine:
        machine.run(f"cp --archive {_KERNELS} {_DISK} && mount --bind {_DISK}/kernels {_KERNELS}")
        machine.put(CONFIG, "channels: [file:///srv/channel]\nkernels: []\n")
        machine.put("/root/first_cell.py", _FIRST_CELL)
        machine.run("apt-get --quiet --quiet --yes install python3-venv", timeout=300)
        for number in range(runs):
            loads.append(load())
            for name, command in (
                ("`kernel add python`, cache cold", f"rm -rf {_KERNELS}/.cache/packages; {_kernel('add python')}"),
                ("venv + pip with the same packages, cache cold", f"rm -rf {_PIP_CACHE}; {_PIP}"),
                ("venv + pip with the same packages, cache warm", _PIP),
                *[("`kernel add python` again: nothing to do", _kernel("add python"))] * _SHORT,
            ):
                seconds.setdefault(name, []).append(_time(machine, command))
            before = _used(machine)
            for name, command in (
                (
                    "second revision: `kernel install python requests==2.31.0`",
                    _kernel("install python requests==2.31.0"),
                ),
                *[("`kernel rollback python`", _kernel("rollback python", ask=False))] * _SHORT,
            ):
                seconds.setdefault(name, []).append(_time(machine, command))
            first.append(before / 1e6)
            second.append((_used(machine) - before) / 1e6)
            if number == 0:
                machine.run(f"{_PLAIN}/bin/python -m ipykernel install --prefix=/usr/local --name=plain")
            for told, cell in (
                ("`answer = 6 * 7`", "answer = 6 * 7"),
                ("`import numpy, pandas`", "import numpy, pandas"),
            ):
                for name, kernel in (
                    (f"the kernel's start, and a first cell with {told}", "python3"),
                    ("the same in the venv: " + told, "plain"),
                ) * _SHORT:
                    seconds.setdefault(name, []).append(_first_cell(machine, kernel, cell))
            for name, command in (
                ("`kernel remove python`", _kernel("remove python", ask=False)),
                ("`kernel add python`, cache warm", _kernel("add python")),
            ):
                seconds.setdefault(name, []).append(_time(machine, command))
            machine.run(_kernel("remove python", ask=False), cwd=CHECKOUT, timeout=300)
            seconds.setdefault("`kernel gc`, with all packages to go", []).append(
                _time(machine, _kernel("gc", ask=False))
            )
    rows = [Row(name, taken) for name, taken in seconds.items()]
    return [*rows, Row("disk of the first revision", first, "MB"), Row("disk of the second one", second, "MB")]


def _kernel(words: str, *, ask: bool = True) -> str:
    return f"python3 -m installer kernel {words}{' --yes' if ask else ''}"


def _time(machine: Machine, command: str) -> float:
    machine.run(["sync"], timeout=300)  # what the command before has left to be written is not this one's to wait for
    return machine.run(command, cwd=CHECKOUT, timeout=900).seconds


def _used(machine: Machine) -> float:
    """Bytes of all environments, what several share counted once; the cache's links to the same files included."""
    return float(machine.run(["du", "--summarize", "--block-size=1", _KERNELS]).stdout.split()[0])


def _first_cell(machine: Machine, kernel: str, cell: str) -> float:
    variables = {"JUPYTER_PATH": "/opt/jupyter/share/jupyter:/usr/local/share/jupyter"}
    words = ["/opt/jupyter/.venv/bin/python", "/root/first_cell.py", kernel, cell]
    return float(machine.run(words, env=variables, timeout=300).stdout)
