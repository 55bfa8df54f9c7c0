"""Builds the channel, once for all tests that use it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.channel import go_modules, julia_registry, octave_julia_go, python_and_r, wheels
from tests.channel.archive import Suite
from tests.channel.debs import Recipe, convert
from tests.channel.pack import index

SERVED = Path("/srv/channel")
"""Where machines have the channel."""
JULIA_REGISTRY = SERVED / "julia/registry"
"""Where machines have the registry of Julia packages."""
GO_PROXY = SERVED / "go"
"""Where machines have the Go modules; `file://` before it makes it a GOPROXY."""

_KEPT_DAYS = 3


def build(cache: Path) -> Path:
    """The channel's directory below `cache`, built where these sources have built none yet.

    It has the path SERVED below a directory that can be laid under a machine's root (see `layer_of`). Debian's packages
    are those that the suites had when it was built; remove the directory to have it built of newer ones.
    """
    layers = cache / "channel"
    layers.mkdir(parents=True, exist_ok=True)
    layer = layers / _digest()
    channel = layer / SERVED.relative_to("/")
    with (layers / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not layer.exists():
            _remove_unused(layers)
            print(f"building the tests' conda channel in {channel}", flush=True)
            with tempfile.TemporaryDirectory(dir=layers, prefix="building-") as building:
                Path(building).chmod(0o755)
                root = Path(building, "layer")
                before = os.umask(0o022)
                try:
                    _build(root / SERVED.relative_to("/"), cache, Path(building, "work"))
                finally:
                    os.umask(before)
                root.rename(layer)
        os.utime(layer)
    return channel


def layer_of(channel: Path) -> Path:
    """The directory that has the channel at SERVED: one more lower directory for a machine."""
    return channel.parents[len(SERVED.parts) - 2]


def _digest() -> str:
    """What the channel is made of: this directory's files, which name the wheels' versions."""
    here = Path(__file__).parent
    files = sorted(file for file in here.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(here)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _remove_unused(layers: Path) -> None:
    oldest = time.time() - _KEPT_DAYS * 86400
    for layer in layers.iterdir():
        if layer.is_dir() and layer.stat().st_mtime < oldest:
            shutil.rmtree(layer)


def _build(channel: Path, cache: Path, work: Path) -> None:
    channel.mkdir(parents=True)
    work.mkdir()
    wheels.convert(channel, cache / "channel-wheels")
    for name, recipes in _RECIPES.items():
        suite = Suite(name, work / f"apt-{name}", cache / "channel-debs")
        convert(channel, suite, recipes(suite), work / name, octave_julia_go.OCTAVE_UNWANTED)
    (go,) = (channel / "linux-64").glob("go-[0-9]*.conda")
    octave_julia_go.pack_go_nocgo(channel, go.name.split("-")[1])
    index(channel)
    program = work / "trixie/recipe-go/go/bin/go"
    go_modules.write(channel / GO_PROXY.relative_to(SERVED), program, cache / "channel-go", work / "go-modules")
    julia_registry.write(channel / JULIA_REGISTRY.parent.relative_to(SERVED), JULIA_REGISTRY.parent)


_RECIPES: Mapping[str, Callable[[Suite], list[Recipe]]] = {
    # The only suite with Julia, and an R to be updated from.
    "bullseye": lambda suite: [*python_and_r.r(suite), octave_julia_go.julia()],
    "bookworm": lambda suite: [
        python_and_r.python(11), python_and_r.fonts(), *python_and_r.r(suite), *octave_julia_go.octave(),
    ],
    # A Go as new as gonb wants, and a Python that needs a newer C library than bookworm's.
    "trixie": lambda suite: [python_and_r.python(13), *octave_julia_go.go(GO_PROXY)],
}  # fmt: skip
