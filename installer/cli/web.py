"""installer web: the site in front of the hub: close it for maintenance, put it behind another proxy."""

from __future__ import annotations

import argparse

from rich.markup import escape

from installer.cli import output
from installer.cli.arguments import Commands
from installer.commands import maintenance, snippets
from installer.commands.situation import look
from installer.host.errors import ExitCode


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    command = commands.add_parser("web", help="close the site, or put it behind another proxy", description=__doc__)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", required=True)
    text = "show people a page in place of the site, or the site again; what is running goes on"
    closing = verbs.add_parser("maintenance", help=text, description=text)
    closing.add_argument("state", choices=("on", "off"), help="on closes the site, off opens it again")
    closing.add_argument("--message", metavar="TEXT", help="what people read while it is closed")
    closing.set_defaults(run=run_maintenance)
    text = "print what another proxy is to be told, so that it leads to the hub (tls.mode: off)"
    printing = verbs.add_parser("snippet", help=text, description=text)
    printing.add_argument("proxy", choices=snippets.PROXIES, help="the proxy")
    printing.set_defaults(run=run_snippet)


def run_maintenance(arguments: argparse.Namespace) -> int:
    """Close the site, or open it again."""
    if arguments.state == "off":
        was_closed = maintenance.reopen()
        output.out.print("The site is open again." if was_closed else "The site was not closed.")
        return ExitCode.DONE
    site = look().site
    closed = maintenance.close(site, maintenance.DEFAULT if arguments.message is None else arguments.message)
    output.out.print(f"The site is closed: [bold]{escape(closed.message)}[/]")
    output.out.print("Servers and kernels go on. Whoever opens this address gets in all the same, in that browser:")
    output.out.print(f"  {escape(closed.link(site.url))}")
    output.out.print("[dim]open it again with: sudo python3 -m installer web maintenance off[/]")
    return ExitCode.DONE


def run_snippet(arguments: argparse.Namespace) -> int:
    """Print the configuration of another proxy."""
    print(snippets.snippet(arguments.proxy, look().site), end="")  # noqa: T201 - to be copied, untouched by rich
    return ExitCode.DONE
