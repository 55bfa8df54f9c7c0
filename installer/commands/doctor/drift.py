"""Drift: what `status` compares, in a line for each component."""

from __future__ import annotations

from collections.abc import Sequence

from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.commands.status import Component, components
from installer.host.errors import Conflict

AREA = "drift"


def look(server: Server) -> list[Finding]:
    """Plan, and change nothing."""
    try:
        return judge(components(server.known))
    except Conflict as conflict:
        return [problem(AREA, conflict.what, conflict.hint)]


def judge(parts: Sequence[Component]) -> list[Finding]:
    """Judge the components."""
    found = []
    for part in parts:
        if part.state == "healthy":
            continue
        first, more = part.findings[0], len(part.findings) - 1
        tail = f", and {more} more (installer status)" if more else ""
        how = "was changed by hand" if part.state == "drifted" else "is not as the config asks"
        found.append(warning(AREA, f"{part.name} {how}: {first}{tail}", APPLY))
    return found or [ok(AREA, "everything is as the last apply left it")]
