"""A person's server: jupyterhub-singleuser, in which what belongs to the hub is read in only when it is used.

jupyterhub's code for servers shares modules with the hub, and so every server would read in the hub's pages, its
database layer and SQLAlchemy, none of which it ever uses: half of its start, and a fifth of its memory. Nothing of
jupyterhub's or SQLAlchemy's is changed: whatever does ask for something of them gets the real thing, later.

It stands in the environment's bin as jupyterhub-singleuser-quick, and is run by the environment's own Python.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from installer.hub.homes import trouble

STAND_INS: dict[str, tuple[str, type] | None] = {
    "jupyterhub.orm": None,
    "jupyterhub.roles": None,
    "sqlalchemy": None,
    # jupyterhub.log, for each answer: is it one of the hub's health page? No server has that.
    "jupyterhub.handlers.pages": ("HealthCheckHandler", object),
    # jupyterhub.utils, around the hub's handlers: an error of the database?
    "sqlalchemy.exc": ("SQLAlchemyError", Exception),
}
"""Modules that can wait; and the class of one that is asked for at once, of which nothing in a server is an instance,
with that class's base."""


class StandIn(ModuleType):
    """In a module's place; asked for more than it has itself, it makes room for the module, and so do all others."""

    def __getattr__(self, name: str) -> object:
        """What the real module has."""
        # Of all that everybody asks of any module, only the way to a package's modules means that one is wanted.
        if name.startswith("__") and (name != "__path__" or "." in self.__name__):
            raise AttributeError(name)
        for other in STAND_INS:
            if isinstance(sys.modules.get(other), StandIn):
                del sys.modules[other]
        return getattr(importlib.import_module(self.__name__), name)


def stand_in() -> None:
    """Put one in the place of each."""
    for name, own in STAND_INS.items():
        sys.modules[name] = StandIn(name)
        if own is not None:
            setattr(sys.modules[name], own[0], type(own[0], (own[1],), {"__module__": name}))


def check_home() -> None:
    """End here where the home doesn't do: jupyterhub-singleuser would with a traceback, or go on half-way."""
    home = Path.home()
    if found := trouble(home, os.environ):
        print(f"The server was not started: {home}: {found}", file=sys.stderr)  # noqa: T201 - the journal
        sys.exit(found)


def main() -> None:
    """Be jupyterhub-singleuser."""
    check_home()
    stand_in()
    importlib.import_module("jupyterhub.singleuser").main()


if __name__ == "__main__":
    main()
