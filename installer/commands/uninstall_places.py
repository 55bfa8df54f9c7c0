"""What comes to be in our directories as the hub runs and kernels are built, and goes with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from installer.host import paths
from installer.host.trees import remove_tree
from installer.kernels import environment, revisions
from installer.resources.server_build import discard

_REVISION = re.compile("[0-9a-f]{12}")


def empty(directory: Path) -> None:
    """Remove from one of our directories what is ours without being a resource. Raises Problem, OSError."""
    if directory.is_dir() and not directory.is_symlink():
        _EMPTIED.get(directory, _nothing)(directory)


def state_files(directory: Path) -> list[Path]:
    """What the installer has written, or was told, in the admin's directory."""
    return [paths.CONFIG_FILE, *directory.glob(".*.????????.new")]


def _nothing(_: Path) -> None:
    """What else is in there is somebody else's."""


def _everything(directory: Path) -> None:
    for entry in directory.iterdir():
        remove_tree(entry)


def _config(directory: Path) -> None:
    for file in state_files(directory):
        file.unlink(missing_ok=True)


def _server_revisions(directory: Path) -> None:
    for entry in directory.iterdir():
        if _REVISION.fullmatch(entry.name) and not entry.is_symlink():
            discard(entry)


def _kernels(directory: Path) -> None:
    """Every revision of every kernel, also of those that nobody asks for any more."""
    for name in revisions.kernels():
        for prefix in revisions.directories(name):
            environment.discard(prefix, name)
        (directory / name / "history").unlink(missing_ok=True)
        if not any((directory / name).iterdir()):
            (directory / name).rmdir()


def _kernelspecs(directory: Path) -> None:
    for entry in directory.iterdir():
        if revisions.linked(entry.name) is not None:
            entry.unlink()


_EMPTIED: dict[Path, Callable[[Path], None]] = {
    paths.ETC: _config,
    paths.SECRETS: _everything,
    paths.TLS: _everything,
    paths.HUB_STATE: _everything,
    paths.CACHE: _everything,
    paths.SERVER_REVISIONS: _server_revisions,
    paths.CERTBOT_REVISIONS: _server_revisions,
    paths.ACME_CONFIG: _everything,
    paths.ACME_WORK: _everything,
    paths.ACME_LOGS: _everything,
    paths.ACME_CHALLENGES: _everything,
    paths.KERNELS: _kernels,
    paths.KERNELS_CACHE: _everything,
    paths.KERNELS_SCRATCH: _everything,
    paths.KERNELSPECS: _kernelspecs,
    paths.WEB_STATE: _everything,
    paths.FAILLOCK: _everything,
    paths.PASSES: _everything,
    paths.PROXY_RUN: _everything,
    paths.PROXY_API_RUN: _everything,
}
