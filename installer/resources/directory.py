"""A directory with mode and owner; what lies in it is not its business."""

from __future__ import annotations

import errno
from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import files
from installer.host.errors import Problem
from installer.resources.at_path import AtPath


class Directory(AtPath):
    """A directory.

    ours: nothing but ours may be in it, so that one which someone else has filled is not taken over.
    """

    kind: ClassVar[str] = "directory"

    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    ours: bool = False

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """Its owner and group."""
        # A system account brings a group of its own name.
        return f"account:{self.owner}", f"group:{self.group}", f"account:{self.group}"

    def wanted(self) -> Attributes:
        """Mode, owner and group."""
        return {"mode": f"{self.mode:04o}", "owner": self.owner, "group": self.group}

    def probe(self) -> Attributes | None:
        """The same, as they are; something else in its place shows as the mode."""
        try:
            owned = files.ownership(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        is_directory = self.path.is_dir() and not self.path.is_symlink()
        mode = f"{owned.mode:04o}" if is_directory else "not a directory"
        return {"mode": mode, "owner": owned.owner, "group": owned.group}

    def foreign(self, observed: Attributes | None) -> str | None:
        """Something else in its place; or, where it is to be ours alone, a directory that isn't empty."""
        if observed is None:
            return None
        if observed["mode"] == "not a directory":
            return f"{self.path} is there already, and isn't a directory"
        if self.ours and any(self.path.iterdir()):
            return f"{self.path} is there already, and holds files that aren't ours"
        return None

    def realize(self, before: Attributes | None) -> None:
        """Create it closed, then give it its owner, then open it as far as its mode says."""
        try:
            if before is None:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.own(self.path, owner=self.owner, group=self.group, mode=self.mode)
            files.fsync_directory(self.path.parent)
        except OSError as error:
            raise files.unwritable(self.path, error) from error

    def as_before(self, before: Attributes, text: str | None) -> Directory:
        """This directory with the mode and the owner it had."""
        if before["mode"] == "not a directory":
            return self
        had = {"owner": before["owner"], "group": before["group"]}
        return self.model_copy(update={**had, "mode": int(str(before["mode"]), 8)})

    def remove(self) -> None:
        """Remove it if it is empty; what others put in it stays, and so does it."""
        try:
            self.path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EBUSY}:
                raise Problem(f"{self.path} can't be removed: {error.strerror}", "see mount and lsattr") from error

    def give_back(self, before: Attributes) -> None:
        """Remove it if it is empty: it was made for what goes now, if by somebody's hand."""
        self.remove()
