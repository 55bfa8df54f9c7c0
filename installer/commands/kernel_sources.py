"""The file that a kernel is made from, copied to where only root can change it: beside the config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from installer.host import files, paths
from installer.host.errors import ConfigProblem, Problem
from installer.kernels.lock import LARGEST


@dataclass(frozen=True)
class Source:
    """A file beside the config.

    before: what was there under that name, None where nothing was.
    """

    path: Path
    before: bytes | None

    def give_back(self) -> None:
        """Have everything as it was, since the kernel didn't come to be. Raises Problem."""
        if self.before is None:
            files.remove(self.path)
        else:
            files.write(self.path, self.before, mode=0o600)


def bring_in(name: str, file: Path) -> Source:
    """Copy an environment file or a lock to where the config can name it. Raises Problem."""
    target = paths.KERNEL_RECIPES / f"{name}{'.lock' if file.suffix == '.lock' else file.suffix or '.yml'}"
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise Problem(f"{file} can't be read: {error.strerror}", "see that the path is right") from error
    if len(data) > LARGEST:
        raise ConfigProblem(f"{file} is larger than 16 MiB", "give an environment file or a lock")
    before = target.read_bytes() if target.exists() else None
    if before != data:
        # Closed: the path may be a person's, and lead to what root alone can read.
        files.write(target, data, mode=0o600)
    return Source(target, before)
