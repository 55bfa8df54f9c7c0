"""The builder's answers as the installer takes them: models, and Problems in words."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from installer.host import paths, process
from installer.host.errors import ConfigProblem, Problem
from installer.host.process import Completed, follow
from installer.kernels import engine, pip_layer
from installer.kernels.records import Record
from installer.kernels.worker import OneBuilder, Unreachable, Unsatisfiable, program_files
from tests.channel.pack import index, pack
from tests.unit.kernel_worker import Builder, gate, served

UNIT = "jupyterhub-kernel-test"


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A channel, and the builder with its caches beside it."""
    monkeypatch.setattr(paths, "KERNEL_BUILDER", Builder(tmp_path).program)
    monkeypatch.setattr(paths, "KERNELS_CACHE", tmp_path)
    monkeypatch.setattr(paths, "CHANNEL_CREDENTIALS", tmp_path / "channels.json")
    monkeypatch.setattr(engine, "REPODATA", tmp_path / "repodata")
    monkeypatch.setattr(engine, "PACKAGES", tmp_path / "packages")
    monkeypatch.setattr(engine, "_HIDDEN", (Path("/home"),))
    made = tmp_path / "channel"
    pack(made, name="hello", version="1.0", depends=["lib"], files={"share/hello": b"hi\n"})
    pack(made, name="lib", version="1.0", files={"lib/lib": b"1\n"})
    index(made)
    return made


def test_from_a_solve_to_what_is_wrong_with_the_files(channel: Path, tmp_path: Path) -> None:
    url = f"file://{channel}"
    lines: list[str] = []
    records = engine.solve(["hello"], [url], unit=UNIT, progress=lines.append, gate=gate)
    assert [(record.name, record.version) for record in records] == [("hello", "1.0"), ("lib", "1.0")]
    assert lines == [f"choosing packages from {url}"]
    # A lock is written down and read again.
    stored = [Record.model_validate_json(record.model_dump_json()) for record in records]
    assert engine.solve(["hello"], [url], unit=UNIT, locked=stored, gate=gate) == records
    prefix = tmp_path / "env"
    prefix.mkdir()
    scripts, linked = engine.install(prefix, stored, ["hello"], [url], unit=UNIT, gate=gate)
    assert scripts == ()
    extra = engine.finish(prefix, linked, unit=UNIT, gate=gate).extra
    assert engine.verify(prefix, extra, unit=UNIT, deep=True, gate=gate) == ()
    (prefix / "lib" / "lib").write_text("2\n")
    findings = engine.verify(prefix, extra, unit=UNIT, deep=True, gate=gate)
    assert [(each.path, each.what, each.package) for each in findings] == [("lib/lib", "changed", "lib")]


def test_each_kind_of_failure_is_a_problem_with_its_remedy(channel: Path, tmp_path: Path) -> None:
    url = f"file://{channel}"
    with pytest.raises(Unsatisfiable) as unsatisfiable:
        engine.solve(["hello=2"], [url], unit=UNIT, gate=gate)
    assert "hello 2" in unsatisfiable.value.detail
    with pytest.raises(Unreachable) as unreachable:
        engine.solve(["hello"], [f"file://{tmp_path}/none"], unit=UNIT, gate=gate)
    assert "channels" in unreachable.value.hint
    with pytest.raises(Problem, match="doesn't name a package"):
        engine.solve(["hello >=>1"], [url], unit=UNIT, gate=gate)


def test_a_channel_that_builds_can_not_see_is_refused() -> None:
    with pytest.raises(ConfigProblem, match="below /home"):
        engine.solve(["hello"], ["file:///home/ada/channel"], unit=UNIT, gate=gate)


def test_credentials_come_from_the_admins_file(channel: Path) -> None:
    with served(channel, password="ada:secret") as address:
        with pytest.raises(Problem, match="refuses access") as refused:
            engine.solve(["hello"], [address], unit=UNIT, gate=gate)
        assert "credentials into" in refused.value.hint
        login = {"127.0.0.1": {"BasicHTTP": {"username": "ada", "password": "secret"}}}
        paths.CHANNEL_CREDENTIALS.write_text(json.dumps(login))
        assert len(engine.solve(["hello"], [address], unit=UNIT, gate=gate)) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_broken_file_of_credentials_is_named(channel: Path, text: str) -> None:
    paths.CHANNEL_CREDENTIALS.write_text(text)
    with pytest.raises(ConfigProblem, match=str(paths.CHANNEL_CREDENTIALS)):
        engine.solve(["hello"], [f"file://{channel}"], unit=UNIT, gate=gate)


def test_a_builder_that_ends_without_an_answer_is_a_problem(channel: Path) -> None:
    (paths.KERNEL_BUILDER / "__main__.py").write_text("import os; os.abort()\n")
    with pytest.raises(Problem, match="ended with code -6"):
        engine.solve(["hello"], [f"file://{channel}"], unit=UNIT, gate=gate)


def test_one_builder_does_operation_after_operation(channel: Path, tmp_path: Path) -> None:
    url, prefix = f"file://{channel}", tmp_path / "env"
    started: list[Sequence[str]] = []

    def counted(argv: Sequence[str], **others: Any) -> Completed:
        started.append(argv)
        return gate(argv, **others)

    prefix.mkdir()
    lines: list[str] = []
    with OneBuilder(UNIT, counted) as builder:
        assert started == []
        records = engine.solve(["hello"], [url], unit=UNIT, progress=lines.append, gate=builder)
        with pytest.raises(Unsatisfiable):
            engine.solve(["hello=2"], [url], unit=UNIT, gate=builder)
        _, linked = engine.install(prefix, records, ["hello"], [url], unit=UNIT, gate=builder)
        extra = engine.finish(prefix, linked, unit=UNIT, gate=builder).extra
    assert [Path(argv[-1]).name for argv in started] == ["kernel-builder"]
    assert lines == [f"choosing packages from {url}"]
    assert engine.verify(prefix, extra, unit=UNIT, deep=True, gate=gate) == ()


def test_one_builder_comes_up_before_it_is_asked(channel: Path) -> None:
    started = threading.Event()

    def seen(argv: Sequence[str], **others: Any) -> Completed:
        started.set()
        return gate(argv, **others)

    with OneBuilder(UNIT, seen) as builder:
        builder.begin()
        assert started.wait(10)
        started.clear()
        assert len(engine.solve(["hello"], [f"file://{channel}"], unit=UNIT, gate=builder)) == 2
        assert not started.is_set()


def test_one_builder_that_is_never_asked_just_ends(channel: Path) -> None:
    with OneBuilder(UNIT, gate) as builder:
        builder.begin()


def test_one_builder_that_ends_is_a_problem_and_starts_again(channel: Path) -> None:
    url = f"file://{channel}"
    program = paths.KERNEL_BUILDER / "__main__.py"
    whole = program.read_text()
    with OneBuilder(UNIT, gate) as builder:
        program.write_text("import os; os.abort()\n")
        with pytest.raises(Problem, match="ended with code -6"):
            engine.solve(["hello"], [url], unit=UNIT, gate=builder)
        program.write_text(whole)
        assert len(engine.solve(["hello"], [url], unit=UNIT, gate=builder)) == 2


def test_one_builder_that_can_not_be_started_is_a_problem(channel: Path) -> None:
    def full(argv: Sequence[str], **_: Any) -> Completed:
        raise Problem("the disk is full", "make room")

    with OneBuilder(UNIT, full) as builder, pytest.raises(Problem, match="disk is full"):
        engine.solve(["hello"], [f"file://{channel}"], unit=UNIT, gate=builder)


def test_the_program_is_all_of_the_builder() -> None:
    files = program_files()
    assert "__main__.py" in files
    assert "installer/__init__.py" in files
    assert {f"installer/builder/{name}.py" for name in ("__init__", "solving", "answer")} <= set(files)


# --- pip -------------------------------------------------------------------------------------------


def record(name: str, version: str, *depends: str) -> Record:
    url = f"https://conda.example.org/noarch/{name}.conda"
    return Record(
        name=name, version=version, build="0", build_number=0, subdir="noarch", fn=f"{name}.conda", url=url,
        sha256="0" * 64, depends=depends,
    )  # fmt: skip


@pytest.mark.parametrize("requirement", ["-r other.txt", "--index-url=http://x", "thing @ git+https://example.org/x"])
def test_what_can_not_be_locked_is_refused(requirement: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="can't be locked"):
        pip_layer.resolve([requirement], [record("python", "3.13.1")], unit=UNIT, scratch=tmp_path, gate=gate)


def test_pip_needs_a_python(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="without a Python"):
        pip_layer.resolve(["thing"], [record("r-base", "4.5")], unit=UNIT, scratch=tmp_path, gate=gate)


# --- following a process ---------------------------------------------------------------------------


def test_lines_come_as_they_are_printed() -> None:
    program = "import sys, time; print('one', flush=True); time.sleep(0.5); print(sys.stdin.read()); sys.exit(3)"
    heard: list[tuple[str, float]] = []
    done = follow(
        [sys.executable, "-c", program], lambda line: heard.append((line, time.monotonic())), stdin="two\nthree"
    )
    assert [line for line, _ in heard] == ["one", "two", "three"]
    assert heard[1][1] - heard[0][1] > 0.3
    assert (done.code, done.stdout, done.stderr) == (3, "one\ntwo\nthree\n", "")


def test_what_is_followed_for_too_long_is_ended() -> None:
    begun = time.monotonic()
    done = follow(["sleep", "60"], print, timeout=0.3)
    assert time.monotonic() - begun < 5
    assert (done.code, done.stderr) == (-9, "still running after 0 s\n")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("ending", ["", "\n"])
def test_what_prints_without_an_end_is_ended(stream: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's step that does would fill the memory of the machine, which is where it is kept."""
    monkeypatch.setattr(process, "LONGEST_OUTPUT", 1 << 20)
    program = f"import sys\nwhile True: sys.{stream}.write('y' * 4095 + {ending!r})"
    with pytest.raises(Problem, match="printed more than 1 MB"):
        follow([sys.executable, "-c", program], lambda _: None)


def test_an_answer_that_is_no_object_is_passed_over(channel: Path) -> None:
    def odd(argv: Sequence[str], *, on_line: Callable[[str], None], **_: object) -> Completed:
        for line in ("5", "[1]", "null", "[" * 100_000, '"progress"', '{"result": {"conflicts": []}}'):
            on_line(line)
        return Completed(tuple(argv), 0, "", "")

    assert engine.conflicts(channel, unit=UNIT, gate=odd) == []  # type: ignore[arg-type]


def test_a_program_that_is_not_there_can_not_be_followed() -> None:
    assert follow(["/nosuch"], print).code == 127
