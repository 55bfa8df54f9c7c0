"""python3 -m installer: refuses where it can't work, then goes on in an environment of its own.

Until it knows the Python it runs on: standard library alone, in a grammar that an old one can parse.
"""

import os
import sys

UNPRIVILEGED = ("config",)
"""Commands that only read what anyone may read."""


def main():
    # type: () -> int
    """Run the command line; returns the exit code."""
    prepare_process()
    from installer import preflight

    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    only_asks = command in ("", *UNPRIVILEGED) or "-h" in sys.argv or "--help" in sys.argv
    try:
        preflight.check_python()
        if not only_asks and not started_again():
            preflight.check_root(command)
            if command in ("apply", "upgrade", "restore"):
                preflight.check_machine()
    except preflight.Refusal as refusal:
        return refuse(refusal.what, refusal.hint)
    except OSError as error:
        return refuse("this machine can't be looked at: %s" % error, "see that /proc and /etc are as they should be")
    try:
        if command == "uninstall" and not only_asks and not started_again():
            ended = without_environment("--dry-run" in sys.argv)
            if ended is not None:
                return ended
        return in_own_environment()
    except KeyboardInterrupt:
        return refuse("interrupted; nothing was changed", "run the same command again")


def started_again():
    # type: () -> bool
    """Whether this is the second start, in the private environment: what the first one has seen holds."""
    from installer.bootstrap import STARTED_IN

    return STARTED_IN in os.environ


def refuse(what, hint):
    # type: (str, str) -> int
    """Say what is wrong and what to do, and leave nothing; returns the exit code."""
    from installer.bootstrap import CHECKOUT, leave_no_bytecode

    leave_no_bytecode(CHECKOUT)
    sys.stderr.write("error: %s\nhint: %s\n" % (what, hint))
    return 1


def prepare_process():
    # type: () -> None
    """Make this process independent of who started it: umask, standard streams that may be closed, bytecode."""
    # Directories that packages and tools make on the way are for everybody, whatever the admin's umask.
    os.umask(0o022)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Else the next file that is opened gets this number, and what is printed would go into it.
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            if null != number:
                os.close(null)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    # In a person's checkout, root's files would be in that person's way. Those of the very start are removed later.
    checkout = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    if getattr(sys, "pycache_prefix", None) is None and os.stat(checkout).st_uid != os.geteuid():
        sys.dont_write_bytecode = True


def without_environment(dry_run):
    # type: (bool) -> int | None
    """Uninstall where nothing is installed, which must not install anything; None where there is something to do."""
    from installer.bootstrap import CHECKOUT, leave_no_bytecode
    from installer.host import remains
    from installer.host.errors import Problem

    if not remains.never_began():
        return None
    try:
        return remains.leave(dry_run=dry_run)
    except Problem as problem:
        return refuse(problem.what, problem.hint)
    finally:
        leave_no_bytecode(CHECKOUT)


def in_own_environment():
    # type: () -> int
    """Go on in the private environment, where the libraries are; on the way there, nothing returns."""
    from installer.bootstrap import ensure_environment

    try:
        ensure_environment(root=os.geteuid() == 0)
    except Exception as problem:
        from installer.host.errors import Problem

        if not isinstance(problem, Problem):
            raise
        lines = ["error: " + problem.what] + ["  " + line for line in problem.detail.splitlines()]
        sys.stderr.write("\n".join([*lines, "hint: " + problem.hint, ""]))
        return int(problem.exit_code)
    from installer.cli.main import main as run_command_line

    code = run_command_line()
    sys.stderr.flush()
    # All is written: to take the interpreter's thousands of objects apart first is a good part of a short command.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
