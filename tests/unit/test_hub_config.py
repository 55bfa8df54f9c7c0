"""What is wrong with a hub config is said as file:line: what."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.spawner import Spawner

from installer.hub import config

READS_CONF_D = """
from pathlib import Path
c = get_config()
c.JupyterHub.services = [{{"name": "ours"}}]
for file in sorted(Path({directory!r}).glob("*.py")):
    exec(compile(file.read_bytes(), str(file), "exec"), {{"c": c}})
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    file = tmp_path / "jupyterhub_config.py"
    file.write_text(READS_CONF_D.format(directory=str(tmp_path / "conf.d")))
    return file


def add(main: Path, name: str, text: str | bytes) -> Path:
    file = main.parent / "conf.d" / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def verdict(main: Path) -> str:
    try:
        loaded = config.read(main)
        config.check(loaded, [JupyterHub, Spawner], [main, *config.additions(main)])
    except config.BadConfig as bad:
        return str(bad)
    return "fine"


def test_own_files_are_read_last_in_order_and_see_what_was_set(main: Path) -> None:
    add(main, "20-b.py", "c.Spawner.default_url = '/tree'")
    add(main, "10-a.py", "c.Spawner.default_url = '/lab'\nc.JupyterHub.services.append({'name': 'mine'})")
    loaded = config.read(main)
    assert loaded.Spawner.default_url == "/tree"
    assert [service["name"] for service in loaded.JupyterHub.services] == ["ours", "mine"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\nc.Spawner.(\n", 2, "invalid syntax"),
        ("import nosuchmodule\n", 1, "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("x = 1\n\nundefined\n", 3, "NameError: name 'undefined' is not defined"),
        ("raise SystemExit('no')\n", 1, "SystemExit: no"),
        ("\nc.Spawner.start_timout = 3\n", 2, "c.Spawner.start_timout: there is no such setting; did you mean start_"),
        ("\n\nc.Spawner.mem_limit = 'lots'\n", 3, "c.Spawner.mem_limit: lots is not a valid memory specification"),
        (b"\xff\xfe", None, "utf-8"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(main: Path, text: str | bytes, line: int | None, said: str) -> None:
    file = add(main, "50-mine.py", text)
    told = verdict(main)
    assert told.startswith(f"{file}:{line}: " if line else str(file))
    assert said in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "text",
    [
        "c.Spawner.mem_limit = '2G'",
        "c.Spawner.environment.update({'A': 'b'})",
        "c.SomePlugin.whatever = 3",
        "c.Spawner.pre_spawn_hook = lambda spawner: None",
    ],
)
def test_what_is_right_is_let_through(main: Path, text: str) -> None:
    add(main, "50-mine.py", text)
    assert verdict(main) == "fine"


def test_the_last_place_counts(main: Path) -> None:
    add(main, "10-a.py", "c.Spawner.mem_limit = '1G'")
    file = add(main, "20-b.py", "\nc.Spawner.mem_limit = 'lots'")
    assert verdict(main).startswith(f"{file}:2: ")
