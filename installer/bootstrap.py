"""From a bare `python3` to the installer's own private environment, with the standard library alone.

`python3 -m installer` checks the Python's version, then calls `ensure_environment`, which builds that environment once
and starts the installer again inside it. This file still parses on Python 3.6.

Every start comes by here, so it imports little: pathlib, and what it brings, takes longer than all that is done here.
"""

import fcntl
import hashlib
import os
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
REQUIREMENTS = os.path.join(CHECKOUT, "installer", "locks", "installer.txt")

STARTED_IN = "JUPYTERHUB_INSTALLER_ENVIRONMENT"
"""Set for the second start to the environment it should be in: one that isn't there must not try again for ever."""

STATE = "/var/lib/jupyterhub-installer"
MARKER = ".complete"
"""Written last into an environment, by its build. Both are as in `host.paths`."""

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
    with open(REQUIREMENTS, "rb") as requirements:
        name = environment_name(requirements.read(), sys.version_info[:2], os.uname().machine)
    environment = os.path.join(environments, name)
    expected = os.environ.pop(STARTED_IN, None)
    if sys.prefix == environment:
        return
    if expected is not None:
        from installer.host.errors import Problem  # noqa: PLC0415 - see above

        raise Problem(
            f"the installer's private environment {environment} doesn't start",
            f"remove it (rm -r {environment}), then run the installer again",
        )
    leave_no_bytecode(CHECKOUT)
    if not usable(environment):
        from installer.own_environment import build_alone  # noqa: PLC0415 - see above

        build_alone(environment, root)
    _start_in(environment)


def environment_name(requirements: bytes, python: "tuple[int, ...]", machine: str) -> str:
    """The name of a private environment: it changes with anything that calls for another one."""
    parts = [requirements, ".".join(map(str, python)).encode(), machine.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def usable(environment: "str | os.PathLike[str]") -> bool:
    """Whether an environment is there, and complete."""
    python = os.path.join(environment, "bin", "python")
    return os.path.exists(os.path.join(environment, MARKER)) and os.access(python, os.X_OK)


def second_start(
    environment: "str | os.PathLike[str]", checkout: "str | os.PathLike[str]", arguments: "list[str]"
) -> "list[str]":
    """The argument vector that runs a checkout's installer inside `environment`.

    Bytecode goes into the environment: the checkout may be a person's, who could not remove root's files from it.
    """
    prefix = f"pycache_prefix={os.path.join(environment, 'pycache')}"
    return [
        os.path.join(environment, "bin", "python"),
        "-I",
        "-X",
        prefix,
        "-c",
        _SECOND_START,
        str(checkout),
        *arguments,
    ]


def _environments(root: bool) -> str:
    if root:
        return os.path.join(STATE, "env")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.normpath(os.path.join(cache, "jupyterhub-installer", "env"))


def leave_no_bytecode(checkout: "str | os.PathLike[str]") -> None:
    """Remove what Python has cached before anybody could tell it not to: this package, and where it starts.

    In a person's checkout, root's files would be in that person's way.
    """
    cache = os.path.join(checkout, "installer", "__pycache__")
    if os.stat(checkout).st_uid == os.geteuid():
        return
    try:
        directory = os.open(cache, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if os.fstat(directory).st_uid == os.geteuid():
            for name in os.listdir(directory):
                os.unlink(name, dir_fd=directory)
            os.rmdir(cache)
    finally:
        os.close(directory)


def _start_in(environment: str) -> None:
    # Kept open and locked through the start to the process's end: `_remove_others` sees that it is in use.
    in_use = os.open(os.path.join(environment, MARKER), os.O_RDONLY)
    fcntl.flock(in_use, fcntl.LOCK_SH)
    os.set_inheritable(in_use, True)
    os.environ[STARTED_IN] = environment
    # It would look for plugins among all installed packages, at every start.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    sys.stdout.flush()
    sys.stderr.flush()
    argv = second_start(environment, CHECKOUT, sys.argv[1:])
    os.execve(argv[0], argv, os.environ)  # noqa: S606 - the same command goes on there
