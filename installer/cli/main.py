"""The command line: finds the command, runs it, and turns every problem into two lines and an exit code."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from installer.cli import output
from installer.host import interruption
from installer.host.errors import ExitCode, Problem

COMMANDS = (
    "apply", "upgrade", "plan", "status", "diff", "doctor", "generations", "rollback", "kernel", "user", "config",
    "backup", "restore", "uninstall", "web",
)  # fmt: skip
"""Each is a module beside this one."""


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The command line: of the command that `argv` names (importing the others takes time), else of all."""
    top = argparse.ArgumentParser(
        prog="installer",
        description="JupyterHub on this server: what /etc/jupyterhub/installer.yaml says, no more and no less.",
        epilog="Exit codes: 0 done or nothing to do, 1 failed and undone, 2 bad usage or config, 3 degraded, "
        "4 changes (plan --exit-code).",
    )
    top.add_argument("--debug", action="store_true", help="show every process that is run")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    named = next((word for word in argv if not word.startswith("-")), "")
    for name in [named] if named in COMMANDS else COMMANDS:
        import_module(f"installer.cli.{name}").register(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    arguments = parser(words).parse_args(words)
    gc.freeze()
    gc.enable()
    logging.basicConfig(level=logging.DEBUG if arguments.debug else logging.WARNING, format="%(message)s")
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    # Kernels take minutes: how they come along is for everybody to see.
    logging.getLogger("installer.resources.kernel").setLevel(logging.INFO)
    interruption.listen()
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except Problem as problem:
        output.complain(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        # That nothing was changed is more than is known here: a collection, say, may have removed something by then.
        hint = "run the same command again: it goes on from what there is"
        output.complain(Problem("interrupted before it came to its end", hint))
        return ExitCode.FAILED
    except BrokenPipeError:
        # Nobody reads on; nor shall Python try to write the rest, and complain, at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as mistake:  # noqa: BLE001 - a mistake of ours must not look like the admin's
        first = str(mistake).partition("\n")[0] or type(mistake).__name__
        output.complain(
            Problem(f"the installer made a mistake: {first}", f"please report it, with the details in {_report()}")
        )
        return ExitCode.FAILED
    return code


def _report() -> str:
    """Write down the exception in hand, for those who mend it. Returns where."""
    prefix, suffix = "jupyterhub-installer-", ".txt"
    for directory in (None, "/run", "/dev/shm"):  # noqa: S108 - what is full or read-only may be what led here
        with suppress(OSError):
            with tempfile.NamedTemporaryFile("w", prefix=prefix, suffix=suffix, dir=directory, delete=False) as report:
                traceback.print_exc(file=report)
            return report.name
    return traceback.format_exc()
