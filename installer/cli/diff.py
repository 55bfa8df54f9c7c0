"""installer diff: what was changed by hand since the last apply, or from one generation to another."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from rich.markup import escape

from installer.cli import output, plan_text
from installer.cli.arguments import Commands
from installer.commands.diff import Differences, between, drift
from installer.engine.plan import Plan
from installer.engine.store import Generation
from installer.host.errors import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "diff", help="show what was changed by hand, or from one generation to another", description=__doc__
    )
    command.add_argument("one", metavar="A", nargs="?", help="a generation, instead of the host as it is")
    command.add_argument(
        "other", metavar="B", nargs="?", help="the generation to compare it with (default: the newest)"
    )
    command.add_argument("--json", action="store_true", help="print it for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show it."""
    if arguments.one is None:
        plan = drift()
        data, lines = plan_text.plan_json(plan), drift_lines(plan)
    else:
        found = between(arguments.one, arguments.other)
        data, lines = differences_json(found), differences_lines(found)
    output.show(data if arguments.json else None, lines)
    return ExitCode.DONE


def drift_lines(plan: Plan) -> Iterator[str]:
    """The way from what is there to what the last apply left, with rich's markup."""
    for change in (*plan.kept, *plan.changes):
        yield from plan_text.change_lines(change)
    yield from plan_text.kept_lines(plan)
    if plan.empty:
        others = "else " if plan.kept else ""
        yield f"Nothing {others}was changed by hand since the last apply."
        return
    yield f"{len(plan.changes)} changed by hand; [bold]installer apply[/] would set them back."


def differences_lines(found: Differences) -> Iterator[str]:
    """The way from one generation to another, with rich's markup."""
    yield f"from {_called(found.one)}"
    yield f"to   {_called(found.other)}"
    yield ""
    yield from plan_text.config_lines(found.one.config, found.other.config)
    for change in found.changes:
        yield from plan_text.change_lines(change, plan_text.DONE)
    number = len(found.changes) + (found.one.config != found.other.config)
    yield f"{number} differences." if number != 1 else "1 difference."


def differences_json(found: Differences) -> dict[str, object]:
    """The same for programs."""
    return {
        "from": found.one.number,
        "to": found.other.number,
        "config": plan_text.diff(found.one.config, found.other.config),
        **plan_text.plan_json(Plan((), found.changes)),
    }


def _called(generation: Generation) -> str:
    return f"generation {generation.number} of {output.local(generation.at)}: {escape(generation.summary)}"
