"""installer doctor: what is wrong with this server, or soon will be, and the one command that mends it."""

from __future__ import annotations

import argparse
import dataclasses
import json

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands.doctor.examine import Examined, examine
from installer.commands.doctor.finding import Severity
from installer.host.errors import ExitCode

_MARKS = {Severity.OK: "[green]ok[/]     ", Severity.WARNING: "[yellow]warning[/]", Severity.PROBLEM: "[red]problem[/]"}


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("doctor", help="what is wrong, and what mends it", description=__doc__)
    command.add_argument(
        "--deep", action="store_true", help="also start a server and run cells, in it and in each kernel (minutes)"
    )
    command.add_argument("--json", action="store_true", help="print it for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show what was found; exit with 3 where there is a problem."""
    examined = examine(deep=arguments.deep)
    if arguments.json:
        told = {**dataclasses.asdict(examined), "healthy": examined.healthy}
        print(json.dumps(told, indent=2))  # noqa: T201 - for programs
    else:
        for line in lines(examined):
            output.out.print(line)
    return ExitCode.DONE if examined.healthy else ExitCode.DEGRADED


def lines(examined: Examined) -> list[str]:
    """The findings as a few lines, with rich's markup; a command stands alone on its line, to be copied."""
    text = []
    for finding in examined.findings:
        text.append(f"{_MARKS[finding.severity]}  [bold]{finding.area:<12}[/] {escape(finding.what)}")
        if finding.mend:
            text.append(f"           mend it:   {escape(finding.mend)}")
    count = {severity: sum(each.severity is severity for each in examined.findings) for severity in Severity}
    problems, warnings = count[Severity.PROBLEM], count[Severity.WARNING]
    text += ["", f"{problems} problems, {warnings} warnings; looked at in {examined.seconds:.1f} s"]
    return text
