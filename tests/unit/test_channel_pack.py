"""Packages of the tests' channel: rattler installs them as those that conda's own tools made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.channel.pack import PLACEHOLDER, Content, index, pack

# Apart, because rattler's threads may crash an interpreter at its end.
_INSTALL = """\
import asyncio, json, os, sys
from rattler import Gateway, MatchSpec, PackageCache, install, solve

async def main(prefix, cache, channel, *specs):
    records = await solve(sources=[channel], specs=[MatchSpec(spec) for spec in specs], gateway=Gateway(),
                          platforms=["linux-64", "noarch"])
    await install(records, target_prefix=prefix, cache_dir=cache, show_progress=False, execute_link_scripts=True)
    print(json.dumps([f"{record.name.normalized} {record.version}" for record in records]), flush=True)

asyncio.run(main(*sys.argv[1:]))
os._exit(0)
"""


def install(tmp_path: Path, *specs: str) -> list[str]:
    words = [str(tmp_path / "prefix"), str(tmp_path / "cache"), (tmp_path / "channel").as_uri()]
    done = subprocess.run([sys.executable, "-c", _INSTALL, *words, *specs], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(json.loads(done.stdout))


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    return tmp_path / "channel"


def test_a_package_and_what_it_depends_on_are_installed(tmp_path: Path, channel: Path) -> None:
    pack(channel, name="base", version="1.0", files={"share/base": b"1"})
    pack(channel, name="base", version="2.0", files={"share/base": b"2"})
    pack(channel, name="top", version="3", depends=["base >=1"], files={"bin/top": (b"#!/bin/sh\n", 0o755)})
    index(channel)
    assert install(tmp_path, "top") == ["base 2.0", "top 3"]
    assert (tmp_path / "prefix/share/base").read_bytes() == b"2"
    assert (tmp_path / "prefix/bin/top").stat().st_mode & 0o777 == 0o755


def test_the_placeholder_becomes_the_prefix(tmp_path: Path, channel: Path) -> None:
    program = b"\x7fELF\0" + PLACEHOLDER.encode() + b"/lib\0end"
    files: dict[str, Content] = {"bin/run": (f"#!{PLACEHOLDER}/bin/sh\n".encode(), 0o755), "bin/program": program}
    pack(channel, name="placed", version="1", subdir="linux-64", files=files)
    index(channel)
    install(tmp_path, "placed")
    prefix = tmp_path / "prefix"
    assert (prefix / "bin/run").read_text() == f"#!{prefix}/bin/sh\n"
    placed = (prefix / "bin/program").read_bytes()
    assert len(placed) == len(program)
    assert placed.startswith(b"\x7fELF\0" + str(prefix).encode() + b"/lib\0")


def test_links_and_link_scripts(tmp_path: Path, channel: Path) -> None:
    target = tmp_path / "source"
    target.write_text("here")
    (tmp_path / "link").symlink_to("source")
    script = '#!/bin/sh\necho linked > "$PREFIX/told"\n'
    pack(
        channel,
        name="linked",
        version="1",
        files={"lib/source": target, "lib/link": tmp_path / "link"},
        link_scripts={"post-link": script},
    )
    index(channel)
    install(tmp_path, "linked")
    assert (tmp_path / "prefix/lib/link").readlink() == Path("source")
    assert (tmp_path / "prefix/told").read_text() == "linked\n"


def test_the_same_files_make_the_same_package(tmp_path: Path) -> None:
    made = [pack(tmp_path / side, name="same", version="1", files={"a": b"a"}).read_bytes() for side in "ab"]
    assert made[0] == made[1]


def test_a_rebuilt_package_gets_a_new_line_in_the_index(channel: Path) -> None:
    def digest() -> str:
        index(channel)
        packages = json.loads((channel / "noarch/repodata.json").read_text())["packages.conda"]
        return str(packages["changed-1-0.conda"]["sha256"])

    pack(channel, name="changed", version="1", files={"a": b"old"})
    before = digest()
    pack(channel, name="changed", version="1", files={"a": b"new"})
    assert digest() != before
