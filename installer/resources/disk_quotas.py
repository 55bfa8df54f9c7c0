"""That people's disk quotas are as today's config has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import paths
from installer.host.process import run

_AS_CONFIGURED = "as configured"
_SECONDS = 120


class DiskQuotas(Resource):
    """Every member has the quota that the program would give them now.

    files: what it goes by.
    """

    kind: ClassVar[str] = "disk-quotas"

    program: Path
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Those whom it is about."""
        return paths.MEMBERS_GROUP

    @property
    def reads(self) -> tuple[str, ...]:
        """The program and its files."""
        return tuple(map(str, (self.program, *self.files)))

    def wanted(self) -> Attributes:
        """As configured."""
        return {"quotas": _AS_CONFIGURED}

    def probe(self) -> Attributes | None:
        """The same, or who has another one; None where there is nothing to say so."""
        if not self.program.exists() or not all(file.exists() for file in self.files):
            return None
        others = json.loads(self._run("--check", paths.MEMBERS_GROUP))
        return {"quotas": f"other than configured: {', '.join(others)}" if others else _AS_CONFIGURED}

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """What it goes by says something else now."""
        return observed and {"quotas": "to be set again"}

    def realize(self, before: Attributes | None) -> None:
        """Set what differs, at once, for what runs."""
        self._run("--set", paths.MEMBERS_GROUP)

    def remove(self) -> None:
        """No quotas any more for those who were given one."""
        if self.program.exists():
            self._run("--forget")

    def _run(self, *words: str) -> str:
        return run([self.program, *words], timeout=_SECONDS).stdout
