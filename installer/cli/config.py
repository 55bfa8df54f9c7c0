"""installer config: check the config, print its JSON Schema, show what it comes to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from installer.cli import output
from installer.cli.arguments import Commands
from installer.config.load import load
from installer.config.schema import schema
from installer.config.show import show
from installer.host import paths
from installer.host.errors import ExitCode


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    command = commands.add_parser("config", help="check, explain or show the config", description=__doc__)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, run, text in (
        ("check", run_check, "say whether the config can be used"),
        ("show", run_show, "print the config with every default filled in"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("file", nargs="?", type=Path, default=paths.CONFIG_FILE, help="default: %(default)s")
        verb.set_defaults(run=run)
    verb = verbs.add_parser("schema", help="print the JSON Schema, for editors", description="print the JSON Schema")
    verb.set_defaults(run=run_schema)


def run_check(arguments: argparse.Namespace) -> int:
    """Load it, which tells everything that is wrong."""
    load(arguments.file)
    output.out.print(f"{arguments.file} is fine.")
    return ExitCode.DONE


def run_show(arguments: argparse.Namespace) -> int:
    """Print what it comes to."""
    print(show(load(arguments.file)), end="")  # noqa: T201 - YAML, untouched by rich
    return ExitCode.DONE


def run_schema(_: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(schema(), indent=2))  # noqa: T201 - JSON, untouched by rich
    return ExitCode.DONE
