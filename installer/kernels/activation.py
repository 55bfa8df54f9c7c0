"""What activating an environment sets: found out once, when it is built, since the scripts write into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from installer.host.errors import Problem
from installer.host.process import SYSTEM_PATH
from installer.kernels import sandbox, worker
from installer.kernels.worker import Gate

_SCRIPTS = ("etc/conda/activate.d", "etc/conda/env_vars.d", "conda-meta/state")
"""Without any of these, activation sets where the environment is, and no more."""

_NOT_SET_BY_IT = {"PATH", "PWD", "OLDPWD", "SHLVL", "_", "HOME", "CONDA_SHLVL", "CONDA_PROMPT_MODIFIER", "PS1"}


def variables(prefix: Path, *, unit: str, writable: Sequence[Path] = (), gate: Gate = sandbox.run) -> dict[str, str]:
    """The variables that bash has after the environment's activation and had not before, PATH and the like left out.

    Raises Problem where a package's script fails.
    """
    if not any((prefix / place).exists() for place in _SCRIPTS):
        return {"CONDA_PREFIX": str(prefix)}
    request: dict[str, object] = {"prefix": str(prefix), "path": SYSTEM_PATH}
    script = worker.ask("activation", request, unit=unit, gate=gate)["script"]
    # What scripts print is none of it, and `env` is the system's, whatever stands in front of it in PATH now.
    shell = f"exec 3>&1 1>&2\n{script}\nexec /usr/bin/env -0 >&3\n"
    argv = [
        "/usr/bin/env", "--ignore-environment", f"PATH={SYSTEM_PATH}", "HOME=/tmp",
        "/bin/bash", "--noprofile", "--norc", "-c", shell,
    ]  # fmt: skip
    done = gate(argv, unit=unit, writable=writable, network=False, timeout=600)
    if not done.ok or not done.stdout:
        raise Problem(
            f"activating {prefix} failed: a package's script in etc/conda/activate.d ended with code {done.code}",
            "try another version of that package, or leave it out",
            "\n".join(done.stderr.strip().splitlines()[-20:]),
        )
    pairs = (each.partition("=")[::2] for each in done.stdout.split("\0") if "=" in each)
    return {name: value for name, value in pairs if name not in _NOT_SET_BY_IT and not name.endswith("_BACKUP")}
