"""What an environment has from PyPI on top of conda's packages: resolved to a hash-locked list, then installed."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from uv import find_uv_bin

from installer.host import paths
from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import CommandFailed, Completed
from installer.host.uv import uv_environment
from installer.kernels import engine, sandbox
from installer.kernels.records import Record
from installer.kernels.requirements import canonical
from installer.kernels.scratch import surroundings
from installer.kernels.worker import Gate

CACHE = paths.KERNELS_CACHE / "uv"

_ON_PYPI = {
    "matplotlib-base": "matplotlib",
    "py-opencv": "opencv-python",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
}
"""Where conda's name isn't PyPI's; what is missing here is noticed once it is installed (`_check_replaced`)."""

# What a version has to look like to constrain anything on PyPI (PEP 440); conda is freer.
_VERSION = re.compile(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?")


def resolve(
    requirements: Sequence[str],
    records: Sequence[Record],
    *,
    unit: str,
    scratch: Path,
    former: str = "",
    gate: Gate = sandbox.run,
) -> str:
    """The hash-locked list of what `requirements` need beyond conda's packages, which stay as they are.

    scratch: a directory of the account's. former: such a list, whose versions stay wherever they can. Raises Problem: a
    requirement that conda's packages contradict, or that can't be locked, one that doesn't exist, no index in reach.
    """
    for requirement in requirements:
        _check(requirement)
    python = next((record for record in records if record.name == "python"), None)
    release = re.match(r"\d+\.\d+(\.\d+)?", python.version) if python is not None else None
    if release is None:
        raise Problem(
            f"without a Python in it, the environment can't have {', '.join(requirements)} from PyPI",
            "add python to its packages",
        )
    cache = _cache(unit, gate)
    provided = _provided(records)
    constraints = scratch / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in provided.items()), encoding="utf-8")
    constraints.chmod(0o644)
    # uv keeps to what the file that it is to write has in it; the same is what it prints, unless it is to be quiet.
    listed = scratch / "locked.txt"
    listed.write_text(former, encoding="utf-8")
    listed.chmod(0o666)
    argv = [
        find_uv_bin(), "pip", "compile", "--no-progress", "--no-config", "--no-header", "--no-annotate",
        "--generate-hashes", "--no-emit-index-url", f"--python={Path(sys.prefix) / 'bin' / 'python'}",
        f"--python-version={release[0]}", f"--constraints={constraints}", f"--output-file={listed}",
        *(f"--no-emit-package={name}" for name in provided), "-",
    ]  # fmt: skip
    done = gate(
        argv,
        unit=unit,
        writable=(cache, scratch),
        stdin="".join(f"{requirement}\n" for requirement in requirements),
        env={**uv_environment(cache), **surroundings(scratch)},
        timeout=1800,
    )
    if not done.ok:
        raise _unresolved(done, requirements, provided)
    return done.stdout


def install(prefix: Path, locked: str, *, unit: str, scratch: Path, gate: Gate = sandbox.run) -> None:
    """Install a hash-locked list. Raises Problem, also where it has taken the place of one of conda's packages."""
    cache = _cache(unit, gate)
    argv = [
        find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes",
        f"--python={prefix / 'bin' / 'python'}", "--requirements=-",
    ]  # fmt: skip
    done = gate(
        argv,
        unit=unit,
        writable=(prefix, cache, scratch),
        stdin=locked,
        env={**uv_environment(cache), **surroundings(scratch)},
        timeout=3600,
    )
    if not done.ok:
        raise explained(CommandFailed(done), "installing packages from PyPI")
    replaced = engine.conflicts(prefix, unit=unit, gate=gate)
    if replaced:
        raise Problem(
            f"PyPI's {', '.join(replaced)} came in beside conda's, and only one of them can work",
            f"ask conda for {', '.join(replaced)} instead, or leave out what needs it from PyPI",
        )


def _cache(unit: str, gate: Gate) -> Path:
    """A kernel's own cache: what it holds isn't compared again, and the setup.py of any package can write to it.

    The account makes it: the directory above is the account's, where root follows no links.
    """
    cache = CACHE / unit
    if not cache.is_dir():
        gate(["/bin/mkdir", "--parents", str(cache)], unit=unit, writable=(CACHE.parent,), network=False)
    return cache


def _check(requirement: str) -> None:
    if requirement.strip().startswith("-") or "git+" in requirement:
        raise Problem(
            f"the pip requirement {requirement!r} can't be locked to one content",
            "name a package of the index, like numpy>=2, or the address of a wheel",
        )


def _provided(records: Sequence[Record]) -> dict[str, str]:
    """The versions of Python packages that conda provides, by their names on PyPI."""
    return {
        canonical(_ON_PYPI.get(record.name, record.name)): record.version
        for record in records
        if record.is_python and _VERSION.fullmatch(record.version)
    }


def _unresolved(done: Completed, requirements: Sequence[str], provided: Mapping[str, str]) -> Problem:
    said = done.stderr.strip()
    held = [f"{name} {version}" for name, version in provided.items() if f"{name}=={version}" in said]
    asked = ", ".join(requirements)
    if held:
        return Problem(
            f"{asked} (pip) can't be had together with conda's {', '.join(held)}",
            "change the pip requirement, or ask conda for another version",
            said,
        )
    if "No solution found" in said or "parse requirement" in said:
        return Problem(f"{asked} (pip) can't be had", "check the names and versions of the pip requirements", said)
    return explained(CommandFailed(done), f"resolving {asked} (pip)")
