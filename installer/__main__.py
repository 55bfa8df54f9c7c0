"""python3 -m installer: refuses where it can't work, then goes on in an environment of its own.

Until it knows the Python it runs on: standard library alone, in a grammar that an old one can parse.
"""

import os
import sys

from installer import preflight

UNPRIVILEGED = ("config",)
"""Commands that only read what anyone may read."""


def main():
    # type: () -> int
    """Run the command line; returns the exit code."""
    # Whatever the caller's is: with a wide one, what is being built or written could be changed by any account.
    os.umask(0o022)
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    only_asks = command in ("", *UNPRIVILEGED) or "-h" in sys.argv or "--help" in sys.argv
    try:
        preflight.check_python()
        if not only_asks:
            preflight.check_root(command)
        if command == "apply" and not only_asks:
            preflight.check_machine()
    except preflight.Refusal as refusal:
        sys.stderr.write("error: %s\nhint: %s\n" % (refusal.what, refusal.hint))
        return 1
    return in_own_environment()


def in_own_environment():
    # type: () -> int
    """Go on in the private environment, where the libraries are; on the way there, nothing returns."""
    from installer.bootstrap import ensure_environment
    from installer.host.errors import Problem

    try:
        ensure_environment(root=os.geteuid() == 0)
    except Problem as problem:
        lines = ["error: " + problem.what] + ["  " + line for line in problem.detail.splitlines()]
        sys.stderr.write("\n".join([*lines, "hint: " + problem.hint, ""]))
        return int(problem.exit_code)
    from installer.cli.main import main as run_command_line

    return run_command_line()


if __name__ == "__main__":
    sys.exit(main())
