"""Putting an earlier text into the place of the config file, and what stood there back where that was in vain."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.host import files
from installer.host.errors import ConfigProblem
from installer.host.interruption import undisturbed


@dataclass(frozen=True)
class ConfigFile:
    """The config file as it stands.

    data: what is in it, None where there is none. mode: its permission bits.
    """

    path: Path
    data: bytes | None
    mode: int = 0o644

    @property
    def text(self) -> str:
        """Its text, to be shown."""
        return (self.data or b"").decode(errors="replace")

    @property
    def aside(self) -> Path:
        """Where it is kept if it goes without ever having been applied."""
        return self.path.with_name(f"{self.path.name}.not-applied")

    def says(self, text: str) -> bool:
        """Whether that is what it says; no file says what an empty one does."""
        return (self.data or b"") == text.encode()

    def replace(self, text: str, applied: str) -> None:
        """Have it say something else. Raises Problem.

        applied: what it said when it was applied last; another text that stands there now is kept aside.
        """
        if self.says(text):
            return
        if self.data and not self.says(applied):
            files.write(self.aside, self.data, mode=self.mode)
        files.write(self.path, text.encode(), mode=self.mode)

    @contextmanager
    def replaced(self, text: str, *, applied: str, newest: Callable[[], int | None]) -> Iterator[None]:
        """Have it say something else before the block makes it so, and as it was if the block fails. Raises Problem.

        First of all: were we killed on the way, the next apply would go on to what this run was for.
        newest: asked for the number of the newest generation, which tells whether the block has come to something.
        """
        before = newest()
        try:
            self.replace(text, applied=applied)
            yield
        except BaseException:
            with undisturbed():
                # Interrupted while kernels were built, it is there all the same.
                if newest() == before:
                    self.put_back()
            raise

    def put_back(self) -> None:
        """Have it as it was. Raises Problem."""
        if self.data is None:
            files.remove(self.path)
        elif read(self.path) != self:
            files.write(self.path, self.data, mode=self.mode)


def read(path: Path) -> ConfigFile:
    """Look at the file, whether it makes sense or not. Raises ConfigProblem."""
    try:
        return ConfigFile(path, path.read_bytes(), stat.S_IMODE(path.stat().st_mode) & 0o644)
    except FileNotFoundError:
        return ConfigFile(path, None)
    except OSError as error:
        raise ConfigProblem(
            f"{path} can't be read: {error.strerror}", f"see what it is, and move it away: ls -ld {path}"
        ) from error
