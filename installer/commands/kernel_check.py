"""Whether a kernel is as it was built, and works: every file compared, a cell really run by an account of no rights."""

from __future__ import annotations

from dataclasses import dataclass

from installer.commands.kernel_reports import ready
from installer.commands.kernel_situation import KernelSituation
from installer.kernels import engine, revisions, sandbox
from installer.kernels.records import Finding
from installer.kernels.smoke import run_smoke_cell


@dataclass(frozen=True)
class Checked:
    """What a check found.

    files: those that are not as the build left them. trouble: why the cell did not give what it should (one line, and
    what the kernel said), "" where it did. seconds: from the kernel's start to the cell's end.
    """

    name: str
    revision: str
    files: tuple[Finding, ...]
    trouble: str
    seconds: float

    @property
    def well(self) -> bool:
        """Whether there is nothing to complain of."""
        return not self.files and not self.trouble


def check(situation: KernelSituation, name: str) -> Checked:
    """Compare every file of the revision in use, and run the recipe's smoke cell. Raises Problem."""
    request, prefix, _ = ready(situation, name)
    found = engine.verify(
        prefix, revisions.extra_files(prefix), unit=sandbox.checking_unit_of(name), deep=True, ignored=revisions.RECORDS
    )
    trouble, seconds = run_smoke_cell(request, prefix, unit=sandbox.checking_unit_of(name))
    return Checked(name, prefix.name, found, trouble, seconds)
