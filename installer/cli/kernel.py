"""installer kernel: the conda environments that notebooks run in: add, change, look at, take back, take away."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.engine.lock import exclusive
from installer.host import paths
from installer.host.errors import ExitCode
from installer.host.invoker import asked_by

if TYPE_CHECKING:
    from installer.commands.kernel_changes import Proposal
    from installer.commands.kernel_situation import KernelSituation


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    command = commands.add_parser("kernel", help="add, change and look at kernels", description=__doc__)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, run: Callable[[argparse.Namespace], int], text: str, *, named: bool = True) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        if named:
            made.add_argument("name", metavar="NAME", help="the kernel")
        made.set_defaults(run=run)
        return made

    adding = verb("add", run_add, "add a kernel")
    source = adding.add_mutually_exclusive_group()
    source.add_argument("--recipe", metavar="R", help="the recipe to make it by (default: the one called NAME)")
    source.add_argument("--file", type=Path, metavar="environment.yml", help="an environment file to make it from")
    source.add_argument("--lock", type=Path, metavar="FILE", help="a lock to make it from, byte for byte")
    adding.add_argument("--packages", nargs="+", metavar="PKG", default=[], help="conda packages to put into it")
    adding.add_argument("--display-name", metavar="TEXT", help="what launchers say")
    adding.add_argument("--default", action="store_true", help="give it to new notebooks")
    _asking(adding)

    listing = verb("list", run_list, "list the kernels", named=False)
    showing = verb("show", run_show, "show all there is to know of a kernel")
    packing = verb("packages", run_packages, "list what is in a kernel")
    past = verb("history", run_history, "list a kernel's switches from one revision to the next")
    for each in (listing, showing, packing, past):
        each.add_argument("--json", action="store_true", help="print it for programs")

    installing = verb("install", run_install, "add packages to a kernel, changing as little else as possible")
    installing.add_argument("packages", nargs="*", metavar="PKG", help="conda packages")
    installing.add_argument("--pip", nargs="+", metavar="PKG", default=[], help="packages that only pip has")
    removing_packages = verb("uninstall", run_uninstall, "take packages out that had been added to a kernel")
    removing_packages.add_argument("packages", nargs="+", metavar="PKG", help="packages")
    updating = verb("update", run_update, "bring a kernel, or some packages of it, to the newest versions that fit")
    updating.add_argument("packages", nargs="*", metavar="PKG", help="packages (default: all)")
    updating.add_argument("--python", metavar="VERSION", help="go to this version of Python, 3.13 say")
    for each in (installing, removing_packages, updating):
        _asking(each)

    going_back = verb("rollback", run_rollback, "go back to an earlier revision of a kernel")
    going_back.add_argument("revision", nargs="?", metavar="REV", help="which (default: the one before)")
    removing = verb("remove", run_remove, "take a kernel away; what runs of it goes on")
    _asking(removing)
    collecting = verb("gc", run_gc, "remove revisions and packages that nothing needs", named=False)
    collecting.add_argument("names", nargs="*", metavar="NAME", help="the kernels (default: all)")
    verb("lock", run_lock, "print the lock of a kernel: add --lock makes the same one of it elsewhere")
    checking = verb("check", run_check, "compare every file of a kernel, and run a cell in it")
    checking.add_argument("--json", action="store_true", help="print it for programs")


def _asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")


# --- changes -------------------------------------------------------------------------------------
def run_add(arguments: argparse.Namespace) -> int:
    """Add a kernel, or say that it is there."""
    from installer.commands.kernel_sources import entry_of  # noqa: PLC0415 - see below

    def proposed(situation: KernelSituation) -> Proposal | None:
        from installer.commands import kernel_changes  # noqa: PLC0415

        return kernel_changes.add(situation, entry_of(arguments), default=arguments.default)

    return _change(arguments, proposed)


def run_install(arguments: argparse.Namespace) -> int:
    """Add packages to a kernel."""

    def proposed(situation: KernelSituation) -> Proposal:
        from installer.commands import kernel_changes  # noqa: PLC0415

        return kernel_changes.install(situation, arguments.name, arguments.packages, arguments.pip)

    return _change(arguments, proposed)
