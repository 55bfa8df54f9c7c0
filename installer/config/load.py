"""From the config file to a Config, or to one ConfigProblem that names everything wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

from installer.config.findings import problem
from installer.config.models import Config
from installer.config.source import read
from installer.config.validate import validate
from installer.config.yaml_tree import NotReadable, read_tree


def load(file: Path) -> Config:
    """Read a config file; no file, or an empty one, is the defaults. Raises ConfigProblem.

    Run as root, only a file that nobody but root can write is read.
    """
    data = read(file, writer=0 if os.geteuid() == 0 else None)
    if data is None:
        return Config()
    try:
        tree = read_tree(data)
    except NotReadable as error:
        raise problem(file, [error.finding]) from None
    config, findings = validate(tree)
    if config is None:
        raise problem(file, findings)
    return config
