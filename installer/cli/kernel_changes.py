"""What `installer kernel` changes the packages of: shown, agreed to, and done."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from installer.cli import output
from installer.cli.output import escape
from installer.commands import kernel_proposals, kernel_sources
from installer.commands.alone import alone
from installer.commands.kernel_proposals import Proposal
from installer.commands.kernel_situation import KernelSituation, look
from installer.host.errors import ExitCode
from installer.host.invoker import asking
from installer.kernels.worker import Gate, one_builder

if TYPE_CHECKING:
    from installer.kernels.differences import Difference

_FEW = 20
"""Lines of changed packages that are shown one by one."""


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
            return _proposed(arguments, _addition(arguments, situation, entry, builder), builder)
        kernel_proposals.refuse_bad_name(situation, arguments.name)
        source = kernel_sources.bring_in(arguments.name, file)
        entry["environment" if arguments.file else "lock"] = str(source.path)
        done = False
        try:
            proposal = _addition(arguments, situation, entry, builder)
            done = proposal is None or _agreed_and_done(arguments, proposal, builder)
        finally:
            if not done:
                source.give_back()
        return ExitCode.DONE


def _addition(
    arguments: argparse.Namespace, situation: KernelSituation, entry: dict[str, Any], builder: Gate
) -> Proposal | None:
    default, replace = arguments.default, arguments.replace
    return kernel_proposals.add(situation, entry, default=default, replace=replace, report=_say, builder=builder)


def run_install(arguments: argparse.Namespace) -> int:
    """Add packages to a kernel."""
    with alone("kernel install"), one_builder(arguments.name) as builder:
        builder.begin()
        proposal = kernel_proposals.install(
            look(to_change=True), arguments.name, arguments.packages, arguments.pip, report=_say, builder=builder
        )
        return _proposed(arguments, proposal, builder)


def run_uninstall(arguments: argparse.Namespace) -> int:
    """Take packages out of a kernel."""
    with alone("kernel uninstall"), one_builder(arguments.name) as builder:
        builder.begin()
        proposal = kernel_proposals.uninstall(
            look(to_change=True), arguments.name, arguments.packages, report=_say, builder=builder
        )
        return _proposed(arguments, proposal, builder)


def run_update(arguments: argparse.Namespace) -> int:
    """Bring packages to newer versions."""
    with alone("kernel update"), one_builder(arguments.name) as builder:
        builder.begin()
        proposal = kernel_proposals.update(
            look(to_change=True), arguments.name, arguments.packages, arguments.python, report=_say, builder=builder
        )
        return _proposed(arguments, proposal, builder)


def _proposed(arguments: argparse.Namespace, proposal: Proposal | None, builder: Gate) -> int:
    if proposal is None:
        output.out.say(f"The kernel {arguments.name} is that already: nothing to do.")
    else:
        _agreed_and_done(arguments, proposal, builder)
    return ExitCode.DONE


def _agreed_and_done(arguments: argparse.Namespace, proposal: Proposal, builder: Gate) -> bool:
    """Show what a proposal changes, ask where somebody can answer, carry it out. Returns whether that came about."""
    name = proposal.request.name
    if proposal.empty:
        output.out.say(f"The kernel {name} is that already: nothing to do.")
        return True
    for line in _changes(proposal.changes):
        output.out.print(line)
    if arguments.dry_run:
        return False
    if output.terminal() and not arguments.yes and not output.agreed(f"Make these changes to the kernel {name}?"):
        output.out.print("Nothing was changed.")
        return False
    from installer.commands.kernel_changes import carry_out_proposal  # noqa: PLC0415 - often there is nothing to do

    revision = carry_out_proposal(proposal, asking(), output.Progress(), builder=builder)
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


def _say(doing: str) -> None:
    """What a solve is doing, which may take a while."""
    output.note(f"[dim]{escape(doing)}[/]")
