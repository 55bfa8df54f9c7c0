"""installer diff: what was changed by hand since the last apply."""

from __future__ import annotations

import argparse
import json

from installer.cli import output, plan_text
from installer.cli.arguments import Commands
from installer.commands.diff import drift
from installer.host.errors import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "diff", help="show what was changed by hand since the last apply", description=__doc__
    )
    command.add_argument("--json", action="store_true", help="print it for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the drift, as the way from what is there to what the last apply left."""
    plan = drift()
    if arguments.json:
        print(json.dumps(plan_text.plan_json(plan), indent=2))  # noqa: T201 - for programs, untouched by rich
    elif plan.empty:
        output.out.print("Nothing was changed by hand since the last apply.")
    else:
        for change in plan.changes:
            for line in plan_text.change_lines(change):
                output.out.print(line)
        output.out.print(f"{len(plan.changes)} changed by hand; [bold]installer apply[/] would set them back.")
    return ExitCode.DONE
