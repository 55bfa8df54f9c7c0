"""Whether the hub of another server environment can use the database as it is."""

from __future__ import annotations

import json
from pathlib import Path

from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run

_PROGRAM = Path(__file__).parents[1] / "hub" / "database_schema.py"
_DATABASE = paths.HUB_STATE / "jupyterhub.sqlite"


def refuse_other_schema(environment: Path, generation: int) -> None:
    """Raise Problem where that environment's JupyterHub would not start with the database that there is.

    generation: the one that it is asked for.
    """
    files.uid_of(paths.HUB_USER)  # says so where somebody has deleted the account
    argv: list[str | Path] = [environment / "bin" / "python", "-I", "-", _DATABASE]
    try:
        # By its standard input, since the hub's user may not be able to read the checkout; and as that user, who wrote
        # the database and could have put anything into it.
        said = run(argv, stdin=_PROGRAM.read_text(encoding="utf-8"), user=paths.HUB_USER)
        answer = json.loads(said.stdout)
        schema, known = answer["database"], answer["known"]
    except CommandFailed as failed:
        raise Problem(
            f"the server environment of generation {generation}, {environment}, doesn't work any more, "
            f"or can't read {_DATABASE}",
            failed.hint,
            failed.detail,
        ) from failed
    trouble = misfit(schema, known)
    if trouble is not None:
        copies = sorted(str(file) for file in _DATABASE.parent.glob(f"{_DATABASE.name}.*"))
        raise Problem(
            f"{_DATABASE} {trouble}: the hub of generation {generation} would not start with it",
            "with the hub stopped, put a copy from the time of that generation in its place, then try again; "
            + (f"there are: {', '.join(copies)}" if copies else "there is none beside it: see your backups"),
        )


def misfit(schema: str | None, known: list[str]) -> str | None:
    """Why a JupyterHub that knows these schemas, its own first, refuses a database; None where it doesn't.

    schema: the database's; None for one that is empty, or not there yet.
    """
    if schema is None or schema == known[0]:
        return None
    if schema in known:
        return f"has the schema {schema}, from before that version's {known[0]}"
    return f"has the schema {schema}, of a newer version of JupyterHub; that one has {known[0]}"
