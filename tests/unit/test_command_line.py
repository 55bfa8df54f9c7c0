from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from installer.cli import main, output, plan
from installer.host import process
from installer.host.errors import Problem

CHECKOUT = Path(__file__).parents[2]


def python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def test_what_packages_print_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """A build's output and packages' names come to the admin's terminal; OSC 52 would fill the clipboard, say."""
    output.complain(Problem("failed", "try again", "a\x1b]52;c;ZXZpbA==\x07b\x9b2Jc"))
    assert "  a\ufffd]52;c;ZXZpbA==\ufffdb\ufffd2Jc\n" in capsys.readouterr().err


def test_a_mistake_of_ours_is_two_lines_and_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def mistaken() -> None:
        raise RuntimeError("one line\nand another")

    monkeypatch.setattr(plan, "look", mistaken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert main.main(["plan"]) == 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    said = capsys.readouterr().err.splitlines()
    (report,) = tmp_path.iterdir()
    assert said == [
        "error: the installer made a mistake: one line",
        f"hint: please report it, with the details in {report}",
    ]
    assert "RuntimeError: one line" in report.read_text()


def test_interrupted_it_claims_nothing_that_it_can_not_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "look", interrupted)
    monkeypatch.setattr("installer.host.interruption.listen", lambda: None)
    assert main.main(["plan"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: interrupted before it came to its end",
        "hint: run the same command again: it goes on from what there is",
    ]


def test_what_looks_like_an_emoji_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.out.print("jupyter:x:999:")
    assert capsys.readouterr().out == "jupyter:x:999:\n"


def test_closed_streams_do_not_swallow_the_next_file(tmp_path: Path) -> None:
    code = (
        "import sys, installer.__main__ as m; m.prepare_process(); "
        f"f = open({str(tmp_path / 'file')!r}, 'w'); print('lost'); sys.stderr.write('lost'); sys.exit(f.fileno())"
    )
    words = [sys.executable, "-c", code]
    script = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", script, "sh", *words], cwd=CHECKOUT, check=False, timeout=60)
    assert done.returncode > 2
    assert (tmp_path / "file").read_text() == ""


def test_the_umask_of_the_caller_does_not_matter() -> None:
    done = python("import os, installer.__main__ as m; m.prepare_process(); print(oct(os.umask(0)))", umask=0o077)
    assert done.stdout == "0o22\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_interrupts_and_the_next_ones_are_disregarded(number: signal.Signals) -> None:
    code = f"""if True:
        import os, signal
        from installer.host import interruption
        # As a shell starts programs; who runs the tests may ignore some, and what is ignored is inherited.
        signal.signal({number}, signal.SIG_DFL)
        interruption.listen()
        try:
            os.kill(os.getpid(), {number})
        except KeyboardInterrupt:
            os.kill(os.getpid(), {number})
            print("to its end")
    """
    assert python(code).stdout == "to its end\n"


def test_a_hangup_that_the_caller_ignores_stays_ignored() -> None:
    code = """if True:
        import os, signal
        from installer.host import interruption
        interruption.listen()
        os.kill(os.getpid(), signal.SIGHUP)
        print("goes on")
    """
    words = ["nohup", sys.executable, "-c", code]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "goes on\n"


def test_a_program_outlives_an_installer_that_is_killed(tmp_path: Path) -> None:
    """dpkg that is killed by its next line of output leaves half an installed package."""
    script = "touch begun; while test ! -e killed; do sleep 0.02; done; echo a line; touch done"
    code = (
        "from pathlib import Path; from installer.host.process import run; "
        f"run(['/bin/sh', '-ec', {script!r}], cwd=Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT) as parent:
        wait_for(tmp_path / "begun")
        parent.kill()
        parent.wait()
    (tmp_path / "killed").touch()
    wait_for(tmp_path / "done")


def test_a_program_that_takes_too_long_tells_what_it_said() -> None:
    with pytest.raises(process.CommandFailed) as caught:
        process.run(["/bin/sh", "-c", "echo half >&2; exec sleep 60"], timeout=1)
    assert caught.value.detail == "half\n\nstill running after 1 s"


def test_a_program_that_can_not_be_started_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("not a program")
    with pytest.raises(process.CommandFailed, match="program failed"):
        process.run([tmp_path / "program"])


def test_what_each_verb_of_kernel_runs_is_where_it_is_looked_for() -> None:
    verbs = [words[1] for words in commands_of(main.parser(["kernel"])) if len(words) > 1]
    assert len(verbs) == 14
    for verb in verbs:
        run = main.parser(["kernel"]).parse_args(["kernel", verb, *NEEDED.get(verb, ["name"])]).run
        name, place = run.args
        assert callable(getattr(import_module(f"installer.cli.kernel_{place}"), f"run_{name}"))


NEEDED = {"list": [], "gc": [], "uninstall": ["name", "package"]}


def commands_of(parser: argparse.ArgumentParser) -> Iterator[list[str]]:
    """The words of every command below a parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield [name]
                yield from ([name, *words] for words in commands_of(below))


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)
