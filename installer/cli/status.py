"""installer status: what is there, per component, and whether it is healthy."""

from __future__ import annotations

import argparse
import dataclasses
import json

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands.situation import look
from installer.commands.status import Status, status
from installer.host.errors import ExitCode

_COLOURS = {"healthy": "green", "drifted": "yellow", "pending": "yellow", "active": "green"}


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("status", help="what is there, and whether it is healthy", description=__doc__)
    command.add_argument("--json", action="store_true", help="print it for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the status; exit with 3 where something isn't healthy."""
    seen = status(look())
    if arguments.json:
        print(json.dumps({**dataclasses.asdict(seen), "healthy": seen.healthy}, indent=2))  # noqa: T201 - for programs
    else:
        for line in lines(seen):
            output.out.print(line)
    return ExitCode.DONE if seen.healthy else ExitCode.DEGRADED


def lines(seen: Status) -> list[str]:
    """The status as a few lines, with rich's markup."""
    hub = "[green]answers[/]" if seen.trouble is None else f"[red]{escape(seen.trouble)}[/]"
    text = [f"[bold]{escape(seen.url)}[/]  {hub}", f"generation {seen.generation or '-'}"]
    if seen.interrupted:
        text.append(f"[yellow]the run of {seen.interrupted} did not come to its end: run apply to finish it[/]")
    if seen.closed:
        since = output.local(seen.closed.since)
        text.append(f"[yellow]closed for maintenance since {since}:[/] {escape(seen.closed.message)}")
        text.append(f"  [dim]to get in all the same:[/] {escape(seen.closed.link(seen.url))}")
    if seen.python:
        text.append(f"[yellow]{escape(seen.python)}: run apply to have it built anew[/]")
    text.append("")
    for component in seen.components:
        state = f"[{_COLOURS[component.state]}]{component.state}[/]"
        text.append(f"  {component.name:<12} {state}  [dim]{component.resources} resources[/]")
        text += [f"      {escape(finding)}" for finding in component.findings]
    text.append("")
    for unit in seen.units:
        colour = _COLOURS.get(unit.active, "red")
        text.append(f"  {unit.name:<28} [{colour}]{unit.active}[/] [dim]({unit.sub})[/]")
    return text
