"""The builder program as root sees it: an account without rights does what is asked for, in JSON, and answers."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import Completed
from installer.kernels import sandbox

Progress = Callable[[str], None]
"""Is given a line for a person whenever there is news."""

_SOURCE = Path(__file__).resolve().parents[1] / "builder"
_LONGEST = 24 * 3600
_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class Gate(Protocol):
    """How a program of a build is run: `sandbox.run`, or, where there is no systemd, a test's own."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        unit: str,
        writable: Sequence[Path] = (),
        stdin: str | int | None = None,
        env: Mapping[str, str] | None = None,
        network: bool = True,
        on_line: Callable[[str], None] | None = None,
        timeout: float = 3600,
    ) -> Completed:
        """See `sandbox.run`."""


class OneBuilder:
    """A gate that has one process do operation after operation: a start takes as long as many of them do.

    It is started by `begin`, or when it is first asked, may write wherever the kernels' account may, and ends with the
    `with` block.
    Each service of the account has a user namespace of its own: a package's script that runs beside it can't reach it.
    """

    def __init__(self, unit: str, gate: Gate = sandbox.run) -> None:
        self._unit = unit
        self._gate = gate
        self._lines: queue.Queue[str | Completed | BaseException] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._input = -1

    def __enter__(self) -> OneBuilder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._running():
            sandbox.stop(self._unit)  # it may be in the middle of something that takes an hour
        self.close()

    def __call__(
        self,
        argv: Sequence[str],
        *,
        unit: str,
        writable: Sequence[Path] = (),
        stdin: str | int | None = None,
        env: Mapping[str, str] | None = None,
        network: bool = True,
        on_line: Callable[[str], None] | None = None,
        timeout: float = 3600,
    ) -> Completed:
        """Do the operation that `argv` ends with; see `sandbox.run`."""
        *program, operation = argv
        if not self._running():
            self._start(program, env)
        with suppress(BrokenPipeError):  # it has ended, as its Completed will tell
            os.write(self._input, (json.dumps({"operation": operation, "request": stdin}) + "\n").encode())
        while True:
            try:
                heard = self._lines.get(timeout=timeout)
            except queue.Empty:
                sandbox.stop(self._unit)
                continue
            if isinstance(heard, BaseException):
                raise heard
            if isinstance(heard, Completed):
                return heard
            if on_line is not None:
                on_line(heard)
            if heard.startswith(('{"result"', '{"error"')):
                return Completed(tuple(argv), 0, "", "")

    def begin(self) -> None:
        """Start it before it is asked: it comes up while its first question is still to be put together."""
        self._start(_program(), _trust())

    def close(self) -> None:
        """End it, once it has nothing more to do."""
        if self._thread is not None:
            os.close(self._input)
            self._thread.join()
            self._thread = None

    def _running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self, program: Sequence[str], env: Mapping[str, str] | None) -> None:
        self.close()
        self._lines = queue.Queue()
        requests, self._input = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(program, env, requests, self._lines), daemon=True)
        self._thread.start()

    def _run(
        self,
        program: Sequence[str],
        env: Mapping[str, str] | None,
        requests: int,
        lines: queue.Queue[str | Completed | BaseException],
    ) -> None:
        try:
            ended = self._gate(
                program,
                unit=self._unit,
                writable=(paths.KERNELS,),
                stdin=requests,
                env=env,
                on_line=lines.put,
                timeout=_LONGEST,
            )
            lines.put(ended)
        except BaseException as error:  # noqa: BLE001 - whoever asks is told
            lines.put(error)
        finally:
            os.close(requests)


def one_builder(name: str) -> OneBuilder:
    """The builder for all steps of one kernel's build, its solve among them. Use it in a with block."""
    return OneBuilder(sandbox.unit_of(name))


def program_files() -> dict[str, bytes]:
    """The builder's files by their place below paths.KERNEL_BUILDER."""
    modules = {f"installer/builder/{file.name}": file.read_bytes() for file in sorted(_SOURCE.glob("*.py"))}
    return {"__main__.py": modules.pop("installer/builder/__main__.py"), "installer/__init__.py": b"\n", **modules}


def ask(
    operation: str,
    request: dict[str, object],
    *,
    unit: str,
    writable: Sequence[Path] = (),
    network: bool = False,
    timeout: float = 3600,
    progress: Progress | None = None,
    gate: Gate = sandbox.run,
) -> dict[str, Any]:
    """Have the builder do an operation, and return its result. Raises Problem."""
    last: dict[str, Any] = {}

    def heard(line: str) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        if "progress" in said:
            if progress is not None:
                progress(said["progress"])
        else:
            last.update(said)

    done = gate(
        [*_program(), operation],
        unit=unit,
        writable=writable,
        stdin=json.dumps(request),
        env=_trust(),
        network=network,
        on_line=heard,
        timeout=timeout,
    )
    if "result" in last:
        result: dict[str, Any] = last["result"]
        return result
    if "error" in last:
        raise _problem(**last["error"])
    raise Problem(
        f"the builder of kernels ended with code {done.code} before it was done ({operation})",
        "run the command again; `journalctl --since=-10min` may say what ended it",
        "\n".join(done.stderr.strip().splitlines()[-20:]),
    )


def _program() -> list[str]:
    """The argument vector that starts the builder; one that does a single operation ends with its name."""
    python = Path(sys.prefix) / "bin" / "python"
    # Bytecode of the builder and its engine goes where only the builder writes: what packages bring never can.
    options = ["-I", "-X", f"pycache_prefix={paths.KERNELS_CACHE / 'bytecode'}"]
    return [str(python), *options, str(paths.KERNEL_BUILDER)]


def _trust() -> dict[str, str]:
    """The machine's certificates, where the admin hasn't named others: the engine would take those it brings alone."""
    named = any(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    return {} if named or not _SYSTEM_CERTIFICATES.exists() else {"SSL_CERT_FILE": str(_SYSTEM_CERTIFICATES)}


class Unreachable(Problem):
    """No channel answers: a matter of the network, not of what was asked for."""


class Unsatisfiable(Problem):
    """No choice of packages has all that was asked for."""


_HINTS = {
    "unreachable": "check `channels` in the config, the network and the proxy's settings, then try again",
    "unsatisfiable": "ask for other versions, or leave out what doesn't fit; `detail` names the packages",
    "bad-spec": "write it as conda does: numpy, numpy>=2, numpy=2.1, conda-forge::numpy",
    "unauthorized": f"put the channel's credentials into {paths.CHANNEL_CREDENTIALS}, then try again",
    "damaged": "check the channel, or the mirror or proxy in between, then try again",
    "no-space": "make room (see `df -h`; `installer kernel gc` removes what isn't used), then try again",
}


def _problem(kind: str, message: str, detail: str) -> Problem:
    hint = _HINTS.get(kind, "run the command again; if it stays so, report it with what stands above")
    if kind == "unsatisfiable":
        hint = _HINTS[kind] if "__" not in detail else "the packages need another system than this machine's: see above"
        return Unsatisfiable(message, hint.replace("`detail`", "the lines above"), detail)
    kinds = {"unreachable": Unreachable}
    return kinds.get(kind, Problem)(message, hint, detail)
