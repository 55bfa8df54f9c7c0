"""From the config file to a Config, or to one ConfigProblem that names everything wrong with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from installer.config.findings import problem
from installer.config.models import Config
from installer.config.source import read
from installer.config.validate import validate
from installer.config.yaml_tree import NotReadable, read_tree


@dataclass(frozen=True)
class Loaded:
    """A config, and the text of the very file that it was read from ("" where there is none)."""

    config: Config
    text: str


def load(file: Path) -> Config:
    """Read a config file; no file, or an empty one, is the defaults. Raises ConfigProblem."""
    return load_file(file).config


def load_file(file: Path) -> Loaded:
    """Read a config file, and keep its text. Raises ConfigProblem.

    Run as root, only a file that nobody but root can write is read.
    """
    data = read(file, writer=0 if os.geteuid() == 0 else None)
    if data is None:
        return Loaded(Config(), "")
    config = _config(file, data)
    return Loaded(config, data.decode("utf-8"))


def load_text(file: Path, text: str) -> Config:
    """Read a text that is to become the file, which is named in what is wrong with it. Raises ConfigProblem."""
    return _config(file, text.encode("utf-8"))


def _config(file: Path, data: bytes) -> Config:
    try:
        tree = read_tree(data)
    except NotReadable as error:
        raise problem(file, [error.finding]) from None
    config, findings = validate(tree)
    if config is None:
        raise problem(file, findings)
    return config
