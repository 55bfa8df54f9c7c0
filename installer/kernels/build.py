"""From a request to a complete revision: solve, build in its place, add the kernelspec, try it, mark it complete."""

from __future__ import annotations

import hashlib
import itertools
import platform
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from installer.host import files
from installer.host.errors import Problem
from installer.kernels import checked, engine, environment, gc, pip_layer, revisions, sandbox
from installer.kernels.kernelspec import filled, kernel_json
from installer.kernels.lock import SUBDIRS, Lock, LockFile
from installer.kernels.recipe import name_of
from installer.kernels.request import KernelRequest
from installer.kernels.requirements import without
from installer.kernels.scratch import scratch
from installer.kernels.smoke import Trial, run_smoke_cell
from installer.kernels.worker import Gate, one_builder

LAYOUT = 1
"""Raised when the way of building changes what is built from the same request and lock."""

Report = Callable[[str], None]
"""Told in a few words what is being done."""


def solve(
    request: KernelRequest,
    former: Lock | None,
    free: Collection[str],
    report: Report,
    *,
    builder: Gate = sandbox.run,
) -> Lock:
    """The exact packages for a request.

    former: what there is now; its packages, pip's too, stay as they are wherever the request lets them.
    free: those of them that are to be the newest that fit all the same.
    Raises Problem: no channel in reach, nothing that fits, a platform that the recipe has no packages for.
    """
    subdir = this_subdir()
    if request.lock is not None:
        if request.lock.platform != subdir:
            raise Problem(
                f"the lock of the kernel {request.name!r} is for {request.lock.platform}, and this machine is {subdir}",
                f"make one on a machine of that kind, or take `lock:` out of the kernel {request.name!r}",
            )
        return request.lock
    platforms = request.recipe.platforms
    if platforms is not None and subdir not in platforms:
        raise Problem(
            f"the kernel {request.name!r} can't be made on {subdir}: its packages are there for {', '.join(platforms)}",
            f"take {request.name!r} out of `kernels:`, or give it an `environment:` with packages for {subdir}",
        )
    released = {name_of(spec) for spec in free}
    locked = [record for record in former.records if record.name not in released] if former else []
    unit = sandbox.unit_of(request.name)
    records = engine.solve(request.packages, request.channels, unit=unit, locked=locked, progress=report, gate=builder)
    if not request.pip:
        return Lock(platform=subdir, records=records)
    report("looking for what pip is to add")
    kept = without(former.pip, released) if former else ""
    with scratch(f"{request.name}-solve") as place:
        return Lock(
            platform=subdir,
            records=records,
            pip=pip_layer.resolve(request.pip, records, unit=unit, scratch=place, former=kept),
        )


def revision_id(request: KernelRequest, lock: Lock, again: int = 0) -> str:
    """The name of the revision that a request and a lock make: 12 hexadecimal digits.

    again: how many of them there are already, none of which can be used.
    """
    return hashlib.sha256(f"{LAYOUT} {request.id} {lock.id} {again}".encode()).hexdigest()[:12]


def ensure(
    request: KernelRequest,
    lock: Lock,
    report: Report,
    *,
    anew: bool = False,
    alone: bool = False,
    builder: Gate = sandbox.run,
) -> Path:
    """A complete revision for a request with these packages; built where it isn't there yet. Raises Problem.

    anew: build another also where one is there. alone: no other kernel is built meanwhile, see `checked`.
    """
    # What takes the place of a damaged one has no file of it: nobody knows which of its bytecode is.
    previous = None if anew else revisions.current(request.name)
    places = (revisions.place(request.name, revision_id(request, lock, again)) for again in itertools.count())
    for prefix in places:
        if revisions.completed(prefix) is not None:
            if not anew:
                return prefix
        elif not prefix.exists():
            return _build(prefix, request, lock, previous, report, alone=alone, builder=builder)
        elif not gc.in_use([prefix]):
            environment.discard(prefix, request.name)  # of a run that was killed, or one that was damaged
            return _build(prefix, request, lock, previous, report, alone=alone, builder=builder)
    raise AssertionError("there is always another name")


def make_again(prefix: Path, request: KernelRequest, lock: Lock, report: Report) -> None:
    """Make a revision that was made before, on another host perhaps: of the same packages, under the same id.

    Nothing happens where it is there. Raises Problem.
    """
    if revisions.completed(prefix) is not None:
        return
    if prefix.exists():
        environment.discard(prefix, request.name)  # of a run that was killed
    with one_builder(request.name) as builder:
        _build(prefix, request, lock, revisions.current(request.name), report, alone=False, builder=builder)


def _build(
    prefix: Path,
    request: KernelRequest,
    lock: Lock,
    previous: Path | None,
    report: Report,
    *,
    alone: bool,
    builder: Gate,
) -> Path:
    recipe = request.recipe
    version = lock.version(recipe.version_of) or ""
    place = environment.build_scratch(prefix)
    values = {"prefix": str(prefix), "name": request.name, "version": version, "scratch": str(place)}
    try:
        prefix.parent.mkdir(mode=0o755, exist_ok=True)
        listed = checked.take()
        with Trial(request, unit=sandbox.trying_unit_of(request.name)) as trial:

            def try_it(activation: Mapping[str, str]) -> None:
                _write_kernelspec(trial.kernelspec, request, kernel_json(request, prefix, version, activation))
                trial.begin()

            built = environment.build(
                prefix,
                environment.EnvironmentPlan(
                    name=request.name,
                    records=lock.records,
                    channels=request.channels,
                    requested=request.packages,
                    checked=listed if alone else frozenset(),
                    link_scripts=recipe.link_scripts,
                    pip_locked=lock.pip or None,
                    post_install=tuple(tuple(filled(word, values) for word in argv) for argv in recipe.post_install),
                    env={name: filled(value, values) for name, value in recipe.post_install_env.items()},
                ),
                previous,
                report,
                usable=try_it,
                builder=builder,
            )
            text = kernel_json(request, prefix, version, built.activation)
            _write_kernelspec(prefix / revisions.KERNELSPEC, request, text)
            report("running a cell in it")
            trouble, _ = trial.end()
        if trouble:
            # It was tried while the last files' modes were set right: that may be all that was wrong.
            trouble, _ = run_smoke_cell(request, prefix, unit=sandbox.trying_unit_of(request.name))
        if trouble:
            raise Problem(
                f"the kernel {request.name!r} was built, and does not work: {trouble}",
                "other versions may: see `installer kernel show`, and what its packages' own pages say",
            )
        files.write(prefix / revisions.LOCK, _lock_file(request, lock).text().encode(), mode=0o644)
        files.write(prefix / revisions.FILES, revisions.extra_files_text(built.extra), mode=0o644)
        known = revisions.Completed(
            created=revisions.now(),
            request=request,
            version=version,
            installed=_installed(request, [filled(word, values) for word in recipe.inventory]),
            seconds=built.seconds,
        )
        files.write(prefix / revisions.MARKER, known.model_dump_json().encode(), mode=0o644)
        files.fsync_directory(prefix.parent)
        if alone and built.untouched:
            checked.put_back(listed | {record.sha256 for record in lock.records})
    except BaseException as error:
        if prefix.exists():
            environment.discard(prefix, request.name)  # half of it helps nobody, and may be what filled the disk
        if prefix.parent.is_dir() and not any(prefix.parent.iterdir()):
            prefix.parent.rmdir()
        if isinstance(error, OSError):
            raise files.unwritable(prefix, error) from error
        raise
    return prefix


def _write_kernelspec(directory: Path, request: KernelRequest, text: str) -> None:
    directory.mkdir(mode=0o755)
    if request.recipe.logo is not None:
        files.write(directory / "logo-svg.svg", request.recipe.logo.encode(), mode=0o644)
    files.write(directory / "kernel.json", text.encode(), mode=0o644)


def _installed(request: KernelRequest, argv: list[str]) -> tuple[str, ...]:
    """What a recipe's inventory says; nothing where it has none."""
    if not argv:
        return ()
    done = sandbox.run(argv, unit=sandbox.unit_of(request.name), network=False, timeout=120)
    if not done.ok:
        raise Problem(
            f"the recipe {request.recipe.name!r} can't tell what it has installed: {Path(argv[0]).name} failed",
            "correct its `inventory:`",
            done.stderr[-2000:],
        )
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip())


def _lock_file(request: KernelRequest, lock: Lock) -> LockFile:
    return LockFile(
        recipe=request.recipe, channels=request.channels, packages=request.packages, pip=request.pip, lock=lock
    )


def this_subdir() -> str:
    """What conda calls a machine of this kind. Raises Problem where it has no packages for any."""
    machine = platform.machine()
    try:
        return SUBDIRS[machine]
    except KeyError:
        raise Problem(
            f"conda has no packages for {machine}", "set `kernels: []`: the server's own Python kernel stays"
        ) from None
