"""What comes to be in our directories as the hub runs and kernels are built, and goes with them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from installer.host import paths
from installer.host.trees import remove_tree
from installer.kernels import checked, environment, revisions
from installer.resources.server_build import discard

_REVISION = re.compile("[0-9a-f]{12}")
_KERNEL_SOCKETS = "jupyter-kernel-*"
"""What installer.hub.kernel_sockets calls the directories that it makes."""


def empty(directory: Path) -> None:
    """Remove from one of our directories what is ours without being a resource. Raises Problem, OSError."""
    if directory.is_dir() and not directory.is_symlink():
        _EMPTIED.get(directory, _nothing)(directory)


def state_files(directory: Path) -> list[Path]:
    """What the installer has written, or was told, in the admin's directory."""
    return [paths.CONFIG_FILE, *directory.glob(".*.????????.new")]


def kernel_sockets(place: Path = Path("/tmp")) -> None:  # noqa: S108 - of users, who make them there
    """Remove the sockets of kernels that were ended with their servers, and nothing else that somebody put there."""
    for directory in place.glob(_KERNEL_SOCKETS):
        try:
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            with os.scandir(handle) as entries:
                names = [entry.name for entry in entries]
            for name in names:
                mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
                if stat.S_ISSOCK(mode) or stat.S_ISLNK(mode):
                    os.unlink(name, dir_fd=handle)
        finally:
            os.close(handle)
        with suppress(OSError):
            directory.rmdir()


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
    checked.forget()


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
