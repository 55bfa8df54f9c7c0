"""Files that kernels are made from, copied beside the config."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from installer.commands.kernel_sources import bring_in
from installer.host import paths


def test_what_a_persons_link_leads_to_is_not_opened_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo installer kernel add x --file ~mallory/environment.yml`, which is a link to a secret."""
    recipes = tmp_path / "kernels"
    recipes.mkdir()
    monkeypatch.setattr(paths, "KERNEL_RECIPES", recipes)
    secret = tmp_path / "secret"
    secret.write_text("token")
    file = tmp_path / "environment.yml"
    file.symlink_to(secret)
    source = bring_in("x", file)
    assert stat.S_IMODE((recipes / "x.yml").stat().st_mode) == 0o600
    source.give_back()
    assert list(recipes.iterdir()) == []
