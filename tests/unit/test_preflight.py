from __future__ import annotations

import ast
import os
import socket
import sys
from pathlib import Path

import pytest

from installer import preflight
from installer.preflight import Refusal

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["installer/__init__.py", "installer/__main__.py", "installer/preflight.py"])
def test_it_parses_on_an_old_python_and_needs_only_the_standard_library(name: str) -> None:
    tree = ast.parse((CHECKOUT / name).read_text(encoding="utf-8"), feature_version=(3, 5))
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert all(alias.name in sys.stdlib_module_names for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert (node.module, [alias.name for alias in node.names]) == ("installer", ["preflight"])
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)], "Python 3.5 knows no f-strings"


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(Refusal, match=r"this is Python 3\.9, and JupyterHub needs 3\.10 or newer"):
        preflight.check_python()


def test_somebody_else_than_root_is_told_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refusal) as caught:
        preflight.check_root("apply")
    assert caught.value.hint == "run: sudo python3 -m installer apply"


def test_without_systemd_it_names_what_works_there(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        preflight.check_systemd(str(tmp_path / "none"))
    assert "scripts/try" in caught.value.hint
    preflight.check_systemd(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "supported"),
    [
        ('ID=debian\nVERSION_ID="12"\n', True),
        ('ID=debian\nVERSION_ID="13"\n', True),
        ('PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\n', True),
        ('ID=ubuntu\nVERSION_ID="22.04"\n', True),
        ('ID=ubuntu\nVERSION_ID="24.04"\n', True),
        ('ID=ubuntu\nVERSION_ID="26.04"\n', True),
        ('ID=ubuntu\nVERSION_ID="20.04"\n', False),
        ('ID=debian\nVERSION_ID="11"\n', False),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nPRETTY_NAME="Linux Mint 22"\n', False),
        ("ID=ubuntu\n", False),
        ("", False),
    ],
)
def test_the_operating_system(tmp_path: Path, text: str, supported: bool) -> None:
    path = tmp_path / "os-release"
    path.write_text(text)
    if supported:
        preflight.check_system(str(path))
    else:
        with pytest.raises(Refusal, match="which it doesn't support"):
            preflight.check_system(str(path))


def test_too_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:         524288 kB\nMemFree: 1 kB\n")
    with pytest.raises(Refusal, match=r"has 512 MB of memory"):
        preflight.check_memory(str(path))
    path.write_text("MemTotal:        2097152 kB\n")
    preflight.check_memory(str(path))


def test_too_little_disk(tmp_path: Path) -> None:
    preflight.check_disk(str(tmp_path), 1)
    with pytest.raises(Refusal, match="MB free, and the installation needs"):
        preflight.check_disk(str(tmp_path), 10**9)


def test_the_holder_of_a_port_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(preflight, "PORTS", (port,))
        with pytest.raises(Refusal, match=rf"port {port} is held by \S+ \(pid \d+\)"):
            preflight.check_ports("/proc")
    preflight.check_ports("/proc")
