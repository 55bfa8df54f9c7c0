"""installer rollback: return to what an earlier apply had made."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict

from rich.markup import escape

from installer.cli import output, plan_text
from installer.cli.apply import down_lines
from installer.cli.arguments import Commands
from installer.commands.alone import alone
from installer.commands.hub_database import Return
from installer.commands.rollback import WayBack, look, roll_back
from installer.commands.situation import look as look_around
from installer.host import paths
from installer.host.errors import ExitCode, Problem
from installer.host.invoker import asking

MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("rollback", help="return to what an earlier apply had made", description=__doc__)
    command.add_argument("number", metavar="N", nargs="?", help="the generation (default: the one before)")
    command.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    command.add_argument(
        "--with-database",
        action="store_true",
        help="also where the hub's database has to be replaced by its copy from then, which loses what came since",
    )
    command.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")
    command.add_argument("--json", action="store_true", help="print the result for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Plan, show it, ask where somebody can answer, carry it out, say what it came to."""
    with alone("rollback"):
        way = look(arguments.number)
        since = way.store.interrupted()
        if since is not None:
            output.note(f"The run of {since} did not come to its end; this one goes on from there.")
        if arguments.dry_run or (way.empty and since is None):
            output.show(way_json(way) if arguments.json else None, way_lines(way))
            return ExitCode.DONE
        if not _agreed(arguments, way):
            output.out.print("Nothing was changed.")
            return ExitCode.DONE
        applied = roll_back(way, asking(), output.Progress())
    output.tell_pruned(applied.pruned.trouble)
    generation = applied.generation
    result = {**way_json(way), "generation": generation.number, "url": way.site.url, "degraded": generation.degraded}
    said = [
        "",
        f"[bold green]The hub is up:[/] [bold]{escape(way.site.url)}[/]   (generation {generation.number}: "
        f"{escape(generation.summary)}; a server starts in {applied.spawn_seconds:.1f} s)",
        *(f"  [yellow]{escape(key)} is missing:[/] {escape(why)}" for key, why in generation.degraded.items()),
        *down_lines(applied),
        *_afterwards(way),
        "",
        "  next      sudo python3 -m installer status",
    ]
    output.show(result if arguments.json else None, said)
    return ExitCode.DEGRADED if generation.degraded else ExitCode.DONE


def _agreed(arguments: argparse.Namespace, way: WayBack) -> bool:
    """Whether it may be done: asked where somebody can answer. Raises Problem where nobody has asked for all of it."""
    asks = not arguments.json and output.terminal() and not arguments.yes
    if way.database is not None and not arguments.with_database:
        if not asks:
            # The loud part, also where nobody looks at a plan; standard output may be for programs.
            for line in lost_lines(way.database):
                output.note(line)
            raise Problem(
                f"to go back to generation {way.goal.number}, the hub's database has to be replaced by its copy of "
                f"{output.local(way.database.copy.at.strftime(MOMENT))}, and what came since is lost",
                "if you mean that, say so: add --with-database",
            )
        output.show(None, way_lines(way))
        return output.sure("Replace the hub's database by its copy, and go back?")
    if not asks:
        return True
    output.show(None, way_lines(way))
    return output.agreed(f"Go back to generation {way.goal.number}?")


def lost_lines(returning: Return) -> Iterator[str]:
    """What is lost with the database of now, with rich's markup."""
    lost = returning.lost
    yield (
        f"[bold red]The hub's database becomes what it was[/] on {output.local(returning.copy.at.strftime(MOMENT))} "
        f"({returning.copy.path}). Lost is what came since:"
    )
    yield f"  users     {escape(', '.join(lost.users)) or 'none'}: with their tokens; their accounts and files stay"
    yield f"  tokens    {lost.tokens}, logins in browsers included: those people log in again"
    if lost.servers:
        whose = escape(", ".join(lost.servers))
        yield f"  servers   started since, by {whose}: they go on, but the hub doesn't know them;"
        yield "            to end one: sudo systemctl stop jupyterusers-UID.slice"
    yield ""


def _afterwards(way: WayBack) -> Iterator[str]:
    """Whether apply would leave it so; said now, since nobody expects an apply to undo a rollback."""
    try:
        number = len(look_around().plan().changes)
    except Problem as problem:
        yield f"  [yellow]apply can't be run on it as it is:[/] {escape(problem.what)}"
        return
    if number:
        yield (
            f"  [yellow]This version of the installer isn't the one that made generation {way.goal.number}:[/] "
            f"its next apply would change {number} thing{'s' if number > 1 else ''}"
        )
        yield "            see them: sudo python3 -m installer plan; to stay, apply with the version from then"


def way_lines(way: WayBack) -> Iterator[str]:
    """What a return changes, with rich's markup."""
    if way.empty:
        yield f"Nothing to do: the host is as it was in generation {way.goal.number}."
        return
    yield f"[bold]Back to generation {way.goal.number}[/] of {output.local(way.goal.at)}: {escape(way.goal.summary)}"
    yield ""
    yield from plan_text.config_lines(way.config.text, way.goal.config)
    if way.config.data and not way.config.says(way.goal.config) and not way.config.says(way.newest.config):
        yield f"      [yellow]what it says now was never applied as it is, and is kept as {way.config.aside}[/]"
    if way.database is not None:
        yield from lost_lines(way.database)
    if way.plan.empty:
        yield "[bold]Plan:[/] the config's text alone."
    else:
        yield from plan_text.plan_lines(way.plan)


def way_json(way: WayBack) -> dict[str, object]:
    """The same for programs."""
    config = plan_text.diff(way.config.text, way.goal.config)
    return {
        **plan_text.plan_json(way.plan),
        "back_to": way.goal.number,
        "config": {str(paths.CONFIG_FILE): config},
        "database": way.database and {"copy": str(way.database.copy.path), "lost": asdict(way.database.lost)},
    }
