"""What `installer kernel` tells of kernels."""

from __future__ import annotations

import argparse
import dataclasses
import json

from installer.cli import output
from installer.cli.output import escape
from installer.commands import kernel_check, kernel_reports
from installer.commands.kernel_situation import look
from installer.host.errors import ExitCode
from installer.kernels import revisions


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
