"""installer kernel: the conda environments that notebooks run in: add, change, look at, take back, take away."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from installer.cli.arguments import Commands, add_verb
from installer.kernels.revisions import KEPT


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    command = commands.add_parser("kernel", help="add, change and look at kernels", description=__doc__)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, place: str, text: str) -> argparse.ArgumentParser:
        return add_verb(verbs, name, partial(_run, name, place), text)

    def of_one(name: str, place: str, text: str) -> argparse.ArgumentParser:
        made = verb(name, place, text)
        made.add_argument("name", metavar="NAME", help="the kernel")
        return made

    listing = verb("list", "reports", "list the kernels")
    showing = of_one("show", "reports", "show all there is to know of a kernel")
    packing = of_one("packages", "reports", "list what is in a kernel")
    past = of_one("history", "reports", "list a kernel's switches from one revision to the next")
    checking = of_one("check", "reports", "compare every file of a kernel, and run a cell in it")
    for each in (listing, showing, packing, past, checking):
        each.add_argument("--json", action="store_true", help="print it for programs")

    adding = of_one("add", "changes", "add a kernel")
    source = adding.add_mutually_exclusive_group()
    source.add_argument("--recipe", metavar="R", help="the recipe to make it by (default: the one called NAME)")
    source.add_argument("--file", type=Path, metavar="environment.yml", help="an environment file to make it from")
    source.add_argument("--lock", type=Path, metavar="FILE", help="a lock to make it from, byte for byte")
    adding.add_argument("--packages", nargs="+", metavar="PKG", default=[], help="conda packages to put into it")
    adding.add_argument("--pip", nargs="+", metavar="PKG", default=[], help="packages that only pip has")
    adding.add_argument("--display-name", metavar="TEXT", help="what launchers say")
    adding.add_argument("--default", action="store_true", help="give it to new notebooks")
    adding.add_argument(
        "--replace", action="store_true", help="also where there is a kernel NAME already, in whose place it is"
    )

    installing = of_one("install", "changes", "add packages to a kernel, changing as little else as possible")
    installing.add_argument("packages", nargs="*", metavar="PKG", help="conda packages")
    installing.add_argument("--pip", nargs="+", metavar="PKG", default=[], help="packages that only pip has")
    uninstalling = of_one("uninstall", "changes", "take out packages that had been added to a kernel")
    uninstalling.add_argument("packages", nargs="+", metavar="PKG", help="packages")
    updating = of_one("update", "changes", "bring a kernel, or packages of it, to the newest versions that fit")
    updating.add_argument("packages", nargs="*", metavar="PKG", help="packages (default: all)")
    updating.add_argument("--python", metavar="VERSION", help="go to this version of Python, 3.13 say")
    for each in (adding, installing, uninstalling, updating):
        each.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        each.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")

    going_back = of_one("rollback", "switches", "go back to an earlier revision of a kernel")
    going_back.add_argument("revision", nargs="?", metavar="REV", help="which (default: the one before)")
    of_one("rebuild", "switches", "make a kernel anew of the same packages, where files of it were damaged")
    of_one("remove", "switches", "take a kernel away; what runs of it goes on")
    collecting = verb("gc", "switches", "remove revisions and packages that nothing needs")
    collecting.add_argument("--keep", type=int, default=KEPT, metavar="N", help="revisions to keep: %(default)s")
    of_one("lock", "reports", "print the lock of a kernel; `add --lock` makes the same one of it elsewhere")


def _run(name: str, place: str, arguments: argparse.Namespace) -> int:
    """Run a verb, which is in one of the modules beside this one: what looks needn't wait for what builds."""
    run: Callable[[argparse.Namespace], int] = getattr(import_module(f"installer.cli.kernel_{place}"), f"run_{name}")
    return run(arguments)
