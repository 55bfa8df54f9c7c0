"""The command line: finds the command, runs it, and turns every problem into two lines and an exit code."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import traceback
from types import FrameType

from installer.cli import apply, config, diff, output, plan, status
from installer.host.errors import ExitCode, Problem

COMMANDS = (apply, plan, status, diff, config)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="installer",
        description="JupyterHub on this server: what /etc/jupyterhub/installer.yaml says, no more and no less.",
        epilog="Exit codes: 0 done or nothing to do, 1 failed and undone, 2 bad usage or config, 3 degraded, "
        "4 changes (plan --exit-code).",
    )
    top.add_argument("--debug", action="store_true", help="show every process that is run")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.register(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.debug else logging.WARNING, format="%(message)s")
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(arguments.run(arguments))
    except Problem as problem:
        output.complain(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        output.complain(Problem("interrupted; what had been changed was undone", "run the same command again"))
        return ExitCode.FAILED
    except BrokenPipeError:
        return ExitCode.FAILED
    except Exception:  # noqa: BLE001 - a mistake of ours must not look like the admin's
        with tempfile.NamedTemporaryFile("w", prefix="jupyterhub-installer-", suffix=".txt", delete=False) as report:
            traceback.print_exc(file=report)
        first = str(sys.exc_info()[1]).partition("\n")[0]
        output.complain(
            Problem(f"the installer made a mistake: {first}", f"please report it, with the details in {report.name}")
        )
        return ExitCode.FAILED


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
