"""Every way to get `spawner` wrong, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.load import load
from tests.unit.config_mistakes import Bad, check, write

NO_EFFECT = "of no effect with kind sudo"
SYSTEMD = "kind: systemd beside it, or no such key"
NAMES = "a variable's name such as HTTPS_PROXY"


def without_systemd(text: str, key: str, found: str) -> Bad:
    return Bad(
        f"spawner:\n  {text}\n", 2, f"spawner.{key}", NO_EFFECT, SYSTEMD, found, f"spawner: {{kind: systemd, {key}:"
    )


CASES = {
    "another kind": Bad(
        "spawner: {kind: docker}\n", 1, "spawner.kind", "not a choice", "sudo or systemd", '"docker"', "spawner: {"
    ),
    "private tmp": without_systemd("private_tmp: true", "private_tmp", "true"),
    "no new privileges": without_systemd("no_new_privileges: true", "no_new_privileges", "true"),
    "variables": without_systemd("environment: [TZ]", "environment", "a list"),
    "beside the kind that is the default": Bad(
        "spawner:\n  kind: sudo\n  no_new_privileges: true\n", 3, "spawner.no_new_privileges", NO_EFFECT, SYSTEMD,
        "true", "spawner: {kind: systemd, no_new_privileges: true}",
    ),
    "what decides which programs run": Bad(
        "spawner: {kind: systemd, environment: [LD_PRELOAD]}\n", 1, "spawner.environment[0]",
        "a variable that the hub has no say in", NAMES, '"LD_PRELOAD"', "spawner: {kind: systemd, environment: [",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=list(CASES))
def test_mistakes(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


@pytest.mark.parametrize("keys", ["private_tmp: false", "no_new_privileges: false", "environment: []"])
def test_what_is_so_with_sudo_may_be_said(keys: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, f"spawner: {{kind: sudo, {keys}}}\n")).spawner.by_sudo
