"""What the tests' channel is made with, each part by itself."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.channel import elf, pack, part, wheels


def names(channel: Path) -> set[str]:
    packages = json.loads((channel / "noarch/repodata.json").read_text())["packages.conda"]
    return {f"{package['name']} {package['version']}" for package in packages.values()}


def test_a_part_of_a_channel_grows_and_shrinks(tmp_path: Path) -> None:
    for version in ("1", "2"):
        pack.pack(tmp_path / "whole", name="a", version=version, files={"a": version.encode()})
    for without, left in ((["a-2-*"], {"a 1"}), ([], {"a 1", "a 2"}), (["a-1-*"], {"a 2"})):
        assert names(part.part(tmp_path / "whole", tmp_path / "part", without=without)) == left


def test_the_libraries_of_a_program() -> None:
    assert "libc.so.6" in elf.links(Path("/bin/sh").resolve()).needed
    assert elf.links(Path(__file__)) == elf.Links()


def test_a_wheel_becomes_a_package(tmp_path: Path) -> None:
    wheel = tmp_path / "Some_Thing-1.0-py3-none-any.whl"
    about = "Name: Some_Thing\nVersion: 1.0\nRequires-Python: >=3.9\n"
    needs = "Requires-Dist: Jupyter-Client>=7\nRequires-Dist: old; python_version < '3'\n\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some_thing/__init__.py", "")
        archive.writestr("Some_Thing-1.0.data/data/share/thing/file", "data")
        archive.writestr("Some_Thing-1.0.dist-info/METADATA", about + needs)
        archive.writestr("Some_Thing-1.0.dist-info/entry_points.txt", "[console_scripts]\nthing = some_thing:main\n")
    wheels.pack_wheel(tmp_path / "channel", wheel, "3.11")
    pack.index(tmp_path / "channel")
    packages = json.loads((tmp_path / "channel/noarch/repodata.json").read_text())["packages.conda"]
    (package,) = packages.values()
    assert (package["name"], package["version"], package["noarch"]) == ("some-thing", "1.0", "python")
    assert package["depends"] == ["jupyter_client >=7", "python >=3.9"]


def test_the_locked_lists_name_versions_with_hashes() -> None:
    for name in ("wheels", "older"):
        requirements = wheels.requirements(Path(wheels.__file__).with_name(f"{name}.txt"))
        assert requirements
        assert all("--hash=sha256:" in text for text in requirements.values())
        assert "://" not in "".join(requirements.values())
