"""installer uninstall: take off all that it has put on this server; people's homes and accounts stay."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands import final_backup, uninstall
from installer.commands.uninstall import Outcome, Uninstall
from installer.commands.uninstall_summary import Told, told
from installer.engine.lock import exclusive
from installer.host import paths
from installer.host.errors import ExitCode, Problem, UsageProblem
from installer.host.invoker import asking
from installer.host.packages import Purge


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("uninstall", help="take all of it off this server again", description=__doc__)
    command.add_argument(
        "--purge", action="store_true", help="make no backup of config, secrets and the hub's database"
    )
    command.add_argument(
        "--packages", action="store_true", help="also purge the packages it installed that nothing else needs"
    )
    sure = command.add_mutually_exclusive_group()
    sure.add_argument("--dry-run", action="store_true", help="show what would be removed, and remove nothing")
    sure.add_argument("--yes", "-y", action="store_true", help="don't ask")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show what goes and what stays, ask, take it off; what could not be taken off is named."""
    with exclusive(paths.LOCK, "uninstall"):
        going = uninstall.look()
        purge = uninstall.plan_purge(going) if arguments.packages else None
        for line in lines(told(going, purge), going, purge, keep=not arguments.purge):
            output.out.print(line)
        if arguments.dry_run:
            return ExitCode.DONE
        uninstall.check_where_we_run(going)
        if not arguments.yes and not _sure():
            output.out.print("Nothing was changed.")
            return ExitCode.DONE
        reporter = output.Progress()
        keep = None if arguments.purge else partial(final_backup.make, reporter)
        try:
            outcome = uninstall.carry_out(going, asking(), reporter, purge=purge or Purge((), {}), keep=keep)
            for line in summary(outcome):
                output.out.print(line)
            if outcome.failures:
                _complain(outcome)
                return ExitCode.FAILED
            uninstall.finish()
        except KeyboardInterrupt as interruption:
            raise Problem(
                "interrupted; part of it is removed already", "run uninstall again: it goes on from there"
            ) from interruption
    return ExitCode.DONE


def _sure() -> bool:
    """Whether a person says so. Raises UsageProblem where nobody can be asked."""
    if not output.terminal():
        raise UsageProblem(
            "uninstall asks before it removes anything, and there is no terminal to ask on",
            "look at what is listed above, then run it with --yes",
        )
    return output.sure("Remove all this?")


def _complain(outcome: Outcome) -> None:
    for name, problem in outcome.failures.items():
        output.complain(Problem(f"{name} is still there: {problem.what}", problem.hint, problem.detail))
    output.note("The rest is removed. Mend what is named above, then run uninstall again: it goes on from there.")


def lines(seen: Told, going: Uninstall, purge: Purge | None, *, keep: bool) -> Iterator[str]:
    """What goes and what stays, with rich's markup."""
    yield "[bold]This goes:[/]"
    yield from _row("servers", _of_people(going.servers))
    for title, names in seen.goes:
        yield from _row(title, names)
    yield from _row("state", _state(going, keep=keep))
    if purge is not None:
        yield from _row("packages", purge.gone)
    yield ""
    yield "[bold]This stays:[/]"
    yield from _row("homes", ["all of them, with the accounts of people"])
    for title, names in seen.stays:
        yield from _row(title, names)
    yield ""


def _of_people(servers: Sequence[str]) -> list[str]:
    if not servers:
        return []
    many = "1 user's server is" if len(servers) == 1 else f"{len(servers)} users' servers are"
    return [f"{many} running ({', '.join(dict.fromkeys(servers))}) and will be stopped: what isn't saved is lost"]


def _state(going: Uninstall, *, keep: bool) -> list[str]:
    if not going.state:
        return []
    what = f"config, secrets, the hub's database ({', '.join(map(str, going.state))})"
    if not keep:
        return [f"{what}: for good (--purge)"]
    where = f"{going.archive}, made before" if going.archive else "where the config has backups go"
    return [f"{what}: a backup is made first, for root alone, {where}"]


def _row(title: str, names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        yield f"  {'' if number else title:<12} {escape(name)}"


def summary(outcome: Outcome) -> Iterator[str]:
    """What is left to know, with rich's markup."""
    yield ""
    if outcome.archive is not None:
        yield "Config, secrets and the hub's database are kept; with them, the same hub again, here or elsewhere:"
        yield f"  sudo python3 -m installer restore {escape(str(outcome.archive))}"
    for directory, names in outcome.others.items():
        why = f"has what isn't the installer's: {', '.join(names[:5])}" if names else "is in use, or mounted"
        yield f"{escape(str(directory))} stays; it {escape(why)}{', ...' if names[5:] else ''}"
    if not outcome.failures:
        yield "[bold green]JupyterHub is off this server.[/]"
