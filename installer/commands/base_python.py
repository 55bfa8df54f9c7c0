"""The system's Python under the server environment: a distribution upgrade takes it away, or changes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from installer.host import paths
from installer.host.process import CommandFailed, run


@dataclass(frozen=True)
class Base:
    """The environment in use and what it stands on.

    program: what its bin/python leads to; runs: the version that this says, "" where it does not run.
    built: the version that the environment was built with, "" where that can't be known. system: this machine's.
    """

    environment: Path
    program: Path
    runs: str
    built: str
    system: str

    @property
    def broken(self) -> str:
        """Why nothing of the environment can be started any more, "" where it can."""
        if not self.runs:
            return f"{self.environment}/bin/python does not run: {self.program} is gone, or can't be run"
        if self.built and _minor(self.runs) != _minor(self.built):
            return f"the server environment was built with Python {self.built}, and {self.program} is {self.runs} now"
        return ""

    @property
    def outdated(self) -> str:
        """Why it should be built anew before long, "" where it needn't be."""
        if self.built and _minor(self.system) != _minor(self.built):
            return f"this machine's Python is {self.system} now, and the server environment was built with {self.built}"
        return ""


def look(system: str) -> Base | None:
    """Ask the Python of the environment in use for its version; None where none is in use.

    system: the version of this machine's Python.
    """
    if not paths.VENV.is_symlink():
        return None
    environment = paths.VENV.resolve()
    python = environment / "bin" / "python"
    words = [str(python), "-I", "-c", "import platform; print(platform.python_version())"]
    try:
        runs = run(words, timeout=5).stdout.strip()
    except CommandFailed:
        runs = ""
    return Base(environment, python.resolve(), runs, _built(environment), system)


def _built(environment: Path) -> str:
    try:
        text = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ""
    said = re.search(r"^version(?:_info)? = (\S+)", text, re.MULTILINE)
    return said[1] if said else ""


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
