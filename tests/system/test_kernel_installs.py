"""What people install for themselves from a notebook: theirs alone, that kernel's alone, and nothing of everybody's."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from installer.host import paths
from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_kernels import KERNELS, kernel_command
from tests.system.visitor import Visitor, member

# What is looked at is the same on every suite; each has its share of the long tests.
pytestmark = pytest.mark.only_on("bookworm")

FIRST_CELL_SECONDS = 180
CRAN, JULIA_PACKAGE = "/srv/cran", "/srv/Greeting"


@dataclass(frozen=True)
class Install:
    """install: what a person types. use: a cell that needs it, at once, in the same kernel; prints `uses`.

    where: prints the place of it, which is below `place` of the person's home. missing: a cell that prints `none` where
    it is not to be had.
    """

    install: str
    use: str
    uses: str
    place: str
    missing: str


INSTALLS = {
    "go": Install(
        "!*go get github.com/google/uuid@v1.6.0",
        'import ("fmt"; "github.com/google/uuid")\n%%\nfmt.Println(len(uuid.NewString()))',
        "36",
        "go/pkg/mod/github.com/google/uuid@v1.6.0/uuid.go",
        "!ls $HOME/go/pkg/mod/github.com/google 2>/dev/null || echo none",
    ),
    "python": Install(
        "%pip install iniconfig==2.1.0",
        "import iniconfig, importlib.metadata\nprint(importlib.metadata.version('iniconfig'))",
        "2.1.0",
        ".local/share/jupyter-kernels/python/lib/python3.11/site-packages/iniconfig/__init__.py",
        "import importlib.util\nprint(str(importlib.util.find_spec('iniconfig')).lower())",
    ),
    "r": Install(
        f"install.packages('greeting', repos = 'file://{CRAN}')",
        "library(greeting); cat(greet())",
        "hello from R",
        "R/jupyter-r-4.2/greeting/DESCRIPTION",
        "cat(if (requireNamespace('greeting', quietly = TRUE)) 'there' else 'none')",
    ),
    "julia": Install(
        f'using Pkg; Pkg.develop(Pkg.PackageSpec(path="{JULIA_PACKAGE}"))',
        "using Greeting; println(Greeting.greet())",
        "hello from Julia",
        ".julia/environments/jupyter-julia-v1.5/Manifest.toml",
        'println(Base.find_package("Greeting") === nothing ? "none" : "there")',
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def machine(kernels_server: Applied) -> Iterator[Machine]:
    """A machine with a second kernel of Python and of Julia, and packages for R and Julia."""
    with Machine(kernels_server[0]) as machine:
        kernel_command(machine, "add", "small", "--packages", "python=3.11")
        kernel_command(machine, "add", "other-julia", "--recipe", "julia")
        source = {
            "DESCRIPTION": "Package: greeting\nVersion: 1.0\nTitle: Greets\nDescription: Greets.\nLicense: GPL-3\n"
            "Author: Ada\nMaintainer: Ada <ada@example.org>\n",
            "NAMESPACE": "export(greet)\n",
            "R/greet.R": "greet <- function() 'hello from R'\n",
        }
        machine.put(f"{CRAN}/src/contrib/greeting_1.0.tar.gz", _archive("greeting", source))
        machine.put(f"{CRAN}/src/contrib/PACKAGES", "Package: greeting\nVersion: 1.0\n")
        machine.put(
            f"{JULIA_PACKAGE}/Project.toml",
            'name = "Greeting"\nuuid = "3c1f2c3e-9a0e-4b6e-8d4b-0d8a5f1f7a11"\nversion = "1.0.0"\n',
        )
        module = 'module Greeting\ngreet() = "hello from Julia"\nend\n'
        machine.put(f"{JULIA_PACKAGE}/src/Greeting.jl", module)
        yield machine


def _archive(name: str, files: Mapping[str, str]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return written.getvalue()


@pytest.fixture(scope="module")
def grace(machine: Machine) -> Iterator[Visitor]:
    with member(machine, "grace") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def alan(machine: Machine) -> Iterator[Visitor]:
    with member(machine, "alan") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def installed(grace: Visitor, machine: Machine) -> Mapping[str, Kernel]:
    """Kernels in each of which grace has installed something; the slow first cell of Go's goes on meanwhile."""
    kernels = {name: grace.start_kernel(KERNELS[name]) for name in INSTALLS}
    requests = {name: kernel.send(INSTALLS[name].install) for name, kernel in kernels.items()}
    for name, request in requests.items():
        answer = kernels[name].answer(request, seconds=FIRST_CELL_SECONDS)
        assert answer.content["status"] == "ok", answer.published
    return kernels


@pytest.mark.parametrize("name", INSTALLS)
def test_it_is_there_at_once(installed: Mapping[str, Kernel], name: str, machine: Machine) -> None:
    """In the same kernel, without a restart, and in the home, where the how-to says."""
    used = installed[name].execute(INSTALLS[name].use, seconds=FIRST_CELL_SECONDS)
    assert INSTALLS[name].uses in used.text("stdout"), used.published
    machine.run(["test", "-f", f"/home/grace/{INSTALLS[name].place}"])


@pytest.mark.parametrize("name", INSTALLS)
def test_others_do_not_have_it(installed: Mapping[str, Kernel], alan: Visitor, name: str) -> None:
    assert installed
    kernel = alan.start_kernel(KERNELS[name])
    assert kernel.run(INSTALLS[name].missing) == "none"
    alan.shut_down_kernel(kernel)


def test_other_kernels_of_the_language_do_not_have_it(installed: Mapping[str, Kernel], grace: Visitor) -> None:
    assert installed
    for name, other in (("python", "small"), ("julia", "other-julia")):
        assert grace.start_kernel(other).run(INSTALLS[name].missing) == "none"
        assert grace.start_kernel(KERNELS[name]).run(INSTALLS[name].use) == INSTALLS[name].uses


def test_the_server_does_not_have_it(installed: Mapping[str, Kernel], machine: Machine) -> None:
    assert installed
    python = [f"{paths.VENV}/bin/python", "-c", INSTALLS["python"].missing]
    assert machine.run(python, user="grace").stdout.strip() == "none"


def test_nothing_of_everybodys_was_touched(installed: Mapping[str, Kernel], machine: Machine) -> None:
    assert installed
    for name in KERNELS:
        assert f"The kernel {name} is as it was built" in kernel_command(machine, "check", name).stdout


def test_nobody_can_write_to_a_kernel(grace: Visitor) -> None:
    """Every file and directory of all kernels is tried, by a cell."""
    attempt = f"""
import os, pathlib
tried, written = 0, []
for top, names, files in os.walk({str(paths.KERNELS)!r}):
    for path in [top + "/mine", *(f"{{top}}/{{name}}" for name in files if not os.path.islink(f"{{top}}/{{name}}"))]:
        tried += 1
        try:
            os.close(os.open(path, os.O_WRONLY | (os.O_CREAT if path == top + "/mine" else 0)))
        except PermissionError:
            continue
        written.append(path)
print(tried, written)
"""
    tried, _, written = grace.start_kernel(KERNELS["python"]).run(attempt).partition(" ")
    assert int(tried) > 10_000
    assert written == "[]"
