"""scripts/try shows the whole thing on a host where it may not be installed."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.system.machine_person import APPLY_SECONDS, REPOSITORY


@pytest.mark.only_on("trixie")
def test_try_boots_applies_and_tidies_up(suite: str) -> None:
    words = [str(REPOSITORY / "scripts" / "try"), "--suite", suite, "--check"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=APPLY_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    address = re.search(r"open +https://([\d.]+)/", done.stdout)
    assert address
    assert re.search(rf"https://{address[1]}/\S* answers: 200 OK", done.stdout)
    assert "log in  ada, password " in done.stdout
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    assert f"ip saddr {address[1]} " not in rules.stdout
