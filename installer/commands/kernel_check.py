"""Whether a kernel is as it was built, and works: every file compared, a cell really run by an account of no rights."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from installer.commands.kernel_reports import ready
from installer.commands.kernel_situation import KernelSituation
from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import run
from installer.kernels import engine, revisions, sandbox
from installer.kernels.records import Finding
from installer.kernels.request import KernelRequest

_LONGEST = 300


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
        prefix, revisions.extra_files(prefix), unit=sandbox.unit_of(name), deep=True, ignored=revisions.RECORDS
    )
    trouble, seconds = run_smoke_cell(request)
    return Checked(name, prefix.name, found, trouble, seconds)


def run_smoke_cell(request: KernelRequest) -> tuple[str, float]:
    """Start the kernel as a user that exists only for that, run the cell; what is wrong ("" for nothing), seconds."""
    began = time.monotonic()
    smoke = request.recipe.smoke
    python = paths.VENV.resolve() / "bin" / "python"
    done = run(
        [
            "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec",
            "--property=DynamicUser=yes", "--property=PrivateTmp=yes", "--property=ProtectHome=yes",
            "--property=WorkingDirectory=/tmp", "--property=Environment=HOME=/tmp/home",
            f"--property=RuntimeMaxSec={_LONGEST}", f"--property=Environment=JUPYTER_PATH={paths.SHARE}", "--",
            python, "-I", "-m", "installer.hub.smoke_cell",
        ],
        stdin=json.dumps({"kernelspec": request.kernelspec, **smoke.model_dump()}),
        timeout=_LONGEST + 30,
        check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    if not done.ok:
        raise Problem(
            f"the cell could not be run in the kernel {request.name!r}",
            f"start it by hand: jupyter console --kernel {request.kernelspec}",
            done.stderr[-2000:],
        )
    return str(json.loads(done.stdout)["trouble"]), seconds
