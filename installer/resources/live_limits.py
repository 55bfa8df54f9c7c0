"""That users' slices which are there have the limits of today's config, and not those of the day they came to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import paths, systemd
from installer.host.process import run

_AS_CONFIGURED = "as configured"
_SECONDS = 120


class LiveLimits(Resource):
    """Every slice is limited as the program that limits them would do it now.

    files: what it goes by, and what systemd itself reads.
    """

    kind: ClassVar[str] = "limits"

    program: Path
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The slices that it is about."""
        return paths.USERS_SLICE.replace(".slice", "-*.slice")

    @property
    def reads(self) -> tuple[str, ...]:
        """The program and its files."""
        return tuple(map(str, (self.program, *self.files)))

    def wanted(self) -> Attributes:
        """As configured."""
        return {"limits": _AS_CONFIGURED}

    def probe(self) -> Attributes | None:
        """The same, or which slices are limited otherwise; None where there is nothing to say so."""
        if not self.program.exists() or not paths.LIMITS.exists():
            return None
        others = json.loads(run([self.program, "--check"], timeout=_SECONDS).stdout)
        return {"limits": f"other than configured: {', '.join(others)}" if others else _AS_CONFIGURED}

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """What it goes by says something else now."""
        return observed and {"limits": "to be set again"}

    def realize(self, before: Attributes | None) -> None:
        """Have systemd read its files, and set what differs from them: at once, for what runs."""
        systemd.reload_manager()
        run([self.program, "--all"], timeout=_SECONDS)

    def remove(self) -> None:
        """Take back what systemd was told of slices."""
        if self.program.exists():
            run([self.program, "--forget"], timeout=_SECONDS)
