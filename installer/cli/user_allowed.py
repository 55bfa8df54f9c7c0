"""installer user allowed: whether somebody gets in, as whom, and why."""

from __future__ import annotations

import argparse
import dataclasses

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands import allowed
from installer.host.errors import ExitCode


def register(verbs: Commands) -> None:
    """Add the verb."""
    text = "tell whether somebody gets in, as whom, and why"
    asking = verbs.add_parser("allowed", help=text, description=text)
    asking.add_argument("name", metavar="NAME", help="their name, as the login provider has it")
    asking.add_argument(
        "--group", action="append", default=[], metavar="G", help="a group that the provider would tell of"
    )
    asking.add_argument(
        "--organization", action="append", default=[], metavar="O", help="an organisation, or ORG/TEAM, on GitHub"
    )
    asking.add_argument("--email", action="append", default=[], metavar="E", help="a verified address of theirs")
    asking.add_argument("--json", action="store_true", help="print it for programs")
    asking.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answer; exit with 1 where they don't get in."""
    answer = allowed.ask(arguments.name, arguments.group, arguments.organization, arguments.email)
    output.show(dataclasses.asdict(answer) if arguments.json else None, lines(answer))
    return ExitCode.DONE if answer.allowed else ExitCode.FAILED


def lines(answer: allowed.Answer) -> list[str]:
    """The answer as a line or two, with rich's markup."""
    name, why = escape(answer.name), escape(answer.why)
    if not answer.allowed:
        return [f"[bold]{name}[/] does not get in: {why}"]
    as_whom = f" as the account [bold]{escape(answer.account or '')}[/]{', a hub admin' if answer.admin else ''}"
    said = [f"[bold]{name}[/] gets in{as_whom}: {why}"]
    if answer.owner:
        said.append(f"that account is the one's who came as {escape(answer.owner)}")
    return said
