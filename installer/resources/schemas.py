"""The schemas of the hub's database, as alembic names them: those that a JupyterHub knows, its own first."""

from __future__ import annotations

import re
from pathlib import Path

from installer.host.errors import Problem
from installer.resources.revision_id import CHECKOUT

LIST = "server.schemas"
"""Beside server.txt: what the JupyterHub knows that is locked there, for a plan to tell before anything is built."""

_REVISION = re.compile(r"^(down_)?revision = (?:['\"](\w+)['\"]|None)", re.MULTILINE)


def of_locks(checkout: Path = CHECKOUT) -> tuple[str, ...]:
    """The schemas that the locked JupyterHub knows."""
    return tuple((checkout / "installer" / "locks" / LIST).read_text(encoding="ascii").split())


def of_environment(revision: Path) -> tuple[str, ...]:
    """The schemas that the JupyterHub of a server environment knows, by its migrations, which are root's own files.

    None where they aren't there.
    """
    found = revision.glob("lib/python3*/site-packages/jupyterhub/alembic/versions/*.py")
    return chain([file.read_text(encoding="utf-8") for file in found])


def chain(migrations: list[str]) -> tuple[str, ...]:
    """The schemas that these migrations make, the last one first. Raises Problem where they are no single line."""
    before: dict[str, str | None] = {}
    for text in migrations:
        said = {bool(down): name or None for down, name in _REVISION.findall(text)}
        if (name := said.get(False)) is not None:
            before[name] = said.get(True)
    ends = set(before) - set(before.values())
    ordered: list[str] = []
    at = ends.pop() if len(ends) == 1 else None
    while at is not None and at in before:
        ordered.append(at)
        at = before[at]
    if len(ordered) != len(before):
        raise Problem(
            "the migrations of JupyterHub's database are no single line, and this version follows no other",
            "use a newer version of the installer",
        )
    return tuple(ordered)
