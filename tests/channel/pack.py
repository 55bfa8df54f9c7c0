"""Writes conda packages, and the index of a channel of them.

pack(channel, name="hello", version="1.0", files={"share/hello": b"hi\n"})
index(channel)
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import zstandard

PLACEHOLDER = "/opt/placeholder" + "_placehold" * 20
"""Stands in files for the prefix that they will be installed into; who installs replaces it.

Long, because in a program (a file with a zero byte) the real prefix must fit into its place.
"""

Content = bytes | tuple[bytes, int] | Path
"""What a file of a package holds: bytes, bytes and a mode, or a file (or a symbolic link) to take as it is."""
Subdir = Literal["noarch", "linux-64"]

# Always the same, so that the same files make the same package, whenever and wherever.
_TIME = 1_700_000_000
_COMPRESSION = 3

_INDEX = """\
import asyncio, os, sys
from rattler.index import index_fs
asyncio.run(index_fs(sys.argv[1], force=True, write_shards=True, write_zst=True))
# The interpreter may crash at its end, with all work done (a race of rattler's own threads with the shutdown).
os._exit(0)
"""


@dataclass(frozen=True)
class _File:
    """A file of a package as the archive gets it."""

    path: str
    data: bytes
    mode: int
    link: str | None = None

    def entry(self) -> dict[str, Any]:
        """What info/paths.json says of it."""
        entry: dict[str, Any] = {
            "_path": self.path,
            "path_type": "softlink" if self.link is not None else "hardlink",
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "size_in_bytes": len(self.data),
        }
        # A link stays one only if no placeholder is said to be behind it.
        if self.link is None and PLACEHOLDER.encode() in self.data:
            entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "binary" if b"\0" in self.data else "text"}
        return entry

    def member(self) -> tarfile.TarInfo:
        """Its head in the archive."""
        member = tarfile.TarInfo(self.path)
        member.mtime, member.mode, member.size = _TIME, self.mode, len(self.data)
        if self.link is not None:
            member.type, member.linkname, member.size = tarfile.SYMTYPE, self.link, 0
        return member


def pack(
    directory: Path,
    *,
    name: str,
    version: str,
    build: str = "0",
    build_number: int = 0,
    depends: Sequence[str] = (),
    subdir: Subdir = "noarch",
    files: Mapping[str, Content],
    entry_points: Sequence[str] = (),
    link_scripts: Mapping[str, str] | None = None,
    level: int = _COMPRESSION,
) -> Path:
    """Write a package into its place in the channel `directory`; returns the file.

    files: by their path in the prefix; in a noarch package with Python modules those are below `site-packages/`.
    PLACEHOLDER in a file's text becomes the prefix when the package is installed.
    entry_points: programs of a Python package, each as `program = module:function`.
    link_scripts: by `post-link` or `pre-unlink`, the shell script to run then.
    level: of compression (zstandard's).
    """
    scripts = {f"bin/.{name}-{when}.sh": (text.encode(), 0o755) for when, text in (link_scripts or {}).items()}
    content = list(_read({**files, **scripts}))
    about: dict[str, dict[str, Any]] = {
        "index.json": {
            "arch": None if subdir == "noarch" else "x86_64",
            "build": build,
            "build_number": build_number,
            "depends": list(depends),
            "name": name,
            "platform": None if subdir == "noarch" else "linux",
            "subdir": subdir,
            "timestamp": _TIME * 1000,
            "version": version,
        },
        "paths.json": {"paths": [file.entry() for file in content], "paths_version": 1},
        "about.json": {"summary": f"{name} for the installer's tests"},
    }
    if subdir == "noarch":
        is_python = bool(entry_points) or any(file.path.startswith("site-packages/") for file in content)
        noarch = {"type": "python", "entry_points": list(entry_points)} if is_python else {"type": "generic"}
        about["index.json"]["noarch"] = noarch["type"]
        about["link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    info = [_File(f"info/{file}", json.dumps(told, indent=1).encode(), 0o644) for file, told in about.items()]
    stem = f"{name}-{version}-{build}"
    package = directory / subdir / f"{stem}.conda"
    package.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("metadata.json"), json.dumps({"conda_pkg_format_version": 2}))
        for part, members in (("pkg", content), ("info", info)):
            archive.writestr(zipfile.ZipInfo(f"{part}-{stem}.tar.zst"), _tar_zst(members, level))
    return package


def index(channel: Path) -> None:
    """Write the index of a channel anew: what is in its packages, whatever an older index said of them."""
    for subdir in ("noarch", "linux-64"):
        (channel / subdir).mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, "-c", _INDEX, channel], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"could not index {channel}:\n{done.stdout}{done.stderr}")


def tree(directory: Path) -> dict[str, Content]:
    """All files and links of a directory, for `pack`."""
    return {
        str(file.relative_to(directory)): file
        for file in directory.rglob("*")
        if file.is_symlink() or not file.is_dir()
    }


def _read(files: Mapping[str, Content]) -> Iterator[_File]:
    for path, content in sorted(files.items()):
        if isinstance(content, bytes):
            yield _File(path, content, 0o644)
        elif isinstance(content, tuple):
            yield _File(path, *content)
        elif content.is_symlink():
            # What conda-build writes for a link: the digest of what it points to, or of nothing.
            data = content.read_bytes() if content.is_file() else b""
            yield _File(path, data, 0o777, str(content.readlink()))
        else:
            yield _File(path, content.read_bytes(), content.stat().st_mode & 0o777)


def _tar_zst(files: Iterable[_File], level: int) -> bytes:
    archive = io.BytesIO()
    with (
        zstandard.ZstdCompressor(level=level).stream_writer(archive, closefd=False) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in files:
            tar.addfile(file.member(), None if file.link is not None else io.BytesIO(file.data))
    return archive.getvalue()
