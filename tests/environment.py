"""The environment that tests and measurements run in: of the locked list, made when first needed, in the cache.

Runs on the system's Python, so it imports nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from tests.system import machine_host as host

REPOSITORY = Path(__file__).resolve().parents[1]
REQUIREMENTS = REPOSITORY / "tests" / "requirements.txt"
PACKAGES = {"python3-venv": f"/usr/lib/python3.{sys.version_info.minor}/ensurepip/__init__.py"}
"""Debian's packages that it is made with, each with the file that shows it is there."""


def environment() -> Path:
    """The Python of the environment; made where the locked list has changed."""
    key = host.digest([REQUIREMENTS.read_bytes(), sys.version.encode()])
    directory = host.cache_dir() / f"venv-{key}"
    complete = directory / "complete"
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            print(f"building the tests' environment in {directory}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
            pip = [str(directory / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS)], check=True)
            complete.touch()
    return directory / "bin" / "python"


def variables() -> dict[str, str]:
    """The process environment with every cache out of the checkout, where root's files would be in its owner's way."""
    cache = host.cache_dir()
    return {
        **os.environ,
        "PYTHONPYCACHEPREFIX": str(cache / "pycache"),
        "MYPY_CACHE_DIR": str(cache / "mypy"),
        "RUFF_CACHE_DIR": str(cache / "ruff"),
    }
