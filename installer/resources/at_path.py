"""What all resources share that stand at one path."""

from __future__ import annotations

from pathlib import Path

from installer.engine.resource import Resource


class AtPath(Resource):
    """A resource whose name is the path at which it stands."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def provides(self) -> tuple[str, ...]:
        """Its path, which others may read or stand below."""
        return (str(self.path),)
