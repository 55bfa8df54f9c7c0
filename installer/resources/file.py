"""A text file of ours: whole content, mode, owner; checked before it reaches its place."""

from __future__ import annotations

import hashlib
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.resources.at_path import AtPath


class File(AtPath):
    """A file with the given text.

    mode: permission bits.
    check: argument vector that must exit with 0 before the file reaches its place; "{}" in it stands for a copy of
        the file, of the same name in a directory of its own.
    check_as: the account that runs the check; root if None.
    """

    kind: ClassVar[str] = "file"

    text: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    check: tuple[str, ...] = ()
    check_as: str | None = None

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """Its owner and group, and the account that checks it."""
        # A system account brings a group of its own name.
        return f"account:{self.owner}", f"group:{self.group}", f"account:{self.group}", f"account:{self.check_as}"

    @property
    def data(self) -> bytes:
        """What is in it."""
        return self.text.encode()

    def wanted(self) -> Attributes:
        """Content by its hash, mode, owner and group."""
        return {
            "content": _digest(self.data),
            "mode": f"{self.mode:04o}",
            "owner": self.owner,
            "group": self.group,
        }

    def probe(self) -> Attributes | None:
        """The same, as it is; a link or directory in its place shows as its content."""
        try:
            status = self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        owned = files.ownership(self.path)
        if stat.S_ISREG(status.st_mode):
            content = _digest(self.path.read_bytes())
        else:
            content = f"not a file but {stat.filemode(status.st_mode)}"
        return {"content": content, "mode": f"{owned.mode:04o}", "owner": owned.owner, "group": owned.group}

    def foreign(self, observed: Attributes | None) -> str | None:
        """A file that says something else was written by someone else."""
        if observed is None or observed["content"] == self.wanted()["content"]:
            return None
        return f"{self.path} is there already, and isn't ours"

    def realize(self, before: Attributes | None) -> None:
        """Check a copy, then put it in place in one step."""
        if before is not None and self.path.is_dir() and not self.path.is_symlink():
            raise Problem(f"{self.path} is a directory, where a file should be", "move it away, then run apply again")
        if self.checked:
            with self.candidate() as copy:
                self.try_out(copy)
        files.write(self.path, self.data, mode=self.mode, owner=self.owner, group=self.group)

    def remove(self) -> None:
        """Remove the file."""
        files.remove(self.path)

    def content(self) -> str | None:
        """Its text."""
        return self.text

    def present_content(self) -> str | None:
        """The text that is there, None where it isn't text."""
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def as_before(self, before: Attributes, text: str | None) -> File:
        """This file with the text it had, its mode and its owner."""
        if text is None:
            return self
        had = {"text": text, "check": (), "owner": before["owner"], "group": before["group"]}
        return self.model_copy(update={**had, "mode": int(str(before["mode"]), 8)})

    @property
    def checked(self) -> bool:
        """Whether it is looked at before it reaches its place."""
        return bool(self.check)

    def try_out(self, copy: Path) -> None:
        """Run the check on a copy. Raises Problem with what it said."""
        try:
            run([word.replace("{}", str(copy)) for word in self.check], user=self.check_as, timeout=120)
        except CommandFailed as failed:
            raise Problem(
                f"the new {self.path} was refused when it was checked; it was not put in place",
                failed.hint.replace(str(copy), str(self.path)),
                failed.detail.replace(str(copy), str(self.path)),
            ) from failed

    @contextmanager
    def candidate(self) -> Iterator[Path]:
        """A copy of the new file under its own name in a directory of its own, gone at the end of the block."""
        try:
            paths.INSTALLER_RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=paths.INSTALLER_RUN) as directory:
                Path(directory).chmod(0o755)
                copy = Path(directory) / self.path.name
                copy.write_bytes(self.data)
                copy.chmod(self.mode)
                yield copy
        except OSError as error:
            raise files.unwritable(paths.INSTALLER_RUN, error) from error


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
