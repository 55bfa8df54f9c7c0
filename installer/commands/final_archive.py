"""The last copy of what can't be had again, before it is removed: config, secrets, the hub's database, locks."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from installer.engine.store import now
from installer.host import files, paths
from installer.kernels import revisions

PLACE = Path("/var/backups")
_ENVIRONMENTS = paths.INSTALLER_STATE / "env"


def keep_state() -> Path:
    """Write it, for root alone, and return where it is. The hub has to be stopped. Raises Problem."""
    archive = PLACE / f"jupyterhub-installer-{now().replace(':', '')}.tar.gz"
    temporary = archive.with_name(f".{archive.name}.new")
    try:
        PLACE.mkdir(mode=0o755, exist_ok=True)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(stream.fileno(), 0o600)
                with tarfile.open(fileobj=stream, mode="w:gz") as tar:
                    for path in _kept():
                        tar.add(path, arcname=str(path.relative_to("/")), filter=_wanted)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(archive)
        finally:
            temporary.unlink(missing_ok=True)
        files.fsync_directory(PLACE)
    except OSError as error:
        raise files.unwritable(archive, error) from error
    return archive


def _kept() -> Iterator[Path]:
    for directory in (paths.ETC, paths.HUB_STATE, paths.INSTALLER_STATE):
        if directory.is_dir():
            yield directory
    for name in revisions.kernels():
        yield from (prefix / revisions.LOCK for prefix in revisions.complete_ones(name))


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """All but the installer's own program, which can be had again."""
    return None if Path("/", member.name) == _ENVIRONMENTS else member
