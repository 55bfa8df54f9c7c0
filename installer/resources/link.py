"""A symbolic link of ours."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import files


class Link(Resource):
    """A symbolic link of ours, switched in one step."""

    kind: ClassVar[str] = "link"

    path: Path
    target: str

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def provides(self) -> tuple[str, ...]:
        """Its path."""
        return (str(self.path),)

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
