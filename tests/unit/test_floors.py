"""The house has floors, and imports go down: docs/explanation/architecture.md says why each stands where it does."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

INSTALLER = Path(__file__).parents[2] / "installer"
FLOORS = ("cli", "commands", "features", "resources", "kernels", "engine", "config", "pki", "host")
"""From the top down; a floor imports from itself and from those below."""

SHARED = {"installer.hub.names", "installer.hub.rules"}
"""What the hub goes by in saying who somebody is, and the installer in telling of it: plain functions, said once."""

MODULES = sorted(INSTALLER.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """The floors (or other places in installer/) that a module imports from."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "installer" else [f"installer.{alias.name}" for alias in node.names]
        shared = SHARED if file.is_relative_to(INSTALLER / "commands") else set()
        yield from (name.split(".")[1] for name in names if name.startswith("installer.") and name not in shared)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(INSTALLER)))
def test_imports_go_down(file: Path) -> None:
    floor = file.relative_to(INSTALLER).parts[0]
    if floor == "hub":
        assert set(imported(file)) <= {"hub"}, "the hub's code runs alone, inside the server environment"
    elif floor == "builder":
        assert set(imported(file)) <= {"builder"}, "the builder of kernels runs alone, as an account without rights"
    elif floor == "libexec":
        assert not set(imported(file)), "root's helpers stand alone"
    elif floor in FLOORS:
        below = set(FLOORS[FLOORS.index(floor) :])
        assert set(imported(file)) <= below, f"{floor} imports from a floor above it"


def test_what_is_shared_needs_nothing_of_the_servers_environment() -> None:
    for module in SHARED:
        code = (
            f"import sys, {module}; print([name for name in sys.modules if 'jupyterhub' in name or 'tornado' in name])"
        )
        words = [sys.executable, "-IS", "-c", f"import sys; sys.path.append({str(INSTALLER.parent)!r}); {code}"]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_folder_is_a_floor_or_stands_apart() -> None:
    folders = {file.relative_to(INSTALLER).parts[0] for file in MODULES if file.parent != INSTALLER}
    assert folders == {*FLOORS, "builder", "hub", "libexec"}
