"""Kernels that are rebuilt and removed: config, generation and disk agree afterwards, and an interruption says so."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from installer.commands import kernel_changes
from installer.commands.kernel_situation import KernelSituation, look
from installer.config.load import load_file, load_text
from installer.engine.store import Generation, Store, now, stored
from installer.features import kernels as feature
from installer.host import files, paths
from installer.host.errors import ConfigProblem, Problem
from installer.kernels import build, environment, revisions
from installer.kernels.build import this_subdir
from installer.kernels.lock import Lock, LockFile
from installer.kernels.request import KernelRequest
from installer.resources.file import File
from installer.resources.kernel import Kernel
from installer.resources.kinds import KINDS
from tests.unit.resources_in_memory import Silent

OLD = "0123456789ab"


@pytest.fixture(autouse=True)
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERNELS", "KERNELSPECS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()
    for name in ("RESTORED_KERNELS", "KERNELS_SCRATCH", "CONFIG_FILE", "SERVER_SETTINGS", "INSTALLER_STATE"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(feature, "server_settings", _owned(feature.server_settings))
    monkeypatch.setattr(kernel_changes, "one_builder", nullcontext)
    monkeypatch.setattr(build, "_build", _built)
    monkeypatch.setattr("installer.kernels.sandbox.stop", lambda _unit: None)


def _owned(settings: Callable[..., File]) -> Callable[..., File]:
    def made(*words: object) -> File:
        return settings(*words).model_copy(update={"owner": getpass.getuser(), "group": getpass.getuser()})

    return made


def _built(prefix: Path, request: KernelRequest, lock: Lock, *_: object, **__: object) -> Path:
    (prefix / revisions.KERNELSPEC).mkdir(parents=True)
    known = revisions.Completed(created=revisions.now(), request=request, version="4.4.1")
    held = LockFile(recipe=request.recipe, channels=(), packages=(), pip=(), lock=lock)
    files.write(prefix / revisions.LOCK, held.text().encode(), mode=0o644)
    files.write(prefix / revisions.MARKER, known.model_dump_json().encode(), mode=0o644)
    return prefix


def configured(*lines: str) -> KernelSituation:
    """The config with these entries of `kernels`."""
    paths.CONFIG_FILE.write_text("kernels:\n" + "".join(f"  - {line}\n" for line in lines))
    return look()


def applied(*lines: str, degraded: str | None = None) -> KernelSituation:
    """A host whose config that is, each kernel at its revision OLD; but for the one that could not be had."""
    text = "kernels:\n" + "".join(f"  - {line}\n" for line in lines)
    paths.CONFIG_FILE.write_text(text)
    config = load_text(paths.CONFIG_FILE, text)
    store = Store(paths.INSTALLER_STATE, KINDS)
    store.prepare()
    generation = Generation(
        number=1, at=now(), by="ada", summary="", config=text, remembered={}, resources=(),
        degraded={f"kernel:{degraded}": "no answer"} if degraded else {},
    )  # fmt: skip
    situation = KernelSituation(config, text, text, store, generation)
    settings = feature.server_settings(config)
    settings.realize(None)
    kernels = [Kernel(feature="kernels", request=situation.request(entry.name)) for entry in config.kernels]
    for kernel in kernels:
        if kernel.name != degraded:
            prefix = _built(revisions.place(kernel.name, OLD), kernel.request, Lock(platform=this_subdir(), records=()))
            revisions.switch(kernel.request.kernelspec, prefix, "apply")
    resources = tuple(stored(resource) for resource in (settings, *(kernel.settled() for kernel in kernels)))
    store.add(generation.model_copy(update={"resources": resources}))
    return look()


def would_change(name: str) -> bool:
    """Whether an apply with the config as it is would do anything to a kernel."""
    situation = look()
    request = situation.request(name)
    kernel = Kernel(feature="kernels", request=request, revision=request.revision)
    return kernel.probe() != kernel.wanted()


def rebuild(name: str) -> str:
    return kernel_changes.rebuild(look(), name, "ada", Silent())


def remove(name: str) -> None:
    kernel_changes.remove(look(), name, "ada", Silent())


# --- rebuild --------------------------------------------------------------------------------------
def test_a_rebuild_leaves_the_config_alone() -> None:
    text = applied("r").text
    new = rebuild("r")
    assert revisions.linked("ir") == revisions.place("r", new) != revisions.place("r", OLD)
    assert not revisions.place("r", OLD).exists()
    assert paths.CONFIG_FILE.read_text() == text
    assert not would_change("r")


@pytest.mark.parametrize("now_in_the_config", ["packages: [r-cli]", "packages: []"])
def test_of_a_pinned_kernel_it_is_the_new_revision_that_is_pinned(now_in_the_config: str) -> None:
    """Whether the rest of the entry leads to the pinned one still, or has been changed since."""
    applied("r")
    configured(f"{{name: r, {now_in_the_config}, revision: {OLD}}}  # as it was last term")
    assert not would_change("r")
    new = rebuild("r")
    assert revisions.linked("ir") == revisions.place("r", new)
    assert f"revision: {new}}}  # as it was last term" in paths.CONFIG_FILE.read_text()
    assert not would_change("r")
    known = revisions.completed(revisions.place("r", new))
    assert known is not None
    assert known.request.entry == "r", "what a rollback to it puts into the config"


def test_what_is_edited_and_not_applied_is_left_to_an_apply() -> None:
    applied("r")
    text = configured("{name: r, packages: [r-cli]}").text
    new = rebuild("r")
    known = revisions.completed(revisions.place("r", new))
    assert known is not None
    assert "r-cli" not in known.request.packages
    assert paths.CONFIG_FILE.read_text() == text
    assert would_change("r")
    applied_next = configured(f"{{name: r, revision: {new}}}")
    assert not would_change(applied_next.config.kernels[0].name)


def test_what_has_lost_its_marker_is_rebuilt_from_the_config_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same packages it may be at the very place of the damaged one."""
    situation = applied("r")
    lock = Lock(platform=this_subdir(), records=())
    monkeypatch.setattr(build, "solve", lambda *_, **__: lock)
    place = revisions.place("r", build.revision_id(situation.request("r"), lock))
    revisions.place("r", OLD).rename(place)
    (place / revisions.MARKER).unlink()
    revisions.switch("ir", place, "apply")
    assert rebuild("r") == place.name
    assert revisions.completed(place)
    assert not would_change("r")


def test_interrupted_when_it_is_made_a_rebuild_says_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    applied("r")
    monkeypatch.setattr(environment, "remove_tree", _interrupted)
    with pytest.raises(Problem, match="interrupted; the kernel 'r' was built anew") as told:
        rebuild("r")
    assert told.value.hint.endswith("installer kernel gc")
    assert not would_change("r")


def _interrupted(_place: Path, **_: object) -> None:
    raise KeyboardInterrupt


# --- remove ---------------------------------------------------------------------------------------
def gone(name: str) -> bool:
    """Whether nothing has it any more: the config, the disk, the newest generation."""
    situation = look()
    keys = {situation.store.restored(entry).key for entry in situation.generation.resources}
    known = {entry.name for entry in situation.config.kernels}
    links = {prefix.parent.name for link in paths.KERNELSPECS.iterdir() if (prefix := revisions.linked(link.name))}
    return name not in {*known, *links, *revisions.kernels()} and not keys & {f"kernel:{name}"}


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    file = tmp_path / "genome.yml"
    file.write_text("dependencies: [r-base]\n")
    return file


@pytest.mark.parametrize("first", [True, False])
def test_a_kernel_whose_file_is_gone_can_be_removed(genome: Path, *, first: bool) -> None:
    """The default one, too, which is the first where the config names none."""
    lines = [f"{{name: genome, environment: {genome}}}", "r"]
    applied(*(lines if first else reversed(lines)))
    genome.unlink()
    with pytest.raises(ConfigProblem):
        look().request("genome")
    remove("genome")
    assert gone("genome")
    assert "ir" in paths.SERVER_SETTINGS.read_text()
    assert not would_change("r")


def test_of_two_whose_files_are_gone_each_can_be_removed(genome: Path) -> None:
    applied(f"{{name: genome, environment: {genome}}}", f"{{name: proteome, environment: {genome}}}", "r")
    genome.unlink()
    remove("proteome")
    assert gone("proteome")
    remove("genome")
    assert gone("genome")
    assert "ir" in paths.SERVER_SETTINGS.read_text()


def test_one_that_never_came_to_be_leaves_the_config(genome: Path) -> None:
    applied("r")
    configured("r", f"{{name: genome, environment: {genome}}}")
    genome.unlink()
    remove("genome")
    assert gone("genome")
    assert paths.CONFIG_FILE.read_text() == "kernels:\n  - r\n"


def test_one_that_could_not_be_had_can_be_removed() -> None:
    applied("r", "julia", degraded="julia")
    remove("julia")
    assert gone("julia")
    assert look().generation.degraded == {}


def test_another_kernel_that_has_its_kernelspec_keeps_it() -> None:
    applied("{name: python3, packages: [numpy]}")
    other = configured("{name: python3, packages: [numpy]}", "python").request("python")
    assert other.kernelspec == "python3"
    Kernel(feature="kernels", request=other).remove()
    assert revisions.linked("python3") == revisions.place("python3", OLD)


def test_interrupted_when_it_is_gone_a_removal_says_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    applied("r", "julia")
    monkeypatch.setattr(environment, "remove_tree", _interrupted)
    with pytest.raises(Problem, match="interrupted; the kernel 'julia' is gone"):
        remove("julia")
    assert load_file(paths.CONFIG_FILE).text == "kernels:\n  - r\n"
    assert revisions.linked("julia") is None
    assert revisions.complete_ones("julia") == [], "nothing goes back to what is half removed"
