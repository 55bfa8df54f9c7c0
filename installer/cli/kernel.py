"""installer kernel: the conda environments that notebooks run in: add, change, look at, take back, take away."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands, add_verb
from installer.commands import kernel_changes, kernel_check, kernel_gc, kernel_reports, kernel_sources
from installer.commands.alone import alone
from installer.commands.kernel_changes import Proposal
from installer.commands.kernel_situation import look
from installer.host.errors import ExitCode
from installer.host.invoker import asking
from installer.kernels import revisions
from installer.kernels.build import one_builder
from installer.kernels.differences import Difference
from installer.kernels.worker import Gate

_FEW = 20
"""Lines of changed packages that are shown one by one."""


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    command = commands.add_parser("kernel", help="add, change and look at kernels", description=__doc__)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", required=True)

    verb = partial(add_verb, verbs)

    def of_one(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = verb(name, run, text)
        made.add_argument("name", metavar="NAME", help="the kernel")
        return made

    listing = verb("list", run_list, "list the kernels")
    showing = of_one("show", run_show, "show all there is to know of a kernel")
    packing = of_one("packages", run_packages, "list what is in a kernel")
    past = of_one("history", run_history, "list a kernel's switches from one revision to the next")
    checking = of_one("check", run_check, "compare every file of a kernel, and run a cell in it")
    for each in (listing, showing, packing, past, checking):
        each.add_argument("--json", action="store_true", help="print it for programs")

    adding = of_one("add", run_add, "add a kernel")
    source = adding.add_mutually_exclusive_group()
    source.add_argument("--recipe", metavar="R", help="the recipe to make it by (default: the one called NAME)")
    source.add_argument("--file", type=Path, metavar="environment.yml", help="an environment file to make it from")
    source.add_argument("--lock", type=Path, metavar="FILE", help="a lock to make it from, byte for byte")
    adding.add_argument("--packages", nargs="+", metavar="PKG", default=[], help="conda packages to put into it")
    adding.add_argument("--pip", nargs="+", metavar="PKG", default=[], help="packages that only pip has")
    adding.add_argument("--display-name", metavar="TEXT", help="what launchers say")
    adding.add_argument("--default", action="store_true", help="give it to new notebooks")

    installing = of_one("install", run_install, "add packages to a kernel, changing as little else as possible")
    installing.add_argument("packages", nargs="*", metavar="PKG", help="conda packages")
    installing.add_argument("--pip", nargs="+", metavar="PKG", default=[], help="packages that only pip has")
    uninstalling = of_one("uninstall", run_uninstall, "take out packages that had been added to a kernel")
    uninstalling.add_argument("packages", nargs="+", metavar="PKG", help="packages")
    updating = of_one("update", run_update, "bring a kernel, or packages of it, to the newest versions that fit")
    updating.add_argument("packages", nargs="*", metavar="PKG", help="packages (default: all)")
    updating.add_argument("--python", metavar="VERSION", help="go to this version of Python, 3.13 say")
    for each in (adding, installing, uninstalling, updating):
        each.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        each.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")

    going_back = of_one("rollback", run_rollback, "go back to an earlier revision of a kernel")
    going_back.add_argument("revision", nargs="?", metavar="REV", help="which (default: the one before)")
    of_one("rebuild", run_rebuild, "make a kernel anew of the same packages, where files of it were damaged")
    of_one("remove", run_remove, "take a kernel away; what runs of it goes on")
    collecting = verb("gc", run_gc, "remove revisions and packages that nothing needs")
    collecting.add_argument(
        "--keep", type=int, default=kernel_gc.KEPT, metavar="N", help="revisions to keep: %(default)s"
    )
    of_one("lock", run_lock, "print the lock of a kernel; `add --lock` makes the same one of it elsewhere")


# --- changes -------------------------------------------------------------------------------------
def run_add(arguments: argparse.Namespace) -> int:
    """Add a kernel, or say that it is there already."""
    with alone("kernel add"), one_builder(arguments.name) as builder:
        situation = look(to_change=True)
        entry: dict[str, Any] = {"name": arguments.name}
        if arguments.recipe and arguments.recipe != arguments.name:
            entry["recipe"] = arguments.recipe
        for key in ("packages", "pip", "display_name"):
            if getattr(arguments, key):
                entry[key] = getattr(arguments, key)
        file = arguments.file or arguments.lock
        if file is None:
            wished = kernel_changes.add(situation, entry, default=arguments.default, report=_say, builder=builder)
            return _proposed(arguments, wished, builder)
        kernel_changes.refuse_bad_name(situation, arguments.name)
        source = kernel_sources.bring_in(arguments.name, file)
        entry["environment" if arguments.file else "lock"] = str(source.path)
        done = False
        try:
            proposal = kernel_changes.add(situation, entry, default=arguments.default, report=_say, builder=builder)
            done = proposal is None or _agreed_and_done(arguments, proposal, builder)
        finally:
            if not done:
                source.give_back()
        return ExitCode.DONE


def run_install(arguments: argparse.Namespace) -> int:
    """Add packages to a kernel."""
    with alone("kernel install"), one_builder(arguments.name) as builder:
        proposal = kernel_changes.install(
            look(to_change=True), arguments.name, arguments.packages, arguments.pip, report=_say, builder=builder
        )
        return _proposed(arguments, proposal, builder)


def run_uninstall(arguments: argparse.Namespace) -> int:
    """Take packages out of a kernel."""
    with alone("kernel uninstall"), one_builder(arguments.name) as builder:
        proposal = kernel_changes.uninstall(
            look(to_change=True), arguments.name, arguments.packages, report=_say, builder=builder
        )
        return _proposed(arguments, proposal, builder)


def run_update(arguments: argparse.Namespace) -> int:
    """Bring packages to newer versions."""
    with alone("kernel update"), one_builder(arguments.name) as builder:
        proposal = kernel_changes.update(
            look(to_change=True), arguments.name, arguments.packages, arguments.python, report=_say, builder=builder
        )
        return _proposed(arguments, proposal, builder)


def _proposed(arguments: argparse.Namespace, proposal: Proposal | None, builder: Gate) -> int:
    if proposal is None:
        output.out.print(f"The kernel {arguments.name} is that already: nothing to do.")
    else:
        _agreed_and_done(arguments, proposal, builder)
    return ExitCode.DONE


def _agreed_and_done(arguments: argparse.Namespace, proposal: Proposal, builder: Gate) -> bool:
    """Show what a proposal changes, ask where somebody can answer, carry it out. Returns whether that came about."""
    name = proposal.request.name
    if proposal.empty:
        output.out.print(f"The kernel {name} is that already: nothing to do.")
        return True
    for line in _changes(proposal.changes):
        output.out.print(line)
    if arguments.dry_run:
        return False
    if output.terminal() and not arguments.yes and not output.agreed(f"Make these changes to the kernel {name}?"):
        output.out.print("Nothing was changed.")
        return False
    revision = kernel_changes.carry_out_proposal(proposal, asking(), output.Progress(), builder=builder)
    output.out.print(
        f"[bold green]The kernel {escape(name)} is ready[/] (revision {revision}): "
        "running notebooks keep what they have, the next start of a kernel gets it."
    )
    return True


def _changes(changes: Sequence[Difference]) -> list[str]:
    added = [change for change in changes if change.before is None]
    if len(added) == len(changes) and len(added) > _FEW:
        return [f"[green]+[/] {len(added)} packages"]
    lines = []
    for change in changes:
        name = f"[bold]{escape(change.name)}[/]"
        if change.before is None:
            lines.append(f"[green]+[/] {name} {change.after}")
        elif change.after is None:
            lines.append(f"[red]-[/] {name} {change.before}")
        else:
            lines.append(f"[yellow]~[/] {name} {change.before} -> {change.after}")
    return lines or ["No package changes: only how the kernel is set up."]


def run_rollback(arguments: argparse.Namespace) -> int:
    """Go back."""
    with alone("kernel rollback"):
        revision = kernel_changes.rollback(
            look(to_change=True), arguments.name, arguments.revision, asking(), output.Progress()
        )
    output.out.print(f"The kernel {escape(arguments.name)} is at its revision {revision}.")
    return ExitCode.DONE


def run_rebuild(arguments: argparse.Namespace) -> int:
    """Make it anew."""
    with alone("kernel rebuild"):
        revision = kernel_changes.rebuild(look(to_change=True), arguments.name, asking(), output.Progress())
    output.out.print(f"The kernel {escape(arguments.name)} was built anew (revision {revision}).")
    return ExitCode.DONE


def run_remove(arguments: argparse.Namespace) -> int:
    """Take a kernel away."""
    with alone("kernel remove"):
        kernel_changes.remove(look(to_change=True), arguments.name, asking(), output.Progress())
    left = len(list(revisions.directories(arguments.name)))
    still = f"; {left} of its revisions are still in use, and go with `installer kernel gc`" if left else ""
    output.out.print(f"The kernel {escape(arguments.name)} is gone{still}.")
    return ExitCode.DONE


def run_gc(arguments: argparse.Namespace) -> int:
    """Remove what nothing needs."""
    with alone("kernel gc"):
        collected = kernel_gc.collect_all(look(to_change=True), keep=arguments.keep)
    for prefix in collected.revisions:
        output.out.print(f"[red]-[/] {prefix}")
    output.out.print(
        f"{len(collected.revisions)} revisions and {collected.packages} packages removed, "
        f"{collected.freed / 1e6:.0f} MB freed."
    )
    return ExitCode.DONE


# --- reports -------------------------------------------------------------------------------------
def run_list(arguments: argparse.Namespace) -> int:
    """List the kernels."""
    found = kernel_reports.kernels(look())
    if arguments.json:
        return _json([dataclasses.asdict(line) for line in found])
    for line in found:
        mark = "*" if line.default else " "
        colour = {"ready": "green", "pending": "yellow"}.get(line.state, "red")
        output.out.print(
            f"{mark} [bold]{escape(line.name):<12}[/] [{colour}]{line.state:<8}[/] {line.revision:<13}"
            f"{escape(line.display_name)}  [dim]{escape(line.kernelspec)}[/]"
        )
        if line.reason:
            output.out.print(f"      {escape(line.reason)}")
    return ExitCode.DONE


def run_show(arguments: argparse.Namespace) -> int:
    """Show one kernel."""
    known = kernel_reports.detail(look(), arguments.name)
    if arguments.json:
        return _json(known)
    for name, value in known.items():
        if name == "revisions":
            for each in value:
                use = ", a process uses it" if each["in_use"] else ""
                output.out.print(f"[dim]{name:<14}[/]{each['revision']}  {each['bytes'] / 1e6:.0f} MB of its own{use}")
        elif value not in ("", (), None):
            text = ", ".join(value) if isinstance(value, tuple) else str(value)
            output.out.print(f"[dim]{name:<14}[/]{escape(text)}")
    return ExitCode.DONE


def run_packages(arguments: argparse.Namespace) -> int:
    """List what is in a kernel."""
    found = kernel_reports.packages(look(), arguments.name)
    if arguments.json:
        return _json([dataclasses.asdict(line) for line in found])
    for line in found:
        asked = "asked for" if line.asked_for else ""
        output.out.print(
            f"{escape(line.name):<28} {escape(line.version):<16} {escape(line.source):<16} [dim]{asked}[/]"
        )
    return ExitCode.DONE


def run_history(arguments: argparse.Namespace) -> int:
    """List a kernel's switches."""
    kernel_reports.must_be_known(look(), arguments.name)
    switches = revisions.history(arguments.name)
    if arguments.json:
        return _json([switch.model_dump() for switch in switches])
    now = revisions.current(arguments.name)
    for switch in switches:
        prefix = revisions.place(arguments.name, switch.revision)
        state = "in use" if prefix == now else "" if revisions.completed(prefix) else "removed"
        output.out.print(f"{switch.at}  {switch.revision}  {escape(switch.reason)}  [dim]{state}[/]")
    return ExitCode.DONE


def run_lock(arguments: argparse.Namespace) -> int:
    """Print a kernel's lock."""
    _, _, lock = kernel_reports.ready(look(), arguments.name)
    print(lock.text(), end="")  # noqa: T201 - for a file, untouched by rich
    return ExitCode.DONE


def run_check(arguments: argparse.Namespace) -> int:
    """Check a kernel; exit with 3 where something is wrong."""
    checked = kernel_check.check(look(), arguments.name)
    if arguments.json:
        _json({**vars(checked), "files": [finding.model_dump() for finding in checked.files], "well": checked.well})
    else:
        for finding in checked.files:
            output.out.print(f"[red]{finding.what}[/] {escape(finding.path)} [dim]{finding.package or ''}[/]")
        if checked.trouble:
            output.out.print(f"[red]{escape(checked.trouble)}[/]")
        if checked.well:
            output.out.print(
                f"The kernel {checked.name} is as it was built, and runs a cell ({checked.seconds:.1f} s)."
            )
        else:
            output.note(f"[bold]hint:[/] build it anew: installer kernel rebuild {checked.name}")
    return ExitCode.DONE if checked.well else ExitCode.DEGRADED


def _json(data: object) -> int:
    print(json.dumps(data, indent=2))  # noqa: T201 - for programs, untouched by rich
    return ExitCode.DONE


def _say(doing: str) -> None:
    """What a solve is doing, which may take a while."""
    output.note(f"[dim]{escape(doing)}[/]")
