"""installer backup: config, secrets, the hub's database and the kernels' locks, in one file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands import backup
from installer.config.load import load_file
from installer.engine.lock import exclusive
from installer.host import paths
from installer.host.errors import ExitCode, Problem


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "backup", help="put what makes this hub into one file; people's homes are not in it", description=__doc__
    )
    command.add_argument(
        "file",
        nargs="?",
        help="where it goes: a new file, a directory, or - for standard output; else backup.directory",
    )
    command.add_argument(
        "--scheduled",
        action="store_true",
        help="as the timer does: into backup.directory, and remove those of the timer's beyond backup.keep",
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make it; exit with 3 where something had to be left out."""
    if arguments.scheduled and arguments.file is not None:
        raise _bad_usage("--scheduled takes no file: it goes where the config says", "leave one of them out")
    piped = arguments.file == "-"
    if piped and sys.stdout.isatty():
        raise _bad_usage(
            "a backup is not for reading: standard output is a terminal",
            "send it on, for example: sudo python3 -m installer backup - | age --passphrase > hub.tar.gz.age",
        )
    with exclusive(paths.LOCK, "backup"):
        backup.refuse_without_hub()
        loaded = load_file(paths.CONFIG_FILE)
        if piped:
            made = backup.backup_into(sys.stdout.fileno(), loaded, tell)
        elif arguments.scheduled:
            made = backup.scheduled(loaded, tell)
        else:
            target = Path(arguments.file).absolute() if arguments.file is not None else None
            made = backup.backup_to(target, loaded, tell)
    for each in made.left_out:
        output.note(f"[yellow]left out:[/] {escape(each)}")
    say = output.err if piped else output.out
    say.print(f"{made.path or 'Written'}: {made.files} files, {-(-made.size // 1024)} KB", markup=False)
    for path in made.removed:
        say.print(f"removed {path}", markup=False)
    return ExitCode.DEGRADED if made.left_out else ExitCode.DONE


def tell(doing: str) -> None:
    """A line for what is being done now; to standard error, since the other may be the backup itself."""
    output.note(f"[dim]{escape(doing)} ...[/]")


def _bad_usage(what: str, hint: str) -> Problem:
    problem = Problem(what, hint)
    problem.exit_code = ExitCode.USAGE
    return problem
