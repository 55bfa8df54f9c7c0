"""The hub's database on the way back to an earlier generation: migrated, where that can be; else a copy from before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.host.system_python import system_python
from installer.resources import database_copies, schemas
from installer.resources.database_copies import Copy
from installer.resources.hub_database import HubDatabase

_SINCE = Path(__file__).parents[1] / "libexec" / "database_since.py"


@dataclass(frozen=True)
class Lost:
    """What is not in a copy: users and tokens that came since, and whose servers have been started since."""

    users: tuple[str, ...]
    tokens: int
    servers: tuple[str, ...]


@dataclass(frozen=True)
class Return:
    """A copy that the database is to be replaced by, and what that loses."""

    copy: Copy
    lost: Lost


def fitting(environment: Path, generation: int) -> tuple[HubDatabase | None, Return | None]:
    """The database as a generation's JupyterHub needs it; and what is to be asked before it gets it, if anything.

    environment: its server environment. None for one whose JupyterHub isn't known.
    Raises Problem where it can be had neither by migrating nor from a copy.
    """
    files.uid_of(paths.HUB_USER)  # says so where somebody has deleted the account
    known = schemas.of_environment(environment)
    if not known:
        return None, None
    resource = HubDatabase(feature="hub", environment=environment, known=known)
    schema = database_copies.schema()
    if schema in {"", *known}:
        return resource, None
    copy = database_copies.newest(known[0], since=generation)
    if copy is None:
        beside = sorted(str(each.path) for each in database_copies.kept())
        raise Problem(
            f"{paths.HUB_DATABASE} has the schema {schema}, of a newer version of JupyterHub than generation "
            f"{generation} has, which works with {known[0]}; and the copy from before is gone",
            "with the hub stopped, put a copy from the time of that generation in its place (owner jupyter, mode "
            "0600), then try again; " + (f"there are: {', '.join(beside)}" if beside else "see your backups"),
        )
    return resource.model_copy(update={"returning": copy.path}), Return(copy, _lost_since(copy))


def _lost_since(copy: Copy) -> Lost:
    words: list[str | Path] = [system_python(), "-I", "-", paths.HUB_DATABASE, copy.at.strftime("%Y-%m-%d %H:%M:%S")]
    try:
        said = run(words, stdin=_SINCE.read_text(encoding="utf-8"), user=paths.HUB_USER)
        found = json.loads(said.stdout)
        return Lost(tuple(map(str, found["users"])), int(found["tokens"]), tuple(map(str, found["servers"])))
    except CommandFailed as failed:
        raise Problem(f"{paths.HUB_DATABASE} can't be read", failed.hint, failed.detail) from failed
