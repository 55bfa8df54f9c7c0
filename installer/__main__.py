"""python3 -m installer: refuses where it can't work, then goes on in an environment of its own.

Until then: standard library alone, and it parses on an old Python, so that it can say what is wrong.
"""

import sys

from installer import preflight


def main():
    # type: () -> int
    """Run the command line; returns the exit code."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    asks = not command or command == "config" or "-h" in sys.argv or "--help" in sys.argv
    try:
        preflight.check_python()
        if not asks:
            preflight.check_root(command)
        if command == "apply" and not asks:
            preflight.check_machine()
        from installer import bootstrap  # noqa: PLC0415 - it needs a newer Python than this file

        bootstrap.ensure_environment()
    except preflight.Refusal as refusal:
        sys.stderr.write("error: %s\nhint: %s\n" % (refusal.what, refusal.hint))
        return 1
    from installer.cli.main import main as run  # noqa: PLC0415 - only there in the environment of our own

    return run()


if __name__ == "__main__":
    sys.exit(main())
