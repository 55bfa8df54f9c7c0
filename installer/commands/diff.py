"""What was changed by hand: the host against the last generation, whatever the config asks for now."""

from __future__ import annotations

from installer.engine.plan import Plan, make_plan
from installer.engine.store import Store
from installer.host import paths
from installer.host.errors import Problem
from installer.resources.kinds import KINDS


def drift() -> Plan:
    """The changes that would bring back what the last apply left. Raises Problem before the first apply."""
    store = Store(paths.INSTALLER_STATE, KINDS)
    newest = store.newest()
    if newest is None:
        raise Problem("nothing has been applied on this machine yet", "run: sudo python3 -m installer apply")
    recorded = store.resources_of(newest)
    return make_plan(tuple(recorded.values()), recorded)
