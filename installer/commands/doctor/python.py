"""The system's Python under the server environment, as a distribution upgrade leaves it."""

from __future__ import annotations

import platform

from installer.commands.base_python import Base
from installer.commands.base_python import look as look_at_base
from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths

AREA = "Python"


def look(_: Server) -> list[Finding]:
    """Ask the environment's Python for its version."""
    base = look_at_base(platform.python_version())
    if base is None:
        return [problem(AREA, f"{paths.VENV} is not there: no server environment is in use", APPLY)]
    return judge(base)


def judge(base: Base) -> list[Finding]:
    """Judge it."""
    if base.broken:
        return [problem(AREA, f"{base.broken} (was the distribution upgraded?)", APPLY)]
    if base.outdated:
        return [warning(AREA, f"{base.outdated}: the distribution will not mend that one any more", APPLY)]
    return [ok(AREA, f"{base.runs}, as the server environment was built with {base.built}")]
