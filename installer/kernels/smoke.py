"""Whether a kernel works: its recipe's cell, really run, by an account that exists for that alone."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import Completed, follow
from installer.host.trees import remove_tree
from installer.kernels import revisions, sandbox
from installer.kernels.request import KernelRequest

_LONGEST = 300
_LONGEST_BUILD = 24 * 3600


class Trial:
    """A kernel's cell, run by a service that has all it needs in memory before the kernel is there.

    unit: what the service is called, as sandbox.trying_unit_of or checking_unit_of names it. Use it in a with block,
    which ends it. What starts a kernel takes as long to load as the kernel itself.
    """

    def __init__(self, request: KernelRequest, *, unit: str) -> None:
        self._request = request
        self._service = f"{unit}:{secrets.token_hex(4)}"
        self._place = sandbox.offer_to(self._service)
        self._began = 0.0
        self._ended = 0.0
        self._done: Completed | BaseException | None = None

    def __enter__(self) -> Trial:
        (self._place / "kernels").mkdir(parents=True)
        word, self._word = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(word,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say("")
        if self._thread.is_alive():
            sandbox.stop_service(self._service)
        self._thread.join()
        remove_tree(self._place, ignore_errors=True)

    @property
    def kernelspec(self) -> Path:
        """Where it looks for the kernelspec: a directory, or a link to one, to be put there before it begins."""
        return self._place / "kernels" / self._request.kernelspec

    def begin(self) -> None:
        """Have it start the kernel and run the cell."""
        self._began = time.monotonic()
        smoke = self._request.recipe.smoke
        self._say(json.dumps({"kernelspec": self._request.kernelspec, "code": smoke.code, "expect": smoke.expect}))

    def end(self) -> tuple[str, float]:
        """What is wrong with it ("" for nothing), and the seconds it took. Raises Problem where it can't be tried."""
        self._thread.join(_LONGEST)
        if self._thread.is_alive():
            sandbox.stop_service(self._service)
            self._thread.join()
        done = self._done
        if not isinstance(done, Completed):
            raise done or AssertionError("a thread that has ended has left what came of it")
        told = _answer(done.stdout)
        if not done.ok or told is None:
            raise Problem(
                f"the cell that shows whether the kernel {self._request.name!r} works could not be run",
                "look at the server environment: sudo python3 -m installer status",
                done.stderr[-2000:],
            )
        return told.trouble, self._ended - self._began

    def _say(self, text: str) -> None:
        """Tell it all that it is told: it reads to the end."""
        word, self._word = self._word, -1
        if word >= 0:
            with suppress(BrokenPipeError):  # it has ended, and `end` says how
                os.write(word, text.encode())
            os.close(word)

    def _run(self, word: int) -> None:
        try:
            # Followed, since that ends what prints without an end: a kernel may.
            self._done = follow(
                [
                    "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec",
                    f"--unit={self._service}.service",
                    "--property=DynamicUser=yes", "--property=PrivateTmp=yes", "--property=ProtectHome=yes",
                    "--property=PrivateDevices=yes", "--property=WorkingDirectory=/tmp",
                    "--property=Environment=HOME=/tmp/home", f"--property=Environment=JUPYTER_PATH={self._place}", "--",
                    paths.VENV.resolve() / "bin" / "python", "-I", "-m", "installer.hub.smoke_cell",
                ],
                lambda _: None,
                stdin=word,
                timeout=_LONGEST_BUILD,
            )  # fmt: skip
        except BaseException as error:  # noqa: BLE001 - whoever waits for the end is told
            self._done = error
        finally:
            self._ended = time.monotonic()
            os.close(word)


def run_smoke_cell(request: KernelRequest, prefix: Path, *, unit: str) -> tuple[str, float]:
    """Run the cell in a kernel of a revision. Returns what is wrong ("" for nothing), and the seconds it took.

    unit: what the service that it runs in is called, as sandbox.checking_unit_of names it.
    Raises Problem where it can't be tried at all.
    """
    with Trial(request, unit=unit) as trial:
        trial.kernelspec.symlink_to(prefix / revisions.KERNELSPEC)
        trial.begin()
        return trial.end()


class _Answer(BaseModel):
    """What installer.hub.smoke_cell writes."""

    model_config = ConfigDict(defer_build=True)

    trouble: str


def _answer(said: str) -> _Answer | None:
    """The last line, as far as it is an answer: the kernel's process is the same account's, and can write there."""
    try:
        return _Answer.model_validate_json(said.rpartition("\n")[2])
    except ValidationError:
        return None
