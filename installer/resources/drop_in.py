"""A file of settings beside units' own, for all whose names begin alike: jupyterusers-.slice.d/10-limits.conf."""

from __future__ import annotations

from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import systemd
from installer.host.process import run
from installer.resources.file import File

NAMED_ALIKE = "0"
"""What a unit's name goes on with that nobody has, and that such a file would be for."""


class DropIn(File):
    """Such a file; systemd knows of it as soon as it is in place."""

    kind: ClassVar[str] = "drop-in"

    def wanted(self) -> Attributes:
        """What is wanted of any file; and that systemd has read it."""
        return {**super().wanted(), "read by systemd": True}

    def probe(self) -> Attributes | None:
        """The same, as they are."""
        seen = super().probe()
        return seen and {**seen, "read by systemd": str(self.path) in self._known()}

    def _known(self) -> list[str]:
        """The files that systemd would read for a unit of such a name."""
        kind = self.path.parent.suffixes[-2]
        unit = f"{self.path.parent.name.removesuffix(f'{kind}.d')}{NAMED_ALIKE}{kind}"
        return run(["systemctl", "show", "--property=DropInPaths", "--value", "--", unit]).stdout.split()

    def realize(self, before: Attributes | None) -> None:
        """Put it in place and have systemd read it: it holds for units that run, too."""
        super().realize(before)
        systemd.reload_manager()

    def remove(self) -> None:
        """Remove it and have systemd forget it."""
        super().remove()
        systemd.reload_manager()
