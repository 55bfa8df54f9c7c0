"""What stays as somebody has changed it by hand: what the config's `keep` comes to on this host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from installer.config import edit
from installer.config.kinds import Unfit
from installer.config.load import Loaded, load_text
from installer.config.models import Config
from installer.config.values import KEEPABLE, kept_file
from installer.engine.resource import Resource
from installer.engine.store import Store
from installer.host import paths
from installer.host.errors import ConfigProblem


def kept_keys(config: Config, desired: Sequence[Resource], store: Store) -> frozenset[str]:
    """The keys of what is kept: of that which the last apply has left here, since only that can have been changed.

    On a machine where it was never made (after a restore, say), it is made.
    """
    if not config.keep:
        return frozenset()
    ours = store.resources_of(store.newest())
    return frozenset(resource.key for resource in desired if resource.name in config.keep and resource.key in ours)


def with_kept(loaded: Loaded, said: Sequence[str]) -> Loaded:
    """The config with more files to keep; they are checked first. Raises ConfigProblem.

    said: their paths as they were typed.
    """
    for file in said:
        try:
            kept_file(file)
        except Unfit as unfit:
            meant = f"; did you mean {unfit.example}?" if unfit.example else ""
            wrong = f"--keep {file}: {unfit.wrong}{meant}"
            raise ConfigProblem(wrong, f"it can be one of {', '.join(KEEPABLE)}") from None
    text = edit.with_kept(loaded.text, said)
    return replace(loaded, config=load_text(paths.CONFIG_FILE, text), text=text)
