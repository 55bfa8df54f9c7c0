"""Python and R of the channel: which Debian packages they are made of, and what is moved for them to work."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

from tests.channel.archive import Suite, reached
from tests.channel.debs import LIBRARIES, Recipe, edit
from tests.channel.pack import PLACEHOLDER


def python(minor: int) -> Recipe:
    """CPython as Debian builds it, but with its paths as everybody else's Python has them."""
    name = f"python3.{minor}"
    return Recipe(
        "python",
        (name, f"{name}-minimal", f"lib{name}-minimal", f"lib{name}-stdlib"),
        skip=("*/EXTERNALLY-MANAGED", "share/*", "etc/*", "lib/python3/*"),
        arrange=partial(_arrange_python, library=f"lib/{name}", program=name),
    )


def _arrange_python(root: Path, *, library: str, program: str) -> None:
    (root / "bin/python3").symlink_to(program)
    (root / "bin/python").symlink_to("python3")
    (root / library / "site-packages").mkdir()
    (root / library / "site-packages/README.txt").write_text("The packages of this environment.\n")
    # Debian's site module is a part of the program, and looks into dist-packages only.
    shutil.rmtree(root / library / "dist-packages", ignore_errors=True)
    (root / library / "dist-packages").symlink_to("site-packages")
    package, module = root / library / "sysconfig/__init__.py", root / library / "sysconfig.py"
    edit(package if package.exists() else module, "prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'")


def fonts() -> Recipe:
    """What draws text needs a font and the way to it: servers have none."""
    return Recipe("fonts-and-config", ("fontconfig-config", "fonts-dejavu-core"), arrange=_arrange_fonts)


def _arrange_fonts(root: Path) -> None:
    for file in (root / "etc/fonts/conf.d").iterdir():
        file.unlink()
    edit(root / "etc/fonts/fonts.conf", r"<(dir|include)\b.*</(dir|include)>", "")
    edit(root / "etc/fonts/fonts.conf", "<fontconfig>", f"<fontconfig>\n<dir>{PLACEHOLDER}/share/fonts</dir>")
    variables = root / "etc/conda/env_vars.d/fonts.json"
    variables.parent.mkdir(parents=True)
    variables.write_text(json.dumps({"FONTCONFIG_PATH": f"{PLACEHOLDER}/etc/fonts"}))


def r(suite: Suite) -> list[Recipe]:
    """R with its kernel; each R package is one of its own, named as conda-forge names it."""
    roots = ("r-base-core", "r-cran-irkernel")
    debs = reached(roots, suite.closure(roots), lambda name: name.startswith("r-cran-"))
    base = next(deb for deb in debs if deb.name == "r-base-core")
    packages = {deb.name: deb for deb in debs if deb is not base}
    major, minor = map(int, base.upstream.split(".")[:2])
    built_for = f"r-base >={major}.{minor},<{major}.{minor + 1}"
    return [
        # tcltk needs Tcl's own scripts, and a display.
        Recipe("r-base", (base.name,), ("fonts-and-config",), ("lib/R/library/tcltk/*",), _arrange_r),
        *(
            Recipe(
                _r_name(name),
                (name,),
                (built_for, *(_r_name(other) for other in deb.depends if other in packages)),
                arrange=_arrange_r_package,
                present=("libR.so",),
            )
            for name, deb in packages.items()
        ),
    ]


def _r_name(deb: str) -> str:
    return deb.replace("r-cran-", "r-")


def _arrange_r(root: Path) -> None:
    # The line that asks whether this is the host's own R has to keep the host's path.
    edit(root / "lib/R/bin/R", r"^(R_\w+)=/usr/", rf"\1={PLACEHOLDER}/")
    (root / "bin/R").unlink()
    (root / "bin/R").symlink_to("../lib/R/bin/R")
    for name in ("ldpaths", "Makeconf"):
        edit(root / "etc/R" / name, "/usr/lib/x86_64-linux-gnu", f"{PLACEHOLDER}/{LIBRARIES}")
    # It names the libraries of the host's R.
    (root / "etc/R/Renviron.site").write_text("")
    # Debian makes the one of the other when it installs the package.
    edit(root / "lib/R/etc/Renviron.ucf", "/usr/", f"{PLACEHOLDER}/")
    shutil.copy(root / "lib/R/etc/Renviron.ucf", root / "etc/R/Renviron")
    (root / "lib/R/etc/Renviron").unlink(missing_ok=True)
    (root / "lib/R/etc/Renviron").symlink_to("../../../etc/R/Renviron")


def _arrange_r_package(root: Path) -> None:
    site = root / "lib/R/site-library"
    shutil.copytree(site, root / "lib/R/library", symlinks=True)
    shutil.rmtree(site)
