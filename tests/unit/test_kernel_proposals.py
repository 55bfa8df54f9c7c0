"""Changes of kernels that are refused before anything is solved, since they can't come to what was meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from installer.commands import kernel_proposals
from installer.commands.kernel_proposals import Proposal
from installer.commands.kernel_situation import KernelSituation
from installer.config.load import load_text
from installer.engine.store import Generation, Store
from installer.host import files, paths
from installer.host.errors import ConfigProblem, Conflict, Problem
from installer.kernels import build, revisions, sandbox
from installer.kernels.build import this_subdir
from installer.kernels.lock import Lock, LockFile
from installer.kernels.records import Record
from installer.resources.kernel import Kernel

ID = "0123456789ab"


@pytest.fixture(autouse=True)
def solves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A host without kernels; gives what is solved for on it."""
    for name in ("KERNELS", "KERNELSPECS", "RESTORED_KERNELS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(paths, "OTHER_KERNELSPECS", (tmp_path / "local", tmp_path / "share"))
    solved: list[dict[str, Any]] = []

    def solve(request: object, former: object, free: object, *_: object, **__: object) -> Lock:
        solved.append({"request": request, "free": free})
        return Lock(platform=this_subdir(), records=())

    monkeypatch.setattr(build, "solve", solve)
    return solved


def config(*kernels: str, tmp_path: Path = Path("/nowhere")) -> KernelSituation:
    text = f"kernels: [{', '.join(kernels)}]\n"
    generation = Generation(number=1, at="", by="", summary="", config=text, remembered={}, resources=())
    return KernelSituation(load_text(Path("x"), text), text, text, Store(tmp_path, {}), generation)


def built(situation: KernelSituation, name: str, *packages: str) -> None:
    """Have a kernel be there, with these packages."""
    request = situation.request(name)
    records = tuple(
        Record(name=each, version="1", build="0", build_number=0, subdir="noarch", fn=each, url=each, sha256=each)
        for each in packages
    )
    prefix = revisions.place(name, ID)
    (prefix / revisions.KERNELSPEC).mkdir(parents=True)
    lock = Lock(platform=this_subdir(), records=records)
    held = LockFile(recipe=request.recipe, channels=(), packages=(), pip=(), lock=lock)
    known = revisions.Completed(created=revisions.now(), request=request, version="1")
    files.write(prefix / revisions.LOCK, held.text().encode(), mode=0o644)
    files.write(prefix / revisions.MARKER, known.model_dump_json().encode(), mode=0o644)
    revisions.switch(request.kernelspec, prefix, "apply")


def add(situation: KernelSituation, **entry: object) -> Proposal | None:
    return kernel_proposals.add(situation, entry, default=False, replace=False, report=print, builder=sandbox.run)


def update(situation: KernelSituation, name: str, *packages: str, python: str | None = None) -> Proposal:
    return kernel_proposals.update(situation, name, packages, python, report=print, builder=sandbox.run)


# --- names ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("there", [True, False])
def test_one_kernelspec_is_not_for_two_kernels(solves: list[dict[str, Any]], *, there: bool) -> None:
    """Be the other one built already, or only in the config."""
    situation = config("python")
    if there:
        built(situation, "python", "python")
    with pytest.raises(ConfigProblem, match="would both be the kernelspec 'python3'"):
        add(situation, name="python3", packages=["numpy"])
    assert solves == []


def test_what_another_kernel_of_ours_is_linked_as_is_taken(solves: list[dict[str, Any]]) -> None:
    """It is out of the config, and no apply has come by yet."""
    built(config("python"), "python", "python")
    with pytest.raises(Conflict, match="the kernelspec of the kernel 'python'"):
        add(config(), name="python3", packages=["numpy"])
    assert solves == []


@pytest.mark.parametrize("place", ["KERNELSPECS", "local", "share"])
def test_a_name_of_somebody_else_is_taken_for_add_and_apply(tmp_path: Path, place: str) -> None:
    theirs = tmp_path / place.lower() / "ir"
    theirs.mkdir(parents=True)
    situation = config("r")
    with pytest.raises(Conflict, match=re.escape(f"{theirs} is there already")) as told:
        add(situation, name="r")
    kernel = Kernel(feature="kernels", request=situation.request("r"))
    if place == "KERNELSPECS":
        assert str(theirs) in str(kernel.foreign(kernel.probe()))
    else:
        with pytest.raises(Conflict, match=re.escape(told.value.what)):
            kernel.realize(kernel.probe())


@pytest.mark.parametrize("place", ["local", "share"])
def test_our_python_comes_before_the_systems(tmp_path: Path, place: str) -> None:
    """As Debian's python3-ipykernel brings it."""
    (tmp_path / place / "python3").mkdir(parents=True)
    assert add(config(), name="python") is not None


def test_a_kernel_that_is_there_stays_whoever_takes_its_name_elsewhere(tmp_path: Path) -> None:
    situation = config("r")
    built(situation, "r", "r-base")
    (tmp_path / "local/ir").mkdir(parents=True)
    assert add(situation, name="r") is None
    assert update(situation, "r") is not None
    kernel = Kernel(feature="kernels", request=situation.request("r"))
    assert kernel.probe() == kernel.wanted()


# --- updates --------------------------------------------------------------------------------------
@pytest.mark.parametrize("spec", ["numpy<2", "numpy=1.26", "numpy 1.26", "conda-forge::numpy", "numpy[version=1]"])
def test_an_update_takes_no_version(solves: list[dict[str, Any]], spec: str) -> None:
    situation = config("python")
    built(situation, "python", "python", "numpy")
    with pytest.raises(Problem, match="more than a package's name") as told:
        update(situation, "python", spec)
    assert told.value.hint.endswith(f"installer kernel install python {shlex.quote(spec)}")
    assert solves == []


def test_an_update_of_a_package_frees_that_one(solves: list[dict[str, Any]]) -> None:
    situation = config("python")
    built(situation, "python", "python", "numpy")
    update(situation, "python", "NumPy")
    assert [solved["free"] for solved in solves] == [("NumPy",)]


def test_another_python_is_for_kernels_that_have_one(solves: list[dict[str, Any]]) -> None:
    situation = config("python", "r")
    built(situation, "python", "python")
    built(situation, "r", "r-base")
    with pytest.raises(Problem, match="the kernel 'r' has no Python"):
        update(situation, "r", python="3.13")
    assert solves == []
    assert "python=3.13" in update(situation, "python", python="3.13").situation.text
    # One that nobody asked for, and that something in it needs.
    built(config("octave"), "octave", "octave", "python")
    assert "python=3.13" in update(config("octave"), "octave", python="3.13").situation.text
