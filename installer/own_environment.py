"""Building the installer's private environment, with the standard library alone; this too still parses on Python 3.6.

Apart from `installer.bootstrap`, which looks for it at every start, while nearly none has to build it.
"""

import dataclasses
import fcntl
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import IO

from installer.bootstrap import MARKER, REQUIREMENTS, usable
from installer.host import packages
from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import CommandFailed, Completed, run
from installer.host.system_python import system_python

# How apt says that its lists are missing or older than the archive.
_STALE_LISTS = (
    "unable to locate package",
    "has no installation candidate",
    "404  not found",
    "unable to fetch some archives",
)


def build_alone(path: str, root: bool) -> None:
    """Build it, unless another installer that we wait for has done so; then remove those of other versions."""
    environment = Path(path)
    try:
        _build_alone(environment, root)
    except OSError as error:
        raise Problem(
            f"the installer's private environment can't be written: {error}",
            f"make room or mend the directory's rights (see `df -h` and `ls -ld {environment.parent}`)",
        ) from error


def _build_alone(environment: Path, root: bool) -> None:
    environment.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Readable: an account without rights runs the builder of kernels in it.
    environment.parent.chmod(0o755)
    with _lockable(environment.parent / ".lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting for another installer that prepares the same environment …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not usable(environment):
            if root:
                packages.note_found()
            _build(environment, root)
            _remove_others(environment)


def _build(environment: Path, root: bool) -> None:
    python = system_python()
    if importlib.util.find_spec("ensurepip") is None:
        _install_venv_package(venv_package(python, Path("/usr/bin/python3").resolve()), root)
    _say("Preparing the installer's own environment (once, about ten seconds) …")
    if environment.exists():
        shutil.rmtree(str(environment))
    environment.mkdir(mode=0o755)
    home = {"HOME": str(Path.home()), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run([python, "-I", "-m", "venv", environment], env=home, timeout=180)
        run(
            [
                environment / "bin" / "python", "-I", "-m", "pip", "install", "--quiet", "--require-hashes",
                "--no-deps", "--only-binary", ":all:", "--no-compile", "--no-input", "--disable-pip-version-check",
                # It runs once, and a cache would stay behind in root's home.
                "--no-cache-dir", "--no-warn-script-location", "--retries", "3", "--timeout", "30",
                "--requirement", REQUIREMENTS,
            ],
            env=home,
            timeout=900,
        )  # fmt: skip
    except CommandFailed as failed:
        raise explained(failed, "preparing the installer's own environment") from failed
    with _lockable(environment / MARKER) as marker:
        os.sync()
        marker.write(f"{environment.name}\n")
        marker.flush()
        os.fsync(marker.fileno())


def _lockable(path: Path) -> "IO[str]":
    """A new file that nobody else can open: whoever can read a file can also lock it, and keep us waiting."""
    file = path.open("w")
    path.chmod(0o600)
    return file


def _install_venv_package(package: str, root: bool) -> None:
    if not root:
        raise Problem(
            f"this Python can't make environments: the package {package} is missing",
            f"install it with: sudo apt install {package}",
        )
    packages.note_installed(package)
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


def venv_package(python: Path, default: Path) -> str:
    """The Debian package that lets `python` make environments; `default` is what /usr/bin/python3 stands for."""
    return "python3-venv" if python == default else f"{python.name}-venv"


def _remove_others(environment: Path) -> None:
    """Remove the environments of other versions, except those that an installer is running in (see `_start_in`)."""
    for other in environment.parent.iterdir():
        if other == environment or not other.is_dir():
            continue
        try:
            with (other / MARKER).open() as marker:
                fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (other / MARKER).unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError:
            continue
        shutil.rmtree(str(other))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
