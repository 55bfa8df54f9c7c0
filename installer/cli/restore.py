"""installer restore: make this machine the hub that a backup is of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.markup import escape

from installer.cli import apply, output
from installer.cli.arguments import Commands
from installer.cli.backup import tell
from installer.commands import restore
from installer.commands.alone import alone
from installer.commands.restore_archive import unpacked
from installer.commands.situation import Situation, look
from installer.host import paths
from installer.host.errors import ExitCode, Problem
from installer.host.interruption import undisturbed
from installer.host.invoker import asking

if TYPE_CHECKING:
    from installer.commands.apply import Applied


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("restore", help="make this server the hub of a backup", description=__doc__)
    command.add_argument("file", help="a backup that `installer backup` has made, or - for standard input")
    command.add_argument("--dry-run", action="store_true", help="check the backup and this server, and change nothing")
    command.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")
    command.add_argument(
        "--replace", action="store_true", help="also where there is a hub already, after a backup of that"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, show, ask where somebody can answer, put in place, apply, sum up."""
    source = "the backup" if arguments.file == "-" else arguments.file
    with alone("restore"):
        tell(f"checking {source}")
        with _opened(arguments.file) as stream, unpacked(stream, source, paths.RESTORE_STAGE) as found:
            restoration = restore.prepare(found)
            if not arguments.replace:
                restore.refuse_occupied(restoration)
            for line in _told(restoration):
                output.out.print(line, markup=False)
            if arguments.dry_run:
                output.out.print("The backup is whole. Nothing was changed.")
                return ExitCode.DONE
            if output.terminal() and not arguments.yes and not output.agreed("Restore it?"):
                output.out.print("Nothing was changed.")
                return ExitCode.DONE
            if restoration.occupied is not None:
                kept = restore.keep_what_is_here(tell)
                output.out.print(f"What was here is in {kept.path}", markup=False)
            with undisturbed():
                restore.put_in_place(restoration, tell)
        situation, applied = _applied()
    for line in apply.summary(situation, applied):
        output.out.print(line)
    for name in restoration.strangers:
        output.note(f"[yellow]no account here:[/] {escape(name)}, who could log in; sudo adduser {escape(name)}, "
                    f"then sudo gpasswd --add {escape(name)} {paths.MEMBERS_GROUP}")  # fmt: skip
    return ExitCode.DEGRADED if applied.generation.degraded else ExitCode.DONE


def _applied() -> tuple[Situation, Applied]:
    # An HTTP client and more that what has been refused so far needn't wait for.
    from installer.commands.apply import apply as make_it_so  # noqa: PLC0415

    try:
        situation = look()
        return situation, make_it_so(situation, situation.plan(), asking(), output.Progress())
    except Problem as problem:
        raise Problem(
            problem.what, f"{problem.hint} (the backup's files are in place: apply goes on from there)", problem.detail
        ) from problem


def _told(restoration: restore.Restoration) -> Iterator[str]:
    manifest = restoration.unpacked.manifest
    yield f"Backup of {manifest.host}, {manifest.at}, by version {manifest.version}: {len(manifest.items)} files"
    yield f"  members   {', '.join(restoration.members) or 'nobody who has an account here'}"
    if restoration.strangers:
        yield f"            without an account here: {', '.join(restoration.strangers)}"
    kernels = ", ".join(kernel.name for kernel in restoration.config.kernels) or "none"
    other = f"; anew, since {manifest.machine} is another kind of machine" if restoration.other_machine else ""
    yield f"  kernels   {kernels}{other}"
    for left_out in manifest.left_out:
        yield f"  not in it {left_out}"
    if restoration.occupied is not None:
        yield f"  here      {restoration.occupied}: it is backed up, then replaced"
        for path in restoration.extra:
            yield f"            not in the backup, and removed: {path}"


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        if sys.stdin.isatty():
            raise Problem(
                "standard input is a terminal, not a backup", "name a file, or: age --decrypt FILE | … restore -"
            )
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise Problem(f"{file} can't be read: {error.strerror}", "see that the path is right") from error
    with stream:
        yield stream
