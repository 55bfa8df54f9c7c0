from __future__ import annotations

import ast
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from installer import bootstrap, own_environment
from installer.host import paths
from installer.host.errors import Problem

CHECKOUT = Path(__file__).parents[2]


def imported_by(tree: ast.Module) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "no relative imports"
            parent = node.module
            below = CHECKOUT / parent.replace(".", "/")
            modules.update(f"{parent}.{a.name}" if (below / f"{a.name}.py").exists() else parent for a in node.names)
    return modules


@pytest.mark.parametrize("module", ["bootstrap", "own_environment"])
def test_it_parses_on_an_old_python(module: str) -> None:
    ast.parse((CHECKOUT / "installer" / f"{module}.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_it_and_all_it_imports_need_only_the_standard_library() -> None:
    seen: set[str] = set()
    left = {"installer.bootstrap"}
    while left:
        name = left.pop()
        seen.add(name)
        source = (CHECKOUT / name.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        for module in imported_by(ast.parse(source)) - seen:
            if module.startswith("installer."):
                left.add(module)
            else:
                assert module.partition(".")[0] in sys.stdlib_module_names, f"{name} imports {module}"
    assert "installer.host.process" in seen


def test_its_places_are_the_installers() -> None:
    assert Path(bootstrap.STATE) == paths.INSTALLER_STATE
    assert bootstrap.MARKER == paths.COMPLETE


def test_another_list_python_or_processor_is_another_environment() -> None:
    names = {
        bootstrap.environment_name(b"uv==1", (3, 11), "x86_64"),
        bootstrap.environment_name(b"uv==2", (3, 11), "x86_64"),
        bootstrap.environment_name(b"uv==1", (3, 13), "x86_64"),
        bootstrap.environment_name(b"uv==1", (3, 11), "aarch64"),
    }
    assert len(names) == 4
    assert bootstrap.environment_name(b"uv==1", (3, 11), "x86_64") in names


def test_the_package_is_the_one_for_the_python_that_runs() -> None:
    default = Path("/usr/bin/python3.12")
    assert own_environment.venv_package(default, default) == "python3-venv"
    assert own_environment.venv_package(Path("/usr/bin/python3.13"), default) == "python3.13-venv"


def test_the_second_start_runs_this_checkout_and_leaves_no_bytecode_in_it(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "installer").mkdir(parents=True)
    (checkout / "installer" / "__init__.py").touch()
    (checkout / "installer" / "__main__.py").write_text(
        "import json, sys\ndef main():\n    print(json.dumps([sys.argv[1:], sys.path[0]]))\n"
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    argv = bootstrap.second_start(tmp_path, checkout, ["plan", "--json", "-h"])
    hostile = tmp_path / "hostile"
    (hostile / "installer").mkdir(parents=True)
    (hostile / "installer" / "__main__.py").write_text("raise SystemExit('the current directory was searched')")
    environment = {**os.environ, "PYTHONPATH": str(hostile)}
    said = subprocess.run(argv, cwd=hostile, env=environment, capture_output=True, text=True, check=True).stdout
    arguments, first = json.loads(said)
    assert arguments == ["plan", "--json", "-h"]
    assert first == str(checkout)
    assert not list(checkout.rglob("*.pyc"))
    assert list((tmp_path / "pycache").rglob("*.pyc"))


def test_an_environment_that_does_not_start_is_named_instead_of_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(bootstrap.STARTED_IN, "/somewhere")
    with pytest.raises(Problem, match="doesn't start") as caught:
        bootstrap.ensure_environment(root=False)
    assert str(tmp_path) in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_inside_its_environment_it_returns_and_forgets_the_guard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = bootstrap.environment_name(
        Path(bootstrap.REQUIREMENTS).read_bytes(), sys.version_info[:2], os.uname().machine
    )
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "jupyterhub-installer" / "env" / name))
    monkeypatch.setenv(bootstrap.STARTED_IN, sys.prefix)
    bootstrap.ensure_environment(root=False)
    assert bootstrap.STARTED_IN not in os.environ


def test_environments_of_other_versions_go_unless_in_use(tmp_path: Path) -> None:
    for name in ("current", "old", "half-built", "in-use"):
        (tmp_path / name / "lib").mkdir(parents=True)
        if name != "half-built":
            (tmp_path / name / ".complete").touch()
    (tmp_path / ".lock").touch()
    with (tmp_path / "in-use" / ".complete").open() as marker:
        fcntl.flock(marker, fcntl.LOCK_SH)
        own_environment._remove_others(tmp_path / "current")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "current", "in-use"]


def test_a_persons_checkout_keeps_the_persons_own_bytecode(tmp_path: Path) -> None:
    cache = tmp_path / "installer" / "__pycache__"
    cache.mkdir(parents=True)
    bootstrap.leave_no_bytecode(tmp_path)
    assert cache.is_dir()
