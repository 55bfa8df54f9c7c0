"""A command that has nothing to do is over at once: what it imports is nearly all that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def imported_by(code: str) -> set[str]:
    """The modules that a Python has in memory after some code, but for those that it starts with."""
    listed = (
        f"import json, sys; before = set(sys.modules); {code}; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    words = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {[str(CHECKOUT), *sys.path]!r}; {listed}"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    return set(json.loads(said))


def test_the_way_to_the_private_environment_is_short() -> None:
    code = "import installer.__main__ as m; m.prepare_process(); import installer.preflight, installer.bootstrap"
    long_to_import = {"enum", "pathlib", "re", "shutil", "subprocess", "tempfile", "typing", "installer.host.paths"}
    assert imported_by(code) & long_to_import == set()


def test_to_see_that_a_kernel_is_there_takes_nothing_that_builds_or_draws() -> None:
    code = (
        "from installer.cli.main import parser; parser(['kernel', 'add']); import installer.cli.kernel_changes; "
        "from installer.config.load import load; from pathlib import Path; load(Path('/nowhere'))"
    )
    modules = imported_by(code)
    needless = {
        "rich", "httpx", "jinja2", "cryptography", "crossplane", "packaging", "rattler", "asyncio",
        "concurrent.futures", "installer.engine.executor", "installer.features.kernels", "installer.kernels.build",
        "installer.kernels.engine", "installer.commands.kernel_changes", "installer.commands.kernel_check",
        "installer.commands.kernel_reports", "installer.cli.status", "installer.resources.kernel",
    }  # fmt: skip
    assert modules & needless == set()
    assert "installer.config.models" in modules, "the config is read, whole"
