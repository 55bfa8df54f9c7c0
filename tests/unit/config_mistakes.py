"""A config with a mistake, and how everything that is told of it is checked."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from installer.config.load import load
from installer.host.errors import ConfigProblem, ExitCode


class Bad(NamedTuple):
    """A config, and what the first line about it has to say."""

    config: str | bytes
    line: int
    key: str
    wrong: str
    expected: str
    found: str
    example: str | None = None


def write(directory: Path, config: str | bytes) -> Path:
    file = directory / "installer.yaml"
    file.write_bytes(config.encode() if isinstance(config, str) else config)
    file.chmod(0o644)
    return file


def check(bad: Bad, directory: Path) -> ConfigProblem:
    """Load it: the mistake is told with line, key, expectation and an example, and the example is right."""
    file = write(directory, bad.config)
    with pytest.raises(ConfigProblem) as caught:
        load(file)
    told = caught.value
    assert told.exit_code is ExitCode.USAGE

    place, _, rest = told.what.partition(": ")
    assert place == f"{file}:{bad.line}"
    if bad.key:
        assert rest.startswith(f"{bad.key}: {bad.wrong}"), told.what
    before, _, found = rest.rpartition(", found ")
    assert bad.wrong in before
    assert bad.expected in before.rpartition(": expected ")[2], told.what
    assert bad.found in found, told.what
    assert "\n" not in told.what + told.hint
    assert told.what.isprintable()

    example = told.hint.partition("for example: ")[2]
    if bad.example is not None:
        assert example.startswith(bad.example), told.hint
    load(write(directory, example + "\n"))  # what the hint says to write has to work
    return told
