"""What nginx serves of a server environment itself: static files whose names say what is in them, compressed once.

Beside each of JupyterLab's files with a hash in its name, the same compressed (ngx_http_gzip_static_module). The hub's
have plain names and are asked for with the hash of their content (`?v=`): they are laid out once more under that hash,
so that whoever asks for what another hub had, or for what an admin has put in its place, isn't given this one's.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LAB = Path("share/jupyter/lab/static")
EXTENSIONS = Path("share/jupyter/labextensions")
HUB = Path("share/jupyterhub/static")
HUB_BY_CONTENT = Path("share/jupyterhub/by-content")
"""Below a revision: the hub's files by the SHA-512 of their content, as its pages name their versions."""

HASHED = r"(?:[\w.-]+\.)?[0-9a-f]{16,}\.(?:js|css|woff2?)"
"""The name of a file with a hash of its content in it, as JupyterLab's builder makes them."""

_COMPRESSED = {".js", ".css"}
_HUBS = (
    "css/*.css",
    "js/*.js",
    "components/*/require.js",
    "components/*/dist/*.min.js",
    "components/*/dist/js/*.min.js",
)
_LEVEL = 6
"""Leaves 29 of a hundred; level 9 leaves 28, and takes twice as long."""


def prepare(revision: Path) -> None:
    """Lay out the hub's files by their content, and compress what is worth it, in a revision that is root's."""
    by_content = revision / HUB_BY_CONTENT
    by_content.mkdir(parents=True, exist_ok=True)
    for file in sorted({file for pattern in _HUBS for file in (revision / HUB).glob(pattern)}):
        if _plain(file, revision):
            content = hashlib.sha512(file.read_bytes()).hexdigest()
            shutil.copyfile(file, by_content / f"{content}{file.suffix}")
    # zlib lets other threads run while it works.
    with ThreadPoolExecutor() as pool:
        list(pool.map(_compress, list(_to_compress(revision))))


def _to_compress(revision: Path) -> Iterator[Path]:
    for place in (LAB, EXTENSIONS, HUB_BY_CONTENT):
        for file in (revision / place).rglob("*"):
            named = place == HUB_BY_CONTENT or re.fullmatch(HASHED, file.name)
            if named and file.suffix in _COMPRESSED and _plain(file, revision):
                yield file


def _plain(file: Path, revision: Path) -> bool:
    """Whether it is a file of the revision's own: nobody's link is to have something else of root's copied."""
    return file.is_file() and file.resolve() == revision.resolve() / file.relative_to(revision)


def _compress(file: Path) -> None:
    # No time of day in it: the same file is the same bytes in every revision.
    compressed = gzip.compress(file.read_bytes(), _LEVEL, mtime=0)
    file.with_name(f"{file.name}.gz").write_bytes(compressed)
