"""installer generations: what was applied, when, and by whom."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands.generations import Line, listed
from installer.host.errors import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("generations", help="list what was applied, when, and by whom", description=__doc__)
    command.add_argument("--json", action="store_true", help="print it for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them; exit with 3 where one can't be read any more."""
    there = listed()
    if arguments.json:
        print(json.dumps({"generations": [dataclasses.asdict(line) for line in there]}, indent=2))  # noqa: T201 - for programs
    else:
        for text in lines(there):
            output.out.print(text)
    return ExitCode.DEGRADED if any(line.trouble for line in there) else ExitCode.DONE


def lines(there: tuple[Line, ...]) -> Iterator[str]:
    """The list, with rich's markup; the present generation has an asterisk."""
    people = max(len(line.by) for line in there)
    for line in there:
        mark = "[green]*[/]" if line.current else " "
        if line.trouble is not None:
            yield f"{mark} {line.number:>4}  [red]{escape(line.trouble)}[/]"
            continue
        by = escape(f"{line.by:<{people}}")
        yield f"{mark} {line.number:>4}  {output.local(line.at)}  {by}  {escape(line.summary)}"
        for key, reason in line.degraded.items():
            yield f"           [yellow]degraded: {escape(key)} could not be had:[/] {escape(reason)}"
