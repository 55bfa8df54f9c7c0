"""What a kernel should be: the config's entry and its recipe as one value, known before anything is solved or built."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from installer.config.models import Config, KernelEntry
from installer.host.errors import ConfigProblem
from installer.kernels.environment_file import EnvironmentFile, read_environment_file
from installer.kernels.lock import Lock, read_lock_file
from installer.kernels.recipe import Recipe, directory_of, name_of, read_recipe, recipe_for
from installer.kernels.requirements import layered, requirements_with

_CONDA_FORGE = re.compile(r"conda-forge|https?://conda\.anaconda\.org/conda-forge/?")


class KernelRequest(BaseModel):
    """Everything that decides what a kernel is, apart from which versions a channel has today.

    name: as the config has it. kernelspec: the directory under which Jupyter finds it.
    channels: the highest priority first. packages: match specs. pip: requirements.
    display_name: what launchers say; with {version} still in it.
    lock: the exact packages, where the entry gives them. revision: which one exactly, where it is pinned.
    entry: the config's entry, for `rollback` to put back.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    kernelspec: str
    recipe: Recipe
    channels: tuple[str, ...]
    packages: tuple[str, ...]
    pip: tuple[str, ...] = ()
    display_name: str
    lock: Lock | None = None
    revision: str | None = None
    entry: str | dict[str, Any]

    @property
    def id(self) -> str:
        """12 hexadecimal digits that change with whatever calls for another revision."""
        # The entry is only the way in which the rest was written; a pin chooses among what is there.
        return hashlib.sha256(self.model_dump_json(exclude={"entry", "revision"}).encode()).hexdigest()[:12]


def read_requests(config: Config) -> tuple[KernelRequest, ...]:
    """What every kernel of a config should be. Raises ConfigProblem: no such recipe, two with one kernelspec."""
    requests = tuple(read_request(entry, config.channels) for entry in config.kernels)
    taken: dict[str, str] = {}
    for request in requests:
        other = taken.setdefault(request.kernelspec, request.name)
        if other != request.name:
            raise ConfigProblem(
                f"the kernels {other!r} and {request.name!r} would both be the kernelspec {request.kernelspec!r}",
                f"give one of them another name under `kernels:`, for example {request.name}-2",
            )
    return requests


def read_request(entry: KernelEntry, channels: Sequence[str]) -> KernelRequest:
    """What a kernel of the config should be, with its recipe and files read. Raises ConfigProblem."""
    lock: Lock | None = None
    given = EnvironmentFile()
    if entry.lock is not None:
        if entry.packages or entry.pip:
            raise ConfigProblem(
                f"the kernel {entry.name!r} has a `lock:`, which says every package, and more packages beside it",
                "leave out either; to go on from a lock: give its packages as `packages:` or an `environment:`",
            )
        locked = read_lock_file(Path(entry.lock))
        recipe, lock = locked.recipe, locked.lock
        given = EnvironmentFile(channels=locked.channels, packages=locked.packages, pip=locked.pip)
    elif entry.environment is not None:
        given = read_environment_file(Path(entry.environment))
        recipe = read_recipe(recipe_for(given.packages))
    elif entry.recipe is not None or directory_of(entry.name) is not None:
        recipe = read_recipe(entry.recipe or entry.name)
        given = EnvironmentFile(channels=recipe.channels, packages=recipe.packages, pip=recipe.pip)
    elif entry.packages:
        recipe = read_recipe(recipe_for(entry.packages))
    else:
        recipe = read_recipe(entry.name)
    packages = () if lock else recipe.requires
    return KernelRequest(
        name=entry.name,
        kernelspec=recipe.kernelspec if entry.name == recipe.name else entry.name,
        recipe=recipe,
        channels=_merged(given.channels, channels),
        packages=specs_with(packages, given.packages, entry.packages),
        pip=requirements_with(given.pip, entry.pip),
        display_name=entry.display_name or _display_name(entry.name, recipe),
        lock=lock,
        revision=entry.revision,
        entry=as_written(entry),
    )


def as_written(entry: KernelEntry) -> str | dict[str, Any]:
    """An entry as people write it in the config: the name alone where there is nothing else to say."""
    written: Any = entry.model_dump(mode="json")
    return written  # type: ignore[no-any-return]  # pydantic's own type knows nothing of the model's serializer


def specs_with(specs: Sequence[str], *added: Sequence[str]) -> tuple[str, ...]:
    """Match specs with others on top: of a package that several name, the latest counts, all of it."""
    return layered((specs, *added), name_of)


def _merged(wished: Sequence[str], channels: Sequence[str]) -> tuple[str, ...]:
    """The channels that a file names, in its order; the config's where it has conda-forge, or else at the end.

    The config says where conda-forge is taken from on this host.
    """
    found: list[str] = []
    for channel in wished:
        found += channels if _CONDA_FORGE.fullmatch(channel) else [channel]
    return tuple(dict.fromkeys((*found, *channels)))


def _display_name(name: str, recipe: Recipe) -> str:
    return recipe.display_name if name == recipe.name else f"{recipe.display_name} ({name})"
