"""Every check of the table, side by side, each for itself: what can't be looked at is told of, and holds up nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from installer.commands.doctor.finding import APPLY, Finding, Severity, problem
from installer.commands.doctor.server import Server
from installer.commands.doctor.server import look as look_at_server
from installer.commands.doctor.table import TABLE, Check, When
from installer.host.errors import Problem

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds for all checks but those of --deep; most take less than one."""
_REPORT = "please report it, with what `installer --debug doctor` prints"


@dataclass(frozen=True)
class Examined:
    """What was found, area by area in the table's order, and the seconds that it took."""

    findings: tuple[Finding, ...]
    seconds: float

    @property
    def healthy(self) -> bool:
        """Whether there is no problem; warnings may be."""
        return all(finding.severity is not Severity.PROBLEM for finding in self.findings)


def examine(*, deep: bool) -> Examined:
    """Look at everything; nothing is changed, but that --deep makes a throw-away member for a moment."""
    began = time.monotonic()
    server = look_at_server()
    wanted = [check for check in TABLE if check.when is When.ALWAYS or (server.begun and check.when is When.BEGUN)]
    findings = carried_out(wanted, server, _PATIENCE)
    if not server.begun:
        findings.insert(0, problem("hub", "nothing is installed here yet", APPLY))
    elif deep:
        # One after the other, and behind the rest: they take the machine's whole strength.
        for check in TABLE:
            if check.when is When.DEEP:
                findings += _made(check, server)
    return Examined(tuple(findings), time.monotonic() - began)


def carried_out(checks: Sequence[Check], server: Server, patience: float) -> list[Finding]:
    """The findings of some checks, in their order; of one that doesn't end in time, that."""
    results: dict[Check, list[Finding]] = {}

    def carry_out(check: Check) -> None:
        results[check] = _made(check, server)

    # Daemons: one that hangs in the kernel (a home on a server that is gone) must not keep us from ending.
    threads = [threading.Thread(target=carry_out, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    done = dict(results)
    return [finding for check in checks for finding in done.get(check, [_late(check, patience)])]


def _made(check: Check, server: Server) -> list[Finding]:
    try:
        return check.look(server)
    except Problem as trouble:
        if trouble is server.trouble:
            return []  # told of once, by the check of the state
        detail = trouble.detail.strip().splitlines()
        what = f"can't be looked at: {trouble.what}{': ' + detail[-1][:200] if detail else ''}"
        return [problem(check.area, what, trouble.hint)]
    except Exception as error:  # whatever is wrong with this machine, the rest is looked at too
        log.debug("the check of %s failed", check.area, exc_info=error)
        first = str(error).partition("\n")[0]
        return [problem(check.area, f"can't be looked at: {type(error).__name__}: {first}", _REPORT)]


def _late(check: Check, patience: float) -> Finding:
    what = f"can't be looked at within {patience:.0f} s: something that it asks doesn't answer"
    return problem(check.area, what, "see which process hangs (state D): ps axo pid,state,wchan:30,args | grep ' D '")
