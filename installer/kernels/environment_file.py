"""An environment.yml as conda users know it: channels, conda packages, and what pip adds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from installer.config.credentials import has_credentials, masked
from installer.config.source import LARGEST, read
from installer.host import paths
from installer.host.errors import ConfigProblem

_NOT_CHANNELS = ("nodefaults", "defaults")
"""The first says that nothing is added by itself, which holds here anyway; the second is a company's, under terms
that a university may not meet, so it is not used for being in a copied file."""


class EnvironmentFile(BaseModel):
    """What such a file asks for.

    channels: as written, without `nodefaults` and `defaults`.
    packages: match specs. pip: requirements, as pip reads them.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    channels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()


def read_environment_file(path: Path, *, trusted: bool = False) -> EnvironmentFile:
    """Read one; `name` and `prefix` in it are passed over. Raises ConfigProblem.

    trusted: whether it is one of ours; of others, root reads only what nobody but root can write.
    """
    data = path.read_bytes() if trusted else read_owned(path)
    try:
        document = YAML(typ="safe", pure=True).load(data)
    except (YAMLError, UnicodeDecodeError) as error:
        raise _unfit(path, " ".join(str(error).split())) from None
    if not isinstance(document, dict):
        raise _unfit(path, "it has no `dependencies:`")
    unknown = set(document) - {"name", "prefix", "channels", "dependencies", "platforms", "variables", "category"}
    if unknown:
        raise _unfit(path, f"it has `{min(map(str, unknown))}:`, which no environment file has")
    if document.get("variables"):
        raise _unfit(path, "it has `variables:`, which belong into `env:` of a recipe here")
    return EnvironmentFile(
        channels=tuple(c for c in _strings(path, "channels", document.get("channels")) if c not in _NOT_CHANNELS),
        **_dependencies(path, document.get("dependencies")),
    )


def read_owned(path: Path, *, largest: int = LARGEST) -> bytes:
    """The bytes of a file that root acts on. Raises ConfigProblem, also where it is missing."""
    data = read(path, writer=0 if os.geteuid() == 0 else None, largest=largest)
    if data is None:
        raise ConfigProblem(f"{path} does not exist", "write it, or correct its path in the config")
    return data


def refuse_credentials(path: Path, texts: Iterable[str]) -> None:
    """Raises ConfigProblem where a URL has some: what a kernel is made from is shown to everybody, and kept with it."""
    for text in texts:
        if has_credentials(text):
            raise ConfigProblem(
                f"{path} has credentials in it, and everybody can read what a kernel is made from: {masked(text)}",
                f"write the URL without them, and them into {paths.CHANNEL_CREDENTIALS} (docs/how-to/kernels.md)",
            )


def _dependencies(path: Path, given: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, list) or not given:
        raise _unfit(path, "its `dependencies:` are no list of packages")
    packages: list[str] = []
    pip: list[str] = []
    for item in given:
        if isinstance(item, dict) and set(item) == {"pip"}:
            pip += _strings(path, "pip", item["pip"])
        else:
            packages += _strings(path, "dependencies", [item])
    options = [line for line in pip if line.startswith("-")]
    if options:
        raise _unfit(path, f"its `pip:` has `{options[0]}`: options and requirement files aren't read, only packages")
    return {"packages": tuple(packages), "pip": tuple(pip)}


def _strings(path: Path, key: str, given: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, str) and item.strip() for item in given):
        raise _unfit(path, f"its `{key}:` is no list of texts")
    refuse_credentials(path, given)
    return [" ".join(item.split()) for item in given]


def _unfit(path: Path, why: str) -> ConfigProblem:
    return ConfigProblem(
        f"{path} can't be used as an environment file: {why}",
        "see the format: channels, dependencies, and a pip: list among them (docs/how-to/kernels.md)",
    )
