"""installer user approve, reject: answers to those who asked for a name and a password of the hub's own."""

from __future__ import annotations

import argparse

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands, add_verb
from installer.commands import native_people
from installer.commands.alone import alone
from installer.host.errors import ExitCode, UsageProblem


def register(verbs: Commands) -> None:
    """Add the verbs."""
    approving = add_verb(verbs, "approve", run_approve, "let in people who asked for a name on the hub's page")
    approving.add_argument("--all", action="store_true", help="all who are waiting, after a look at who they are")
    rejecting = add_verb(verbs, "reject", run_reject, "forget that people asked for a name on the hub's page")
    approving.add_argument("names", nargs="*", metavar="NAME", help="the name that they asked for")
    rejecting.add_argument("names", nargs="+", metavar="NAME", help="the name that they asked for")


def run_approve(arguments: argparse.Namespace) -> int:
    """Let people in."""
    if bool(arguments.names) == arguments.all:
        raise UsageProblem("nobody is named" if not arguments.names else "some are named, and all", "NAME …, or --all")
    with alone("user approve"):
        waiting = [each for each in native_people.everybody() if not each.approved]
        if arguments.all:
            for each in waiting:
                output.out.print(f"[green]+[/] {escape(each.name):<24} {escape(each.about)}")
            if not waiting or (output.terminal() and not output.sure(f"Let in these {len(waiting)}?")):
                output.out.print("Nothing was changed.")
                return ExitCode.DONE
        done = native_people.approve(arguments.names or [each.name for each in waiting])
    told = f"{escape(', '.join(done))} may log in." if done else "Nobody of them was waiting: nothing to do."
    output.out.print(told)
    return ExitCode.DONE


def run_reject(arguments: argparse.Namespace) -> int:
    """Turn people down."""
    with alone("user reject"):
        done = native_people.reject(arguments.names)
    output.out.print(f"{escape(', '.join(done))}: forgotten. The names are free again.")
    return ExitCode.DONE
