"""A kernel is changed while people work: what runs goes on as it is, and whoever starts anew has the new one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from installer.host import paths
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_kernels import KERNELS, kernel_command
from tests.system.machine_person import CONFIG
from tests.system.visitor import Visitor, member

# What is looked at is the same on every suite; each has its share of the long tests.
pytestmark = pytest.mark.only_on("bookworm")

OLD = "2.31.0"
"""A version of requests that the channel has besides a newer one."""
VERSION = "import requests; print(requests.__version__)"
PREFIX = "import sys; print(sys.prefix)"


@pytest.fixture(scope="module")
def machine(kernels_server: Applied) -> Iterator[Machine]:
    """A machine with a Python kernel `small` that an update would change, as it need not have old packages any more."""
    with Machine(kernels_server[0]) as machine:
        kernel_command(machine, "add", "small", "--packages", "python=3.11", f"requests={OLD}")
        machine.put(CONFIG, machine.read(CONFIG).replace(f"requests={OLD}", "requests"))
        yield machine


@pytest.fixture(scope="module")
def grace(machine: Machine) -> Iterator[Visitor]:
    with member(machine, "grace") as visitor:
        yield visitor


def test_what_runs_goes_on_in_its_revision(machine: Machine, grace: Visitor) -> None:
    """With modules of it that it had not yet imported; the next start has the new ones."""
    running, other = grace.start_kernel("small"), grace.start_kernel("small")
    before = running.run(PREFIX)
    assert other.run(VERSION) == OLD
    kernel_command(machine, "update", "small")
    assert running.run(VERSION) == OLD
    assert running.run(PREFIX) == before
    new = grace.start_kernel("small")
    assert new.run(VERSION) != OLD
    assert new.run(PREFIX) != before
    # Nor does it lose them to the collection of what nobody uses any more.
    kernel_command(machine, "gc", "--keep", "0")
    assert running.run("import wave, ipykernel.comm; print('found')") == "found"
    # A restart is the same kernel once more; jupyter_client reads its kernelspec only when it is started anew.
    assert grace.restart_kernel(other).run(VERSION) == OLD


def test_notebooks_from_elsewhere_find_our_python(grace: Visitor) -> None:
    """They name the kernel `python3`, as Jupyter does everywhere."""
    notebook = {"path": "theirs.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    answer = grace.api("POST", f"/user/{grace.name}/api/sessions", notebook)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    kernel = grace.kernel(answer.json()["kernel"]["id"])
    assert kernel.run(PREFIX).startswith(f"{paths.KERNELS}/python/")


def test_a_server_that_is_started_has_the_new_default(machine: Machine, grace: Visitor) -> None:
    assert _default(grace) == "python3"
    kernel_command(machine, "add", "own", "--packages", "python=3.11", "--default")
    with member(machine, "alan") as alan:
        assert _default(alan) == "own"
        assert alan.start_kernel().run(PREFIX).startswith(f"{paths.KERNELS}/own/")


def test_all_are_offered(grace: Visitor) -> None:
    specs = grace.api("GET", f"/user/{grace.name}/api/kernelspecs").json()["kernelspecs"]
    assert set(specs) >= {*KERNELS.values(), "small"}
    for name, spec in specs.items():
        logo = grace.get(spec["resources"]["logo-svg"])
        assert logo.status_code == httpx.codes.OK, name


def _default(visitor: Visitor) -> str:
    return str(visitor.api("GET", f"/user/{visitor.name}/api/kernelspecs").json()["default"])
