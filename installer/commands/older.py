"""What an older version of the installer must not do: go on from what a newer one has made."""

from __future__ import annotations

from packaging.version import Version

from installer.commands.situation import Situation
from installer.engine.plan import Plan
from installer.host import paths
from installer.host.errors import Problem
from installer.host.version import VERSION
from installer.resources import hub_database

_HINT = (
    "use the version of the installer that applied last, or a newer one; the way back to what an older one had made "
    "is: sudo python3 -m installer rollback"
)


def refuse_older(situation: Situation, plan: Plan) -> None:
    """Raise Problem where a newer version of the installer, or of JupyterHub, was here."""
    newest = situation.store.newest()
    if newest is not None and newest.version and Version(newest.version) > Version(VERSION):
        raise Problem(
            f"version {newest.version} of the installer applied generation {newest.number}, and this is {VERSION}, "
            "an older one",
            _HINT,
        )
    for database, schema in hub_database.changed(plan.changes):
        if schema.startswith("can't"):
            raise Problem(
                f"the hub's database, {paths.HUB_DATABASE}, {schema}",
                "see what is wrong with it: sudo python3 -m installer doctor; a backup from before can be restored "
                "(installer restore --replace)",
            )
        if schema not in database.known:
            raise Problem(
                f"{paths.HUB_DATABASE} has the schema {schema}, of a newer version of JupyterHub than this installer's",
                _HINT,
            )
