"""From a bare `python3` to the installer's own private environment, with the standard library alone.

`python3 -m installer` checks the Python's version, then calls `ensure_environment`, which builds that environment once
and starts the installer again inside it. This file still parses on Python 3.6.
"""

import dataclasses
import fcntl
import hashlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from installer.host import paths
from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import CommandFailed, Completed, run
from installer.host.system_python import system_python

CHECKOUT = Path(__file__).resolve().parents[1]
REQUIREMENTS = CHECKOUT / "installer" / "locks" / "installer.txt"

STARTED_IN = "JUPYTERHUB_INSTALLER_ENVIRONMENT"
"""Set for the second start to the environment it should be in: one that isn't there must not try again for ever."""

_MARKER = ".complete"
# The checkout comes as the first argument: isolated mode neither reads PYTHONPATH nor looks into the current directory.
_SECOND_START = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('installer', run_name='__main__', alter_sys=True)"
)
# How apt says that its lists are missing or older than the archive.
_STALE_LISTS = (
    "unable to locate package",
    "has no installation candidate",
    "404  not found",
    "unable to fetch some archives",
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
    if not _usable(environment):
        try:
            _build_alone(environment, root)
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


def venv_package(python: Path, default: Path) -> str:
    """The Debian package that lets `python` make environments; `default` is what /usr/bin/python3 stands for."""
    return "python3-venv" if python == default else f"{python.name}-venv"


def _environments(root: bool) -> Path:
    if root:
        return paths.INSTALLER_STATE / "env"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "jupyterhub-installer" / "env"


def leave_no_bytecode(checkout: Path) -> None:
    """Remove what this first start has cached: in a person's checkout, root's files would be in that person's way."""
    if checkout.stat().st_uid == os.geteuid():
        return
    for cache in list((checkout / "installer").rglob("__pycache__")):
        if cache.lstat().st_uid == os.geteuid():
            shutil.rmtree(str(cache), ignore_errors=True)


def _usable(environment: Path) -> bool:
    return (environment / _MARKER).exists() and os.access(str(environment / "bin" / "python"), os.X_OK)


def _build_alone(environment: Path, root: bool) -> None:
    """Build it, unless another installer that we wait for has done so; then remove those of other versions."""
    environment.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment.parent.chmod(0o700)
    with (environment.parent / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting for another installer that prepares the same environment …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not _usable(environment):
            _build(environment, root)
            _remove_others(environment)


def _build(environment: Path, root: bool) -> None:
    python = system_python()
    if importlib.util.find_spec("ensurepip") is None:
        _install_venv_package(venv_package(python, Path("/usr/bin/python3").resolve()), root)
    _say("Preparing the installer's own environment (once, about ten seconds) …")
    if environment.exists():
        shutil.rmtree(str(environment))
    environment.mkdir(mode=0o700)
    home = {"HOME": str(Path.home()), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run([python, "-I", "-m", "venv", environment], env=home, timeout=180)
        run(
            [
                environment / "bin" / "python", "-I", "-m", "pip", "install", "--quiet", "--require-hashes",
                "--no-deps", "--only-binary", ":all:", "--no-compile", "--no-input", "--disable-pip-version-check",
                "--no-warn-script-location", "--retries", "3", "--timeout", "30", "--requirement", REQUIREMENTS,
            ],
            env=home,
            timeout=900,
        )  # fmt: skip
    except CommandFailed as failed:
        raise explained(failed, "preparing the installer's own environment") from failed
    with (environment / _MARKER).open("w") as marker:
        os.sync()
        marker.write(f"{environment.name}\n")
        marker.flush()
        os.fsync(marker.fileno())


def _install_venv_package(package: str, root: bool) -> None:
    if not root:
        raise Problem(
            f"this Python can't make environments: the package {package} is missing",
            f"install it with: sudo apt install {package}",
        )
    _say(f"Installing {package} …")
    done = _apt("install", "--yes", "--no-install-recommends", package)
    if not done.ok and any(sign in f"{done.stdout}{done.stderr}".lower() for sign in _STALE_LISTS):
        _say("Bringing apt's package lists up to date …")
        updated = _apt("update")
        done = _apt("install", "--yes", "--no-install-recommends", package)
        # Without a network it is the update that says so, and it calls that a warning.
        done = dataclasses.replace(done, stderr=f"{updated.stderr}{done.stderr}")
    if not done.ok:
        raise explained(CommandFailed(done), f"installing {package} with apt")
    importlib.invalidate_caches()


def _apt(*arguments: str) -> Completed:
    options = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "--quiet"]
    quiet = {
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_SUSPEND": "1",
        "APT_LISTCHANGES_FRONTEND": "none",
    }
    return run(["apt-get", *options, *arguments], env=quiet, timeout=900, check=False)


def _remove_others(environment: Path) -> None:
    """Remove the environments of other versions, except those that an installer is running in (see `_start_in`)."""
    for other in environment.parent.iterdir():
        if other == environment or not other.is_dir():
            continue
        try:
            with (other / _MARKER).open() as marker:
                fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (other / _MARKER).unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError:
            continue
        shutil.rmtree(str(other))


def _start_in(environment: Path) -> None:
    # Kept open and locked through the start to the process's end: `_remove_others` sees that it is in use.
    in_use = os.open(str(environment / _MARKER), os.O_RDONLY)
    fcntl.flock(in_use, fcntl.LOCK_SH)
    os.set_inheritable(in_use, True)
    os.environ[STARTED_IN] = str(environment)
    sys.stdout.flush()
    sys.stderr.flush()
    argv = second_start(environment, CHECKOUT, sys.argv[1:])
    os.execve(argv[0], argv, os.environ)  # noqa: S606 - the same command goes on there


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
