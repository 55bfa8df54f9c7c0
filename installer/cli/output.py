"""How the installer talks: colours and progress on a terminal, plain lines where it is piped.

What draws colours takes as long to import as a small command does: it comes with the first line that may have any.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from installer.cli.harmless import harmless
from installer.engine.plan import Action, Change
from installer.host.errors import Problem

if TYPE_CHECKING:
    from installer.cli.console import Console

SYMBOLS = {Action.CREATE: "[green]+[/]", Action.CHANGE: "[yellow]~[/]", Action.REMOVE: "[red]-[/]"}


class _Stream:
    """Standard output, or standard error."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    def print(self, *objects: object, **options: Any) -> None:  # noqa: ANN401 - rich's own are of all types
        """Print lines in rich's markup."""
        self._console.print(*objects, **options)

    def say(self, line: str) -> None:
        """Print a line as it is."""
        print(harmless(line), file=sys.stderr if self._stderr else sys.stdout)

    def input(self, question: str) -> str:
        """Ask a person. Raises EOFError where the input has come to its end."""
        return self._console.input(question, markup=False)

    @cached_property
    def _console(self) -> Console:
        from installer.cli.console import Console  # noqa: PLC0415 - see above

        return Console(stderr=self._stderr)


out = _Stream()
err = _Stream(stderr=True)


def escape(text: str) -> str:
    """A text in rich's markup."""
    from rich.markup import escape as escaped  # noqa: PLC0415 - see above

    return escaped(text)


def complain(problem: Problem) -> None:
    """Tell of a problem: what and where, what was said about it, what to do."""
    note(f"[bold red]error:[/] {escape(problem.what)}")
    for line in problem.detail.splitlines():
        note(f"  [dim]{escape(line)}[/]")
    note(f"[bold]hint:[/] {escape(problem.hint)}")


def note(line: str) -> None:
    """A line to standard error; what is being done goes on where nobody reads it (a lost connection, `| head`)."""
    with suppress(OSError):
        err.print(line)


def tell_notes(notes: Iterable[str]) -> None:
    """What an admin should know before anything is done, a line each."""
    for line in notes:
        note(f"[yellow]note:[/] {escape(line)}")


def show(data: object, lines: Iterable[str]) -> None:
    """What a command has to say: as JSON for programs, untouched by rich; or where `data` is None, its lines."""
    if data is not None:
        print(json.dumps(data, indent=2))  # noqa: T201 - for programs
        return
    for line in lines:
        out.print(line)


def tell_pruned(trouble: Problem | None) -> None:
    """Tell that old generations are still there, if they are; it is no reason for anything else to fail."""
    if trouble is not None:
        note(f"[yellow]what is too old was not all removed:[/] {escape(trouble.what)}")


class Progress:
    """Reports a run line by line, with the seconds of what was slow; to standard error, which isn't for programs."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def step(self, doing: str) -> None:
        """A line for what is being done now."""
        note(f"[dim]{self._clock()}[/]   {escape(doing)} ...")

    def begun(self, change: Change) -> None:
        """A line for what takes long, so that nobody wonders; the quick ones are told of when they are done."""
        if change.resource.kind in {"environment", "package", "kernel"} and change.action is not Action.REMOVE:
            self.step(f"{change.action.value} {change.resource.key}")

    def ended(self, change: Change, seconds: float) -> None:
        """A line for what is done."""
        took = f" [dim]({seconds:.1f} s)[/]" if seconds >= 1 else ""
        note(f"[dim]{self._clock()}[/] {SYMBOLS[change.action]} {escape(change.resource.key)}{took}")

    def failed(self, change: Change, problem: Problem) -> None:
        """A line for what could not be had, with what was said about it and what to do."""
        note(f"[dim]{self._clock()}[/] [red]![/] {escape(change.resource.key)}: {escape(problem.what)}")
        for line in problem.detail.splitlines():
            note(f"           [dim]{escape(line)}[/]")
        note(f"           [bold]hint:[/] {escape(problem.hint)}")

    def _clock(self) -> str:
        return f"{time.monotonic() - self._started:6.1f} s"


def local(at: str) -> str:
    """A moment as the clock on the wall says it; as it is written down, where that is no moment."""
    try:
        moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return at
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def terminal() -> bool:
    """Whether a person can be asked something."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def agreed(question: str) -> bool:
    """Ask a person; Enter is yes, and the end of the input no."""
    try:
        return out.input(f"{question} [Y/n] ").strip().lower() in {"", "y", "yes"}
    except EOFError:
        out.print()
        return False


def sure(question: str) -> bool:
    """Ask a person about what can't be taken back; Enter and the end of the input are no."""
    try:
        return out.input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        out.print()
        return False
