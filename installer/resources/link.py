"""A symbolic link of ours."""

from __future__ import annotations

from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import files
from installer.resources.at_path import AtPath


class Link(AtPath):
    """A symbolic link of ours, switched in one step."""

    kind: ClassVar[str] = "link"

    target: str

    @property
    def reads(self) -> tuple[str, ...]:
        """What it points at: it is switched when that is complete."""
        return (str(self.path.parent / self.target),)

    def wanted(self) -> Attributes:
        """Where it points."""
        return {"target": self.target}

    def probe(self) -> Attributes | None:
        """Where it points now."""
        if self.path.is_symlink():
            return {"target": str(self.path.readlink())}
        return {"target": "not a link"} if self.path.exists() else None

    def foreign(self, observed: Attributes | None) -> str | None:
        """Anything that points elsewhere."""
        if observed is None or observed == self.wanted():
            return None
        return f"{self.path} is there already, and isn't ours"

    def realize(self, before: Attributes | None) -> None:
        """Switch it."""
        files.link(self.path, self.target)

    def remove(self) -> None:
        """Remove the link, not what it points at."""
        if self.path.is_symlink():
            files.remove(self.path)
