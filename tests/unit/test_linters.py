"""Linters are tests: one command tells all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.machine_person import REPOSITORY, checkout_files


def _scripts(interpreter: str) -> list[str]:
    """The files whose first line says that they are run by such an interpreter."""
    firsts = {file: (REPOSITORY / file).read_bytes().split(b"\n")[0] for file in checkout_files()}
    return [str(file) for file, first in firsts.items() if first.startswith(b"#!") and interpreter.encode() in first]


def _lint(*argv: str | Path) -> None:
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, env=plain)
    if done.returncode != 0:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_ruff() -> None:
    _lint(sys.executable, "-m", "ruff", "check", "--output-format=concise", ".")


def test_mypy() -> None:
    _lint(sys.executable, "-m", "mypy", "--no-error-summary")


@pytest.mark.parametrize("script", _scripts("python"))
def test_mypy_of_scripts(script: str) -> None:
    _lint(sys.executable, "-m", "mypy", "--no-error-summary", script)


def test_shellcheck() -> None:
    _lint("shellcheck", *_scripts("sh"))
