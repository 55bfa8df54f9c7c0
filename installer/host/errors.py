"""The one exception family of the installer: what went wrong, and what to do about it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller (see docs/reference/exit-codes.md)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DEGRADED = 3
    CHANGES = 4


class Problem(Exception):  # noqa: N818 - it is told to a person, not only to a programmer
    """Something that stops the installer, told in two lines and never with a traceback.

    what: one line saying what is wrong and where.
    hint: one line saying what to do.
    detail: further lines (a command's output, a journal's tail), printed between the two.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, hint: str, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.detail = detail


class ConfigProblem(Problem):
    """The config file can't be used as it is; nothing was changed."""

    exit_code = ExitCode.USAGE


class UsageProblem(Problem):
    """The command line doesn't say enough for it to be done; nothing was changed."""

    exit_code = ExitCode.USAGE


class Conflict(Problem):
    """Something on the host that isn't ours stands where ours should go; nothing was changed."""
