"""Octave, Julia and Go of the channel: which Debian packages they are made of, and what is moved for them to work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from tests.channel.debs import LIBRARIES, Recipe, edit
from tests.channel.pack import pack

_ACTIVATE = "etc/conda/activate.d"


def _activation(settings: Iterable[str]) -> str:
    """A script that an environment's activation reads."""
    return "".join(f"export {setting}\n" for setting in settings)


def _write_activation(root: Path, name: str, settings: Iterable[str]) -> None:
    script = root / _ACTIVATE / f"{name}.sh"
    script.parent.mkdir(parents=True)
    script.write_text(_activation(settings))


# --- Octave --------------------------------------------------------------------------------------

OCTAVE_UNWANTED = r"libqt5|libqscintilla|libgl1-mesa|libfltk|libportaudio|libsndfile|.*-dev$"
"""What Octave's window, its sound and drivers of graphics cards need: no kernel does."""


def octave() -> list[Recipe]:
    """Octave without its window; it draws through gnuplot."""
    window = ("*/liboctgui.so*", "*/octave-gui", "*/octave-svgconvert", "*/__init_fltk__.oct", "*/__fltk_*.oct")
    sound = ("*/audiodevinfo.oct", "*/audioread.oct")
    return [
        Recipe(
            "octave",
            ("octave", "octave-common", "fonts-freefont-otf"),
            ("gnuplot", "ghostscript", "fonts-and-config"),
            skip=(*window, *sound),
            arrange=_arrange_octave,
        ),
        Recipe("gnuplot", ("gnuplot-nox", "gnuplot-data"), ("fonts-and-config",), arrange=_arrange_gnuplot),
        # Octave has it turn what gnuplot draws into pictures.
        Recipe(
            "ghostscript",
            ("ghostscript", "libgs10-common", "libgs-common", "fonts-urw-base35"),
            skip=("*.afm", "*.otf", "*.ttf", "*.t1x", "etc/*", "share/fontconfig/*", "share/metainfo/*"),
            arrange=_arrange_ghostscript,
        ),
    ]


def _arrange_octave(root: Path) -> None:
    (autoloads,) = root.glob("lib/*/octave/*/oct/*/PKG_ADD")
    edit(autoloads, r'^.*"(audiodevinfo|audioread|__init_fltk__|__fltk_uigetfile__)\.oct".*\n', "")
    lines = (
        'OCTAVE_HOME="$CONDA_PREFIX"',
        'OCTAVE_EXEC_HOME="$CONDA_PREFIX"',
        'OCTAVE_FONTS_DIR="$CONDA_PREFIX/share/fonts/opentype/freefont"',
    )
    _write_activation(root, "octave", lines)


def _arrange_gnuplot(root: Path) -> None:
    (root / "bin/gnuplot").symlink_to("gnuplot-nox")
    data = max(root.glob("share/gnuplot/gnuplot/*/PostScript"))
    _write_activation(root, "gnuplot", (f'GNUPLOT_PS_DIR="$CONDA_PREFIX/{data.relative_to(root)}"',))


def _arrange_ghostscript(root: Path) -> None:
    (data,) = root.glob("share/ghostscript/[0-9]*")
    places = [data / "Resource/Init", data / "Resource/Font", data / "lib", root / "share/fonts/type1/urw-base35"]
    path = ":".join(f"$CONDA_PREFIX/{place.relative_to(root)}" for place in places)
    _write_activation(root, "ghostscript", (f'GS_LIB="{path}"',))


# --- Julia ---------------------------------------------------------------------------------------


def julia() -> Recipe:
    """Julia with all libraries of its own, and the one that its kernel speaks through."""
    return Recipe(
        "julia",
        ("julia", "julia-common", "libjulia1"),
        skip=("share/julia/test/*",),
        arrange=_arrange_julia,
        opens={"libzmq.so.5": "libzmq5"},
        private=f"{LIBRARIES}/julia",
    )


def _arrange_julia(root: Path) -> None:
    # conda-forge's does just this: it puts a directory first that no user may write to.
    lines = (
        'JULIA_DEPOT_PATH="$CONDA_PREFIX/share/julia:${JULIA_DEPOT_PATH:-}"',
        'JULIA_PROJECT="@${CONDA_DEFAULT_ENV:-}"',
        'JULIA_LOAD_PATH="@:$JULIA_PROJECT:@stdlib"',
    )
    _write_activation(root, "julia", lines)


# --- Go ------------------------------------------------------------------------------------------


def go(modules: Path) -> list[Recipe]:
    """Go's toolchain under go/, and its tools. It looks for modules in the directory `modules` first."""
    skip = ("*/testdata/*", "*_test.go", "*/go-1.24/api/*", "*/go-1.24/test/*", "*/go-1.24/misc/*")
    tools = ("share/*", "bin/[!g]*", "bin/go[!i]*", "bin/gi*")
    return [
        Recipe("go", ("golang-1.24-go", "golang-1.24-src"), skip=skip, arrange=partial(_arrange_go, modules=modules)),
        Recipe("gopls", ("gopls",), skip=("share/*",)),
        Recipe("go-tools", ("golang-golang-x-tools",), skip=tools),
    ]


def _arrange_go(root: Path, *, modules: Path) -> None:
    sources, home = root / "share/go-1.24", root / "go"
    shutil.move(root / "lib/go-1.24", home)
    for name in ("src", "lib", "pkg/include"):
        (home / name).unlink()
        shutil.move(sources / name, home / name)
    shutil.rmtree(sources)
    edit(home / "go.env", "^GOPROXY=", f"GOPROXY={modules.as_uri()},")
    for name in ("go", "gofmt"):
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / name).symlink_to(f"../go/bin/{name}")


def pack_go_nocgo(channel: Path, version: str) -> None:
    """The choice of a Go that needs no C compiler: what conda-forge's package of the name sets when activated."""
    script = _activation(("CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "CONDA_GO_COMPILER=1"))
    pack(
        channel,
        name="go-nocgo",
        version=version,
        depends=[f"go =={version}"],
        subdir="linux-64",
        files={
            f"{_ACTIVATE}/go.sh": script.encode(),
            "etc/conda/env_vars.d/go.json": json.dumps({"GOTOOLCHAIN": "local"}).encode(),
        },
    )
