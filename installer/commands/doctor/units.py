"""Units: there, enabled, running, as systemd has read them, and not started over and over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from installer.commands import health
from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import systemd
from installer.host.process import run
from installer.host.systemd import UnitState

AREA = "units"
_MANY_RESTARTS = 3


def look(server: Server) -> list[Finding]:
    """Ask systemd."""
    states = systemd.states(health.units(server.situation.site if server.situation else None))
    return judge(states, {state.name: _last_line(state.name) for state in states if state.active != "active"})


def judge(states: Sequence[UnitState], said: Mapping[str, str]) -> list[Finding]:
    """Judge the units; said: the last line in the journal of those that don't run."""
    found = [finding for state in states for finding in _judged(state, said.get(state.name, ""))]
    return found or [ok(AREA, f"all {len(states)} run")]


def _judged(state: UnitState, said: str) -> list[Finding]:
    name = state.name
    if state.load == "masked":
        return [
            problem(AREA, f"{name} is masked", f"sudo systemctl unmask {name} && sudo systemctl enable --now {name}")
        ]
    if state.load == "not-found":
        return [problem(AREA, f"{name} is not there", APPLY)]
    found = []
    if state.active == "failed":
        found.append(
            problem(AREA, f"{name} has failed ({state.result}){_quoted(said)}", f"sudo systemctl restart {name}")
        )
    elif state.sub == "auto-restart":
        why = f"{name} ends again and again ({state.result}){_quoted(said)}"
        found.append(problem(AREA, why, f"see why, and mend that: sudo journalctl --unit={name} --since=-5min"))
    elif state.active == "inactive":
        found.append(problem(AREA, f"{name} does not run", f"sudo systemctl start {name}"))
    elif state.restarts >= _MANY_RESTARTS:
        why = f"{name} has ended {state.restarts} times by itself since it was last started by hand"
        mend = f"see why (journalctl --unit={name}); then have it counted anew: sudo systemctl reset-failed {name}"
        found.append(warning(AREA, why, mend))
    if state.enabled == "disabled":
        found.append(problem(AREA, f"{name} will not be started at the next boot", f"sudo systemctl enable {name}"))
    if state.stale:
        why = f"{name}'s file, or a drop-in of it, is newer than what systemd has read"
        found.append(warning(AREA, why, "sudo systemctl daemon-reload"))
    return found


def _quoted(said: str) -> str:
    return f": {said}" if said else ""


def _last_line(unit: str) -> str:
    """What the unit's own processes have said last; where they have said nothing, what systemd says of it."""
    words = ["journalctl", f"_SYSTEMD_UNIT={unit}", "--boot", "--lines=5", "--output=cat", "--no-pager", "--quiet"]
    said = run(words, check=False, timeout=5).stdout.strip() or systemd.journal_tail(unit, lines=1)
    return said.splitlines()[-1].strip()[:300] if said else ""
