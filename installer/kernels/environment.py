"""From a plan to an environment on disk: every step as the account without rights, the result taken back by root."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from installer.host import files, paths
from installer.host.downloads import explained
from installer.host.errors import Problem
from installer.host.process import SYSTEM_PATH, CommandFailed, run
from installer.host.trees import remove_tree
from installer.kernels import activation, engine, pip_layer, sandbox
from installer.kernels.records import ExtraFile, LinkScript, Record
from installer.kernels.scratch import scratch, surroundings
from installer.kernels.worker import Gate, Progress

_STEP_SECONDS = 3600
_MODULES_WORTH_A_PROCESS = 100


class EnvironmentPlan(BaseModel):
    """All that makes an environment.

    name: the kernel's, for the services that build it. records: conda's packages. requested: the specs asked for.
    channels: where the records are from. pip_locked: what pip_layer.resolve gave.
    link_scripts: whether packages' own may run. checked: packages that need no check where they are in the cache.
    post_install: commands to run at the end, with `env`; the prefix's and build_scratch(prefix)'s paths put in already.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    records: tuple[Record, ...]
    requested: tuple[str, ...]
    channels: tuple[str, ...] = ()
    checked: frozenset[str] = frozenset()
    pip_locked: str | None = None
    link_scripts: bool = False
    post_install: tuple[tuple[str, ...], ...] = ()
    env: dict[str, str] = {}


class Built(BaseModel):
    """What a build leaves to be written down.

    activation: the variables that an activated environment sets. seconds: how long each step took.
    extra: files that conda's packages don't account for, for engine.verify.
    untouched: whether nothing was written into any file that packages brought, which the cache has too.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    activation: dict[str, str]
    seconds: dict[str, float]
    extra: tuple[ExtraFile, ...]
    untouched: bool


Usable = Callable[[Mapping[str, str]], None]
"""Is given what activation sets as soon as kernels can be started in an environment that isn't complete yet."""


def build(
    prefix: Path,
    plan: EnvironmentPlan,
    previous: Path | None,
    progress: Progress,
    *,
    usable: Usable = lambda activation: None,
    builder: Gate = sandbox.run,
) -> Built:
    """Make an environment at its final path; what was there before is removed. Raises Problem, and leaves no half.

    previous: an earlier environment of the same kernel, to share files with.
    usable: called on the way. builder: how the builder program is run.
    """
    try:
        if prefix.exists() or build_scratch(prefix).exists():
            discard(prefix, plan.name)
        try:
            prefix.mkdir(mode=0o700)
            files.own(prefix, owner=paths.KERNELS_USER, group=paths.KERNELS_USER, mode=0o700)
            with scratch(_scratch_name(prefix)) as place:
                built = _Build(prefix, plan, place, progress, builder).done(previous, usable)
            _take_back(prefix, plan.name)
        except BaseException:
            discard(prefix, plan.name)  # half of it helps nobody, and may be what filled the disk
            raise
    except OSError as error:
        raise files.unwritable(prefix, error) from error
    return built


def discard(prefix: Path, name: str) -> None:
    """Remove an environment, or what a build that was killed has left of one, once nothing works in it any more."""
    sandbox.stop(sandbox.unit_of(name))
    remove_tree(prefix)
    remove_tree(build_scratch(prefix), ignore_errors=True)


def build_scratch(prefix: Path) -> Path:
    """Where the steps of a build may write what nobody needs later; there while it runs."""
    return paths.KERNELS_SCRATCH / _scratch_name(prefix)


def _scratch_name(prefix: Path) -> str:
    return f"{prefix.parent.name}-{prefix.name}"


def _take_back(prefix: Path, name: str) -> None:
    # The last service has ended, and all it started with it; this is for what nobody thought of.
    sandbox.stop(sandbox.unit_of(name))
    files.own(prefix, owner="root", group="root", mode=0o755)
    run(["sync", "--file-system", prefix], timeout=1800)
    files.fsync_directory(prefix.parent)


class _Build:
    """The steps of one build, in their order."""

    def __init__(self, prefix: Path, plan: EnvironmentPlan, place: Path, progress: Progress, builder: Gate) -> None:
        self._prefix = prefix
        self._builder = builder
        self._plan = plan
        self._scratch = place
        self._progress = progress
        self._unit = sandbox.unit_of(plan.name)
        self._seconds: dict[str, float] = {}

    def done(self, previous: Path | None, usable: Usable) -> Built:
        """Do them all."""
        with self._step("packages"):
            scripts, linked = engine.install(
                self._prefix,
                self._plan.records,
                self._plan.requested,
                self._plan.channels,
                unit=self._unit,
                checked=self._plan.checked,
                progress=self._progress,
                gate=self._builder,
            )
        if self._plan.link_scripts and scripts:
            with self._step("link scripts"):
                self._run_link_scripts(scripts)
        if self._plan.pip_locked:
            with self._step("pip"):
                self._progress("installing packages from PyPI")
                pip_layer.install(self._prefix, self._plan.pip_locked, unit=self._unit, scratch=self._scratch)
        if self._plan.post_install:
            with self._step("post-install"):
                for argv in self._plan.post_install:
                    self._progress(f"running {Path(argv[0]).name}")
                    self._run(argv, self._plan.env, f"the kernel's own step {Path(argv[0]).name}")
        with self._step("activation"):
            set_by_it = activation.variables(self._prefix, unit=self._unit, writable=self._writable)
        modules: Sequence[str] = ()
        if any(record.name == "python" for record in self._plan.records):
            with self._step("sharing"):
                modules = engine.share(self._prefix, previous, unit=self._unit, gate=self._builder)
        files.own(self._prefix, owner=paths.KERNELS_USER, group=paths.KERNELS_USER, mode=0o755)
        usable(set_by_it)
        if modules:
            with self._step("bytecode"):
                self._compile(modules)
        # Last: from here on nothing that came with packages may write.
        with self._step("files"):
            done = engine.finish(self._prefix, linked, unit=self._unit, gate=self._builder)
        return Built(activation=set_by_it, seconds=self._seconds, extra=done.extra, untouched=done.untouched)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._seconds[name] = round(time.monotonic() - begun, 3)

    @property
    def _writable(self) -> tuple[Path, ...]:
        return (self._prefix, self._scratch)

    def _run(self, argv: Sequence[str], env: Mapping[str, str], what: str) -> None:
        """Run a program that came with the environment; it can write there alone."""
        path = f"{self._prefix / 'bin'}:{SYSTEM_PATH}"
        done = sandbox.run(
            argv,
            unit=self._unit,
            writable=self._writable,
            env={"PATH": path, "CONDA_PREFIX": str(self._prefix), **surroundings(self._scratch), **env},
            timeout=_STEP_SECONDS,
            cwd=self._scratch,
        )
        if not done.ok:
            said = f"{done.stdout.strip()}\n{done.stderr.strip()}".strip().splitlines()
            raise Problem(
                f"{what} failed with exit code {done.code}",
                "the lines above are what it said; mend the recipe or the network, then try again",
                "\n".join(said[-30:]),
            )

    def _run_link_scripts(self, scripts: Sequence[LinkScript]) -> None:
        for each in scripts:
            told = {
                "PREFIX": str(self._prefix),
                "PKG_NAME": each.name,
                "PKG_VERSION": each.version,
                "PKG_BUILDNUM": each.build_number,
            }
            self._run(["/bin/bash", each.script], told, f"the package {each.name}'s link script")

    def _compile(self, modules: Sequence[str]) -> None:
        """Compile what nobody has compiled; users couldn't, and would wait for it at each start of a kernel.

        Without `site`, which would run what packages have put into .pth files: only bytecode may come to be here now.
        """
        self._progress(f"compiling {len(modules)} Python modules")
        at_once = min(len(os.sched_getaffinity(0)), 1 + len(modules) // _MODULES_WORTH_A_PROCESS)
        done = sandbox.run(
            [
                str(self._prefix / "bin" / "python"),
                "-I", "-S", "-m", "compileall", "-q", "-j", str(at_once), "-i", "-",
            ],
            unit=self._unit,
            writable=self._writable,
            stdin="".join(f"{module}\n" for module in modules),
            env=surroundings(self._scratch),
            network=False,
            timeout=_STEP_SECONDS,
        )  # fmt: skip
        # 1 tells of modules in another Python's language, which packages carry: templates, tests.
        if done.code not in {0, 1} or "Errno 28" in done.stdout or "Errno 122" in done.stdout:
            said = f"{done.stdout.strip()}\n{done.stderr.strip()}".replace("Errno 28", "No space left on device (28)")
            raise explained(CommandFailed(replace(done, stderr=said)), "compiling Python modules")
