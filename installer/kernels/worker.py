"""The builder program as root sees it: an account without rights does what is asked for, in JSON, and answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import Completed
from installer.kernels import sandbox

Progress = Callable[[str], None]
"""Is given a line for a person whenever there is news."""

_SOURCE = Path(__file__).resolve().parents[1] / "builder"
_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class Gate(Protocol):
    """How a program of a build is run: `sandbox.run`, or, where there is no systemd, a test's own."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        unit: str,
        writable: Sequence[Path] = (),
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        network: bool = True,
        on_line: Callable[[str], None] | None = None,
        timeout: float = 3600,
    ) -> Completed:
        """See `sandbox.run`."""


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

    python = Path(sys.prefix) / "bin" / "python"
    # Bytecode of the builder and its engine goes where only the builder writes: what packages bring never can.
    options = ["-I", "-X", f"pycache_prefix={paths.KERNELS_CACHE / 'bytecode'}"]
    argv = [str(python), *options, str(paths.KERNEL_BUILDER), operation]
    done = gate(
        argv,
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
