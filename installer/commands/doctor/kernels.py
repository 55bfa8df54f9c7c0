"""Kernels: each is built as the config asks, and what Jupyter would start is there; in --deep, each runs a cell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands import kernel_check, kernel_reports
from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.commands.kernel_check import Checked
from installer.commands.kernel_reports import KernelLine
from installer.commands.kernel_situation import KernelSituation
from installer.commands.kernel_situation import look as look_at_kernels
from installer.host import paths
from installer.host.errors import Problem

AREA = "kernels"


@dataclass(frozen=True)
class Spec:
    """A kernelspec that servers see.

    program: what it starts, None where that can't be read. runs: whether it is there.
    """

    path: Path
    program: str | None
    runs: bool


def look(server: Server) -> list[Finding]:
    """Read what is there, without starting anything."""
    if server.situation is None:
        return []  # why is told of with the state
    return judge(kernel_reports.kernels(look_at_kernels()), list(_specs()))


def look_deep(_: Server) -> list[Finding]:
    """Compare every file of every kernel, and run its recipe's cell."""
    situation = look_at_kernels()
    ready = [line.name for line in kernel_reports.kernels(situation) if line.state == "ready"]
    return judge_checked([_checked(situation, name) for name in ready])


def judge(kernels: Sequence[KernelLine], specs: Sequence[Spec]) -> list[Finding]:
    """Judge what is there."""
    found = []
    for kernel in kernels:
        if kernel.state == "pending":
            what = f"the kernel {kernel.name} is not as the config asks{': ' + kernel.reason if kernel.reason else ''}"
            found.append(problem(AREA, what, APPLY))
        elif kernel.state == "left":
            what = f"the kernel {kernel.name} is on disk, and no longer in the config"
            found.append(warning(AREA, what, "sudo python3 -m installer kernel gc"))
    for spec in specs:
        if not spec.runs:
            what = f"{spec.path} names {spec.program or 'no program'}, which can't be run: a kernel that does not start"
            found.append(problem(AREA, what, _mend(spec.path)))
    names = ", ".join(kernel.name for kernel in kernels)
    return found or [ok(AREA, f"there as the config asks: {names}" if names else "none but the server's own Python")]


def judge_checked(checked: Sequence[tuple[str, Checked | Problem]]) -> list[Finding]:
    """Judge what a look at every file, and a cell, came to."""
    found = []
    for name, result in checked:
        rebuild = f"sudo python3 -m installer kernel rebuild {name}"
        if isinstance(result, Problem):
            found.append(problem(AREA, f"the kernel {name} can't be tried: {result.what}", result.hint))
        elif result.trouble:
            found.append(problem(AREA, f"the kernel {name} does not work: {result.trouble.splitlines()[0]}", rebuild))
        elif result.files:
            what = (
                f"{len(result.files)} files of the kernel {name} are not as they were built: {result.files[0].path} …"
            )
            found.append(problem(AREA, what, rebuild))
    cells = ", ".join(f"{name} ({result.seconds:.1f} s)" for name, result in checked if isinstance(result, Checked))
    return found or [ok(AREA, f"each has run a cell: {cells}" if cells else "none to try")]


def _checked(situation: KernelSituation, name: str) -> tuple[str, Checked | Problem]:
    try:
        return name, kernel_check.check(situation, name)
    except Problem as trouble:
        return name, trouble


def _mend(spec: Path) -> str:
    return APPLY if spec.parent == paths.KERNELSPECS else f"take it away: sudo rm -r {spec}"


def _specs() -> Iterator[Spec]:
    for directory in (paths.KERNELSPECS, *paths.OTHER_KERNELSPECS):
        if directory.is_dir():
            for path in sorted(directory.iterdir()):
                program = _program(path)
                yield Spec(path, program, runs=program is not None and _runs(program))


def _program(spec: Path) -> str | None:
    try:
        return str(json.loads((spec / "kernel.json").read_bytes())["argv"][0])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _runs(program: str) -> bool:
    # Without a slash it is looked for in the PATH of whoever starts it.
    return "/" not in program or os.access(program, os.X_OK)
