"""The last backup, made before what is in it is removed: config, secrets, the hub's database, kernels' locks."""

from __future__ import annotations

from pathlib import Path

from installer.commands import backup
from installer.config.load import load_file
from installer.engine.executor import Reporter
from installer.host import paths
from installer.host.errors import Problem


def make(reporter: Reporter) -> Path:
    """Make it where the config says, as `restore` takes it, and return where it is. The hub has to be stopped.

    What should be in it and can't be is told. Raises Problem, with what to do for it to be made, or not to be wanted.
    """
    try:
        made = backup.backup_to(None, load_file(paths.CONFIG_FILE), reporter.step, label="-uninstall")
    except Problem as problem:
        raise Problem(
            f"the last backup can't be made: {problem.what}",
            f"{problem.hint}; or keep nothing: uninstall --purge",
            problem.detail,
        ) from problem
    for each in made.left_out:
        reporter.step(f"not in the backup: {each}")
    if made.path is None:
        raise AssertionError("a backup in a file has a path")
    return made.path
