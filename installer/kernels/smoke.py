"""Whether a kernel works: its recipe's cell, really run, by an account that exists for that alone."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import follow
from installer.host.trees import remove_tree
from installer.kernels import revisions, sandbox
from installer.kernels.request import KernelRequest

_LONGEST = 300
_OFFERED = "offered-"


def left_behind() -> list[Path]:
    """What builds that were killed while they tried a kernel have left."""
    return list(paths.INSTALLER_RUN.glob(f"{_OFFERED}{sandbox.unit_of('*')}"))


def run_smoke_cell(request: KernelRequest, prefix: Path, *, unit: str) -> tuple[str, float]:
    """Run the cell in a kernel of a revision. Returns what is wrong ("" for nothing), and the seconds it took.

    unit: what the service that it runs in is called, as sandbox.unit_of names it.
    Raises Problem where it can't be tried at all.
    """
    began = time.monotonic()
    smoke = request.recipe.smoke
    service = f"{unit}:{secrets.token_hex(4)}"
    with _offered(request.kernelspec, prefix, service) as path:
        # Followed, since that ends what prints without an end: a kernel may.
        done = follow(
            [
                "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec",
                f"--unit={service}.service",
                "--property=DynamicUser=yes", "--property=PrivateTmp=yes", "--property=ProtectHome=yes",
                "--property=PrivateDevices=yes", "--property=WorkingDirectory=/tmp",
                "--property=Environment=HOME=/tmp/home", f"--property=Environment=JUPYTER_PATH={path}",
                f"--property=RuntimeMaxSec={_LONGEST}", "--",
                paths.VENV.resolve() / "bin" / "python", "-I", "-m", "installer.hub.smoke_cell",
            ],
            lambda _: None,
            stdin=json.dumps({"kernelspec": request.kernelspec, "code": smoke.code, "expect": smoke.expect}),
            timeout=_LONGEST + 30,
        )  # fmt: skip
    told = _answer(done.stdout)
    if not done.ok or told is None:
        raise Problem(
            f"the cell that shows whether the kernel {request.name!r} works could not be run",
            "look at the server environment: sudo python3 -m installer status",
            done.stderr[-2000:],
        )
    return told.trouble, time.monotonic() - began


class _Answer(BaseModel):
    """What installer.hub.smoke_cell writes."""

    trouble: str


def _answer(said: str) -> _Answer | None:
    """The last line, as far as it is an answer: the kernel's process is the same account's, and can write there."""
    try:
        return _Answer.model_validate_json(said.rpartition("\n")[2])
    except ValidationError:
        return None


@contextmanager
def _offered(kernelspec: str, prefix: Path, service: str) -> Iterator[Path]:
    """A directory for JUPYTER_PATH with that one kernelspec, whether or not it is the one that everybody sees."""
    place = paths.INSTALLER_RUN / f"{_OFFERED}{service.replace(':', '-')}"  # a colon would part two paths
    (place / "kernels").mkdir(parents=True)
    (place / "kernels" / kernelspec).symlink_to(prefix / revisions.KERNELSPEC)
    try:
        yield place
    finally:
        remove_tree(place, ignore_errors=True)
