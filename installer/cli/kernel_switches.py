"""What `installer kernel` does with whole revisions: go back to one, make it anew, take them away."""

from __future__ import annotations

import argparse

from installer.cli import output
from installer.cli.output import escape
from installer.commands import kernel_changes, kernel_gc
from installer.commands.alone import alone
from installer.commands.kernel_situation import look
from installer.host.errors import ExitCode
from installer.host.invoker import asking
from installer.kernels import revisions


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
