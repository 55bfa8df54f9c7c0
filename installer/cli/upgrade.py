"""installer upgrade: take up what this version of the installer has, with what runs going on.

The new server environment is built beside the old one; if the hub's database has to be migrated, that is tried on a
copy first. Then the hub is stopped for seconds, a copy of the database is kept, and a real server started to see that
all is well; where it isn't, all goes back to what it was, the database too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.markup import escape

from installer.cli import output, plan_text
from installer.cli.arguments import Commands
from installer.commands.alone import alone
from installer.commands.upgrade import Upgrade, prepare
from installer.host import paths
from installer.host.errors import ExitCode
from installer.host.invoker import asking

if TYPE_CHECKING:
    from installer.commands.apply import Applied


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "upgrade", help="take up the versions that this installer has, with what runs going on", description=__doc__
    )
    command.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    command.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")
    command.add_argument("--json", action="store_true", help="print the result for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Plan, show it, ask where somebody can answer, carry it out, say what it came to."""
    with alone("upgrade"):
        upgrade = prepare()
        since = upgrade.situation.store.interrupted()
        if since is not None:
            output.note(f"The run of {since} did not come to its end; this one goes on from there.")
        nothing = upgrade.plan.empty and since is None
        if arguments.dry_run or nothing:
            output.show(upgrade_json(upgrade) if arguments.json else None, upgrade_lines(upgrade, whole=True))
            return ExitCode.DONE
        if output.terminal() and not arguments.yes and not arguments.json:
            output.show(None, upgrade_lines(upgrade, whole=True))
            if not output.agreed("Upgrade?"):
                output.out.print("Nothing was changed.")
                return ExitCode.DONE
        elif not upgrade.plan.empty:
            for line in upgrade_lines(upgrade, whole=False):
                output.note(line)
        from installer.commands.apply import apply  # noqa: PLC0415 - an HTTP client, which asking needs not wait for

        applied = apply(upgrade.situation, upgrade.plan, asking(), output.Progress())
    output.tell_pruned(applied.pruned.trouble)
    result = {
        **upgrade_json(upgrade),
        "generation": applied.generation.number,
        "url": upgrade.situation.site.url,
        "down_seconds": applied.down_seconds,
        "degraded": applied.generation.degraded,
    }
    output.show(result if arguments.json else None, summary(upgrade, applied))
    return ExitCode.DEGRADED if applied.generation.degraded else ExitCode.DONE


def upgrade_lines(upgrade: Upgrade, *, whole: bool) -> Iterator[str]:
    """What would change, with rich's markup: the versions, and where it is to be shown whole, the plan."""
    number = upgrade.newest.number
    if upgrade.plan.empty:
        yield f"Nothing to do: generation {number} is what this version of the installer makes."
        return
    made_by = f" (installer {upgrade.newest.version})" if upgrade.newest.version else ""
    yield f"[bold]Upgrade of generation {number}[/] of {output.local(upgrade.newest.at)}{made_by}"
    width = max((len(name) for name, _, _ in upgrade.versions), default=0)
    for name, was, now in upgrade.versions:
        yield f"  {escape(name):{width}}  {escape(was) or 'none'} -> {escape(now)}"
    if not upgrade.versions:
        yield "  the same versions of JupyterHub and all that belongs to it"
    yield ""
    if whole:
        yield from plan_text.plan_lines(upgrade.plan)
    else:
        yield from plan_text.migration_lines(upgrade.plan)
        yield plan_text.counts(upgrade.plan)


def upgrade_json(upgrade: Upgrade) -> dict[str, object]:
    """The same for programs."""
    return {
        **plan_text.plan_json(upgrade.plan),
        "from": upgrade.newest.number,
        "versions": {name: {"before": was or None, "after": now} for name, was, now in upgrade.versions},
        "database": {"before": upgrade.database[0], "after": upgrade.database[1]} if upgrade.database else None,
    }


def summary(upgrade: Upgrade, applied: Applied) -> Iterator[str]:
    """What an admin needs to know after it."""
    down = applied.down_seconds
    generation = applied.generation
    yield ""
    yield (
        f"[bold green]The hub is up:[/] [bold]{escape(upgrade.situation.site.url)}[/]   "
        f"(generation {generation.number}; a server starts in {applied.spawn_seconds:.1f} s)"
    )
    yield ""
    if down is not None:
        yield f"  downtime  the hub did not answer for {down:.1f} s; users' servers and kernels went on"
    yield "  servers   that ran before go on with the versions they have, until they are stopped and started"
    if upgrade.database:
        yield f"  database  migrated; as it was before, it is in {paths.INSTALLER_STATE}/generations"
    yield f"  the way back: sudo python3 -m installer rollback {upgrade.newest.number}"
    for key, why in generation.degraded.items():
        yield f"  [yellow]{escape(key)} is missing:[/] {escape(why)}"
    yield ""
    yield "  next      sudo python3 -m installer status"
