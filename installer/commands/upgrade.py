"""Taking up what this version of the installer has: an apply that is for this alone, and says which versions change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from installer.commands import generations, older, versions
from installer.commands.situation import Situation, look
from installer.engine.plan import Plan
from installer.engine.store import Generation
from installer.host import paths
from installer.host.errors import Problem
from installer.resources import hub_database


@dataclass(frozen=True)
class Upgrade:
    """An upgrade that has been thought through, and not begun.

    newest: the generation that the host is in. versions: name, the version now ("" for none), and the one to come.
    database: the schema now and the one to come, None where it stays.
    """

    situation: Situation
    newest: Generation
    plan: Plan
    versions: tuple[tuple[str, str, str], ...]
    database: tuple[str, str] | None


def prepare() -> Upgrade:
    """See what would change; nothing is changed. Raises Problem where there is no hub, or a newer one."""
    store = generations.here()
    situation = look()
    plan = situation.plan()
    older.refuse_older(situation, plan)
    newest = store.generation(store.numbers()[-1])
    environment = paths.VENV.resolve()
    will = versions.locked(situation.site.facts.python)
    was = versions.installed(environment)
    refuse_older_hub(was.get("jupyterhub", ""), will["jupyterhub"], environment)
    changed = tuple((name, was.get(name, ""), now) for name, now in will.items() if was.get(name) != now)
    return Upgrade(situation, newest, plan, changed, migration(plan))


def migration(plan: Plan) -> tuple[str, str] | None:
    """From which schema to which a plan brings the hub's database; None where it leaves it."""
    return next(((schema, database.schema_wanted) for database, schema in hub_database.changed(plan.changes)), None)


def refuse_older_hub(was: str, will: str, environment: Path) -> None:
    """Raise Problem where another JupyterHub would be an older one. was: the version in use, "" if that isn't known."""
    if was and Version(was) > Version(will):
        raise Problem(
            f"this installer has JupyterHub {will}, and {was} is in use ({environment}): that would be no upgrade",
            "use the version of the installer that applied last, or a newer one; to go back to an earlier generation: "
            "sudo python3 -m installer rollback",
        )
