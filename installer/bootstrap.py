"""From a bare `python3` to the installer's own private environment, with the standard library alone.

`python3 -m installer` checks the Python's version, then calls `ensure_environment`, which builds that environment once
and starts the installer again inside it. This file still parses on Python 3.6.
"""

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from installer.host import paths
from installer.host.errors import Problem

CHECKOUT = Path(__file__).resolve().parents[1]
REQUIREMENTS = CHECKOUT / "installer" / "locks" / "installer.txt"

STARTED_IN = "JUPYTERHUB_INSTALLER_ENVIRONMENT"
"""Set for the second start to the environment it should be in: one that isn't there must not try again for ever."""

MARKER = paths.COMPLETE
"""Written last into an environment, by its build."""

# The checkout comes as the first argument: isolated mode neither reads PYTHONPATH nor looks into the current directory.
# Nothing of what is imported is garbage: the command line has it collected again once it is there.
_SECOND_START = (
    "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv.pop(1)); "
    "from installer.__main__ import main; sys.exit(main())"
)


def ensure_environment(root: bool) -> None:
    """Return when running inside the private environment; else build it where needed and start again in it.

    root: whether it is root's own, in the installer's state, or a person's, in their cache. Raises Problem.
    """
    environments = _environments(root)
    environment = environments / environment_name(REQUIREMENTS.read_bytes(), sys.version_info[:2], os.uname().machine)
    expected = os.environ.pop(STARTED_IN, None)
    if Path(sys.prefix) == environment:
        return
    if expected is not None:
        raise Problem(
            f"the installer's private environment {environment} doesn't start",
            f"remove it (rm -r {environment}), then run the installer again",
        )
    leave_no_bytecode(CHECKOUT)
    if not usable(environment):
        from installer.own_environment import build_alone  # noqa: PLC0415 - of no use to most starts

        try:
            build_alone(environment, root)
        except OSError as error:
            raise Problem(
                f"the installer's private environment can't be written: {error}",
                f"make room or mend the directory's rights (see `df -h` and `ls -ld {environments}`)",
            ) from error
    _start_in(environment)


def environment_name(requirements: bytes, python: "tuple[int, ...]", machine: str) -> str:
    """The name of a private environment: it changes with anything that calls for another one."""
    parts = [requirements, ".".join(map(str, python)).encode(), machine.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def usable(environment: Path) -> bool:
    """Whether an environment is there, and complete."""
    return (environment / MARKER).exists() and os.access(str(environment / "bin" / "python"), os.X_OK)


def second_start(environment: Path, checkout: Path, arguments: "list[str]") -> "list[str]":
    """The argument vector that runs a checkout's installer inside `environment`.

    Bytecode goes into the environment: the checkout may be a person's, who could not remove root's files from it.
    """
    prefix = f"pycache_prefix={environment / 'pycache'}"
    return [
        str(environment / "bin" / "python"),
        "-I",
        "-X",
        prefix,
        "-c",
        _SECOND_START,
        str(checkout),
        *arguments,
    ]


def _environments(root: bool) -> Path:
    if root:
        return paths.INSTALLER_STATE / "env"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "jupyterhub-installer" / "env"


def leave_no_bytecode(checkout: Path) -> None:
    """Remove what this first start has cached: in a person's checkout, root's files would be in that person's way."""
    if checkout.stat().st_uid == os.geteuid():
        return
    import shutil  # noqa: PLC0415 - for all others it would be read in vain

    sys.dont_write_bytecode = True
    for cache in list((checkout / "installer").rglob("__pycache__")):
        if cache.lstat().st_uid == os.geteuid():
            shutil.rmtree(str(cache), ignore_errors=True)


def _start_in(environment: Path) -> None:
    # Kept open and locked through the start to the process's end: `_remove_others` sees that it is in use.
    in_use = os.open(str(environment / MARKER), os.O_RDONLY)
    fcntl.flock(in_use, fcntl.LOCK_SH)
    os.set_inheritable(in_use, True)
    os.environ[STARTED_IN] = str(environment)
    # It would look for plugins among all installed packages, at every start.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    sys.stdout.flush()
    sys.stderr.flush()
    argv = second_start(environment, CHECKOUT, sys.argv[1:])
    os.execve(argv[0], argv, os.environ)  # noqa: S606 - the same command goes on there
