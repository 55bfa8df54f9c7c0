"""installer plan: every change that apply would make, before it makes it."""

from __future__ import annotations

import argparse

from installer.cli import output, plan_text
from installer.cli.arguments import Commands
from installer.commands import login_provider, neighbours, shared, tls
from installer.commands.older import refuse_older
from installer.commands.ports_taken import refuse_taken
from installer.commands.situation import look
from installer.host.errors import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("plan", help="show what apply would change", description=__doc__)
    command.add_argument("--exit-code", action="store_true", help="exit with 4 where there are changes")
    command.add_argument("--json", action="store_true", help="print it for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the plan."""
    situation = look()
    refuse_taken(situation.site)
    neighbours.refuse_broken(situation.site)
    output.tell_notes([*tls.expiring(situation.site), *neighbours.notes(situation.site)])
    plan = situation.plan()
    refuse_older(situation, plan)
    output.tell_notes(shared.notes(plan))
    lines = (*plan_text.plan_lines(plan), *plan_text.note_lines(login_provider.notes(situation.site)))
    output.show(plan_text.plan_json(plan) if arguments.json else None, lines)
    return ExitCode.CHANGES if arguments.exit_code and not plan.empty else ExitCode.DONE
