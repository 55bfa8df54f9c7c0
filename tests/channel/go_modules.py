"""A directory of Go modules that `go` takes for a module proxy: gonb, the real one, and all that it is built of.

The channel's Go looks there first, so `go install github.com/janpfeifer/gonb@v0.11.4` needs no other proxy.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.system.machine_process import run

GONB = "github.com/janpfeifer/gonb"
GONB_VERSION = "v0.11.4"
_MODULE = f"module channel\n\ngo 1.24.4\n\nrequire {GONB} {GONB_VERSION}\n"


def write(directory: Path, go: Path, cache: Path, work: Path) -> None:
    """Write the proxy's directory, downloading by the program `go`; downloads stay in `cache`."""
    work.mkdir(parents=True)
    (work / "go.mod").write_text(_MODULE)
    environment = {
        "HOME": str(work), "GOMODCACHE": str(cache), "GOCACHE": str(work / "cache"), "GOFLAGS": "-mod=mod -modcacherw",
        "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOTELEMETRY": "off",
    }  # fmt: skip
    # Not `go mod download`, which takes also the modules that only the tests of others are made of.
    run([go, "-C", work, "list", "-deps", GONB], env=environment, timeout=600)
    for file in (cache / "cache/download").rglob("@v/*"):
        if file.suffix in {".info", ".mod", ".zip", ".ziphash"}:
            place = directory / file.relative_to(cache / "cache/download")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    for versions in directory.rglob("@v"):
        infos = sorted(info.stem for info in versions.glob("*.info"))
        (versions / "list").write_text("".join(f"{version}\n" for version in infos))
