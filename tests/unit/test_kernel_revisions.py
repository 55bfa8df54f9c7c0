from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.config.models import Config
from installer.host import files, paths
from installer.host.errors import Problem
from installer.kernels import engine, environment, gc, revisions
from installer.kernels.build import revision_id
from installer.kernels.differences import Difference, differences
from installer.kernels.lock import Lock, LockFile
from installer.kernels.records import Record
from installer.kernels.request import KernelRequest, read_requests
from tests.unit.kernel_worker import Builder, gate

IDS = [f"{number:012x}" for number in range(1, 7)]


@pytest.fixture(autouse=True)
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERNELS", "KERNELSPECS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(paths, "KERNELS_CACHE", tmp_path / "kernels" / ".cache")
    monkeypatch.setattr(paths, "KERNELS_SCRATCH", tmp_path / "kernels" / ".scratch")


def record(name: str, version: str, build: str = "0") -> Record:
    return Record(
        name=name, version=version, build=build, build_number=0, subdir="noarch", fn=f"{name}-{version}-{build}.conda",
        url=f"https://conda.example.org/noarch/{name}-{version}-{build}.conda", sha256=f"{name}{version}{build}",
    )  # fmt: skip


def lock(*records: Record, pip: str = "") -> Lock:
    return Lock(platform="linux-64", records=records, pip=pip)


def request(**entry: object) -> KernelRequest:
    return read_requests(Config.model_validate({"kernels": [{"name": "r", **entry}]}))[0]


def revision(name: str, packages: Lock | None = None) -> Path:
    """A complete revision of the kernel r."""
    prefix = revisions.place("r", name)
    (prefix / revisions.KERNELSPEC).mkdir(parents=True)
    (prefix / "bin").mkdir()
    known = revisions.Completed(created=f"2026-01-01T00:00:{int(name, 16):02}Z", request=request(), version="4.4.1")
    held = LockFile(
        recipe=known.request.recipe, channels=(), packages=(), pip=(), lock=packages or lock(record("r-base", "4.4.1"))
    )
    files.write(prefix / revisions.LOCK, held.text().encode(), mode=0o644)
    files.write(prefix / revisions.MARKER, known.model_dump_json().encode(), mode=0o644)
    return prefix


@pytest.fixture
def _six() -> None:
    """Six revisions, switched to one after the other, all long ago but the last switch."""
    for name in IDS:
        revisions.switch("ir", revision(name), "update")
    history = paths.KERNELS / "r" / "history"
    lines = [
        switch.model_copy(update={"at": "2026-01-01T00:00:00Z"}).model_dump_json() for switch in revisions.history("r")
    ]
    history.write_text("\n".join(lines) + "\n")


# --- what is there -------------------------------------------------------------------------------
def test_a_switch_is_one_link_and_a_line_of_history() -> None:
    first, second = revision(IDS[0]), revision(IDS[1])
    revisions.switch("ir", first, "apply")
    revisions.switch("ir", second, "update")
    revisions.switch("ir", second, "update")  # a run that was killed right before this comes back to it
    assert revisions.linked("ir") == revisions.current("r") == second
    assert (paths.KERNELSPECS / "ir").readlink() == second / "kernelspec"
    assert [(switch.revision, switch.reason) for switch in revisions.history("r")] == [
        (IDS[0], "apply"),
        (IDS[1], "update"),
    ]


@pytest.mark.parametrize(
    "target", ["/usr/share/jupyter/kernels/ir", "kernels/r/000000000001/bin", "kernels/r/latest/kernelspec", "/"]
)
def test_a_kernelspec_of_someone_else_is_none_of_our_revisions(target: str, tmp_path: Path) -> None:
    (paths.KERNELSPECS / "ir").symlink_to(tmp_path / target)
    assert revisions.linked("ir") is None
    (paths.KERNELSPECS / "own").mkdir()
    assert revisions.linked("own") is None


def test_a_torn_line_of_history_is_passed_over() -> None:
    revisions.switch("ir", revision(IDS[0]), "apply")
    with (paths.KERNELS / "r" / "history").open("a") as history:
        history.write('{"at": "2026')
    assert len(revisions.history("r")) == 1


def test_what_has_no_whole_marker_is_not_complete() -> None:
    prefix = revision(IDS[0])
    (prefix / revisions.MARKER).write_text("{")
    assert revisions.completed(prefix) is None
    (prefix / revisions.MARKER).unlink()
    (prefix / revisions.MARKER).symlink_to("kernel.lock")
    assert revisions.completed(prefix) is None
    assert revisions.complete_ones("r") == []


def test_a_marker_at_which_readers_would_wait_is_none() -> None:
    prefix = revision(IDS[0])
    (prefix / revisions.MARKER).unlink()
    os.mkfifo(prefix / revisions.MARKER)
    assert revisions.completed(prefix) is None


def test_a_revision_is_found_by_the_beginning_of_its_id() -> None:
    prefix, other = revision("a" * 12), revision("ab" + "a" * 10)
    assert revisions.revision_called("r", "aa") == prefix
    assert revisions.revision_called("r", "ab") == other
    for wished, said in (("a", "more than one"), ("f", "no revision")):
        with pytest.raises(Problem, match=said):
            revisions.revision_called("r", wished)


def test_a_lock_of_a_thousand_packages_can_be_read_again() -> None:
    prefix = revision(IDS[0])
    many = lock(
        *(
            record(f"r-{number}", "1.0").model_copy(update={"depends": ("r-base >=4.4,<4.5.0a0",) * 30})
            for number in range(1000)
        )
    )
    held = revisions.lock_of(prefix).model_copy(update={"lock": many})
    files.write(prefix / revisions.LOCK, held.text().encode(), mode=0o644)
    assert revisions.lock_of(prefix).lock == many


# --- what can go ---------------------------------------------------------------------------------
@pytest.mark.usefixtures("_six")
def test_the_last_few_and_the_one_in_use_stay() -> None:
    revisions.switch("ir", revisions.place("r", IDS[0]), "rollback")
    gone = gc.collect("r")
    assert {prefix.name for prefix in gone} == {IDS[1], IDS[2], IDS[3]}
    assert [prefix.name for prefix in revisions.complete_ones("r")] == [IDS[0], IDS[4], IDS[5]]


@pytest.mark.usefixtures("_six")
def test_one_that_was_left_just_now_stays() -> None:
    revisions.switch("ir", revisions.place("r", IDS[0]), "rollback")
    gc.collect("r", keep=1)
    assert [prefix.name for prefix in revisions.complete_ones("r")] == [IDS[0], IDS[5]]


@pytest.fixture
def user_of_a_revision() -> Iterator[Path]:
    """A process whose environment has a revision in its PATH, as every kernel's has."""
    prefix = revisions.place("r", IDS[1])
    program = "import time; print('up', flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={"PATH": f"{prefix}/bin:/usr/bin"}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield prefix
    process.kill()
    process.communicate()


@pytest.mark.usefixtures("_six")
def test_one_that_a_process_uses_stays(user_of_a_revision: Path) -> None:
    gc.collect("r", keep=1)
    assert user_of_a_revision.exists()
    assert not revisions.place("r", IDS[0]).exists()


def test_what_a_killed_build_left_goes() -> None:
    revisions.switch("ir", revision(IDS[0]), "apply")
    half = revisions.place("r", IDS[1])
    half.mkdir()
    assert gc.collect("r") == [half]


def test_what_is_nested_deeper_than_programs_can_follow_goes_too() -> None:
    """A package may have as many levels as a path has room for."""
    prefix = revisions.place("r", IDS[0])
    prefix.mkdir(parents=True)
    here = os.open(prefix, os.O_RDONLY)
    for _ in range(2500):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    assert gc.collect("r", keep=0) == [prefix]
    assert not prefix.exists()


def test_of_a_kernel_that_is_removed_nothing_stays() -> None:
    prefix = revision(IDS[0])
    revisions.switch("ir", prefix, "apply")
    (paths.KERNELSPECS / "ir").unlink()
    assert gc.collect("r", keep=0) == [prefix]
    assert not (paths.KERNELS / "r").exists()


def test_what_is_half_removed_is_nothing_to_go_back_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C or the machine's end in the middle of it; whoever has the lock next removes the rest."""

    def interrupted(_place: Path) -> None:
        raise KeyboardInterrupt

    revision(IDS[0])
    with monkeypatch.context() as patched:
        patched.setattr(environment, "remove_tree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gc.collect("r", keep=0)
    assert revisions.complete_ones("r") == []
    gc.discard_incomplete("r")
    assert not revisions.place("r", IDS[0]).exists()


def test_cached_packages_stay_as_long_as_a_revision_was_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = paths.KERNELS_CACHE / "packages"
    monkeypatch.setattr(engine, "PACKAGES", cache)
    monkeypatch.setattr(paths, "KERNEL_BUILDER", Builder(tmp_path / "builder").program)
    for name in ("r-base-4.4.1-0", "old-1-0"):
        (cache / name).mkdir(parents=True)
        (cache / f"{name}.lock").touch()
    revision(IDS[0])
    assert gc.collect_packages(gate) == 1
    assert sorted(entry.name for entry in cache.iterdir()) == ["r-base-4.4.1-0", "r-base-4.4.1-0.lock"]


# --- ids and differences -------------------------------------------------------------------------
def test_the_same_packages_for_the_same_request_are_the_same_revision_wherever_they_came_from() -> None:
    here = lock(record("a", "1"), record("b", "2"))
    there = lock(*(each.model_copy(update={"url": f"file:///srv/{each.fn}"}) for each in reversed(here.records)))
    assert revision_id(request(), here) == revision_id(request(), there)
    others = [
        revision_id(request(display_name="R here"), here),
        revision_id(request(), lock(record("a", "1"), record("b", "2", "1"))),
        revision_id(request(), lock(*here.records, pip="flask==3.0 --hash=sha256:0\n")),
        revision_id(request(), here, again=1),
    ]
    assert len({revision_id(request(), here), *others}) == 5


def test_differences_are_told_by_package() -> None:
    before = lock(record("a", "1"), record("b", "1"), record("c", "1", "0"), pip="Flask==3.0 \\\n    --hash=sha256:0\n")
    after = lock(record("a", "2"), record("c", "1", "1"), record("d", "1"), pip="flask==3.1 \\\n    --hash=sha256:1\n")
    assert differences(before, after) == (
        Difference("a", "1", "2", "conda"),
        Difference("b", "1", None, "conda"),
        Difference("c", "1 0", "1 1", "conda"),
        Difference("d", None, "1", "conda"),
        Difference("flask", "3.0", "3.1", "pip"),
    )
    assert differences(after, after) == ()
