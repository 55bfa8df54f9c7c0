"""A recipe: how a language's kernel is made. One directory each, ours in kernels/, the admin's beside the config.

recipe.yaml       the fields of `Recipe`
environment.yml   the packages, as conda users write them
logo.svg          what launchers show (optional)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.kernels.environment_file import EnvironmentFile, read_environment_file, read_owned

OURS = Path(__file__).parents[2] / "kernels"


_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Names a directory that root makes; a lock from elsewhere brings a recipe along, with what its author calls things."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Smoke(_Frozen):
    """A cell that shows that a kernel works: code, and a text that its output has in it."""

    code: str
    expect: str


class Recipe(_Frozen):
    """How a language's kernel is made from packages.

    In argv, env, path, directories and post_install, {prefix} is the environment's directory, {name} the kernel's
    name, {version} the first two numbers of `version_of`, and {scratch} a directory that is gone after the build.
    ${HOME} and the like, in what a kernel starts with, are the variables of the person who starts it.

    language: as notebooks name it. version_of: the package whose version is shown.
    display_name: what launchers say; may have {version}.
    kernelspec: the name that notebooks from elsewhere know this kernel by ("python3").
    requires: what the kernel itself needs, whatever else an environment has. channels, packages, pip: environment.yml.
    argv: the kernel's start. interrupt_mode, debugger: see jupyter_client's documentation of kernelspecs.
    transport: what the kernel listens on: sockets in a directory of its person's, or ports of the machine's, which
        everybody who is logged in there can connect to, for a kernel that can't do without.
    env: variables it starts with, over those that activating the environment sets; an empty one is taken away.
    path: directories behind the environment's own bin in PATH.
    directories: made before the kernel starts, in the home of the person: what a language doesn't look into
        unless it is there.
    post_install: programs run when the packages are in place, in order; without a shell.
    post_install_env: variables for them.
    inventory: a program that prints what they have added, "name version" a line, with a third word where something
        else needs it and nobody asked for it.
    link_scripts: whether the packages' own post-link scripts are run.
    platforms: conda subdirs that have the packages; everywhere if None.
    logo: an SVG image.
    """

    name: _FileName
    language: str
    version_of: str
    display_name: str
    kernelspec: _FileName
    requires: tuple[str, ...] = Field(min_length=1)
    channels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    argv: tuple[str, ...] = Field(min_length=1)
    interrupt_mode: Literal["signal", "message"] = "signal"
    debugger: bool = False
    transport: Literal["ipc", "tcp"] = "ipc"
    env: Mapping[str, str] = {}
    path: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    post_install: tuple[tuple[str, ...], ...] = ()
    post_install_env: Mapping[str, str] = {}
    inventory: tuple[str, ...] = ()
    link_scripts: bool = False
    platforms: tuple[str, ...] | None = None
    smoke: Smoke
    logo: str | None = None


def directory_of(name: str) -> Path | None:
    """Where a recipe is: the admin's own comes before ours; None where there is none of that name."""
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,31}", name) is None:
        return None
    places = (paths.KERNEL_RECIPES / name, OURS / name)
    return next((place for place in places if (place / "recipe.yaml").exists()), None)


def names() -> list[str]:
    """Every recipe there is."""
    return sorted({file.parent.name for place in (paths.KERNEL_RECIPES, OURS) for file in place.glob("*/recipe.yaml")})


def read_recipe(name: str) -> Recipe:
    """Read a recipe. Raises ConfigProblem, with the names there are if it is not one of them."""
    directory = directory_of(name)
    if directory is None:
        raise ConfigProblem(
            f"there is no recipe {name!r}",
            f"there are {', '.join(names())}; or give the kernel an `environment:` or `packages:`",
        )
    file = directory / "recipe.yaml"
    environment = directory / "environment.yml"
    logo = directory / "logo.svg"
    # What is ours comes with the checkout, which is whose it may be: whoever runs it as root trusts it whole.
    ours = directory.parent == OURS
    try:
        fields = YAML(typ="safe", pure=True).load(file.read_bytes() if ours else read_owned(file))
        if not isinstance(fields, dict):
            raise ConfigProblem(f"{file} is no recipe", "see docs/how-to/kernels.md for what is in one")
        given = read_environment_file(environment, trusted=ours) if environment.exists() else EnvironmentFile()
        logo_text = (logo.read_bytes() if ours else read_owned(logo)).decode() if logo.exists() else None
        return Recipe(name=name, **fields, **given.model_dump(), logo=logo_text)
    except (YAMLError, ValidationError, TypeError, UnicodeDecodeError) as error:
        raise ConfigProblem(
            f"{file} is no recipe: {_first(error)}", "see docs/how-to/kernels.md for what is in one"
        ) from None


def recipe_for(packages: Iterable[str]) -> str:
    """The name of our recipe that suits an environment with these packages: by the language that they bring."""
    given = {name_of(spec) for spec in packages}
    marks = {
        "r": {"r-base", "r-irkernel"},
        "octave": {"octave", "octave_kernel"},
        "julia": {"julia"},
        "go": {"go", "go-cgo", "go-nocgo"},
    }
    # Python comes along with everything, so it is what is left.
    return next((name for name, mark in marks.items() if given & mark), "python")


def name_of(spec: str) -> str:
    """The package that a match spec is about: "conda-forge::numpy>=1" is about numpy."""
    found = re.match(r"[A-Za-z0-9_.-]+", spec.rsplit("::", maxsplit=1)[-1].strip())
    return found.group().lower() if found else ""


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        # A field that nobody knows is most likely the one that is missing, misspelt.
        first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())
