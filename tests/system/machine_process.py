"""How the machine library runs a process: output kept in full, and never a wait without an end."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class MachineProblem(Exception):  # noqa: N818 - it is told to a person, not only to a programmer
    """A machine can't be built, booted or reached."""


@dataclass(frozen=True)
class Result:
    """What a process left."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.code == 0

    @property
    def output(self) -> str:
        """Standard output and standard error, one after the other."""
        return self.stdout + self.stderr

    def __str__(self) -> str:
        return f"{shlex.join(self.argv)}\nexit code {self.code} after {self.seconds:.1f} s\n{self.output.rstrip()}"


class CommandFailed(MachineProblem):
    """A process said no, or ran too long; `result` has what it printed."""

    def __init__(self, result: Result, why: str = "") -> None:
        super().__init__(f"{why or 'command failed'}: {result}")
        self.result = result


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    stdin: str | bytes | None = None,
    check: bool = True,
    timeout: float = 60,
    shown: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run a program to its end. After `timeout` seconds its whole process group is killed.

    shown: the argument vector to tell of, where the real one is mostly wrapping.
    env: variables on top of this process's own.
    """
    words = [os.fspath(word) for word in argv]
    given = stdin.encode() if isinstance(stdin, str) else stdin or b""
    started = time.monotonic()
    # Files, not pipes: a daemon left behind by the program would hold a pipe open, and reading it would never end.
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(given)
        source.seek(0)
        process = subprocess.Popen(
            words, stdin=source, stdout=out, stderr=err, start_new_session=True, env={**os.environ, **(env or {})}
        )
        overdue = False
        try:
            overdue = not _ends_within(process, timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    result = Result(tuple(shown or words), process.returncode, texts[0], texts[1], time.monotonic() - started)
    if overdue:
        raise CommandFailed(result, f"still running after {timeout:.0f} s")
    if check and not result.ok:
        raise CommandFailed(result)
    return result


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process's end, and know of it at once: Popen.wait looks every 50 ms, which would be in all figures."""
    ended = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(ended, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))
    finally:
        os.close(ended)
