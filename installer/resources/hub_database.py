"""The hub's database: of the schema that its JupyterHub works with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from installer.engine.plan import Change
from installer.engine.resource import Attributes, Resource
from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.resources import database_copies, schemas
from installer.resources.database_exchange import Order
from installer.resources.revision_id import CHECKOUT

_ROOM = 20_000_000
"""Bytes that are to stay free beside the copies."""


class HubDatabase(Resource):
    """The hub's database, once there is one, of the schema that a server environment's JupyterHub works with.

    An older one is migrated; one that it doesn't know is replaced by a copy of it from before, if that was asked for.
    Each time a copy of what was there is kept, the hub stands still meanwhile, and it has been tried out before.
    A database elsewhere, which the admin's own settings name, is not looked at.

    environment: where that JupyterHub is. known: the schemas that it knows, its own first.
    returning: the copy to return to, where that was asked for. undoing: it is to be what it was when a run began.
    """

    kind: ClassVar[str] = "database"
    kept: ClassVar[bool] = True

    environment: Path
    known: tuple[str, ...]
    returning: Path | None = None
    undoing: bool = False

    @property
    def name(self) -> str:
        """Its path."""
        return str(paths.HUB_DATABASE)

    @property
    def provides(self) -> tuple[str, ...]:
        """Its path."""
        return (self.name,)

    @property
    def schema_wanted(self) -> str:
        """The schema that it is to have."""
        return self.known[0]

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """All that the hub's start needs: it comes last before that, since the hub stands still for it."""
        secrets = (
            paths.COOKIE_SECRET,
            paths.PROXY_AUTH_TOKEN,
            paths.CULLER_TOKEN,
            paths.INSTALLER_TOKEN,
            paths.PEOPLE_TOKEN,
            paths.APPS_TOKEN,
            paths.AUTH_STATE_KEY,
        )
        sockets = (
            paths.PAM_SOCKET_UNIT,
            paths.CHANGE_SOCKET_UNIT,
            paths.SUDO_SOCKET_UNIT,
            paths.ADOPT_SOCKET_UNIT,
            paths.START_SOCKET_UNIT,
            paths.ACCOUNT_SOCKET_UNIT,
        )
        return (
            f"account:{paths.HUB_USER}",
            f"environment:{self.environment}",
            f"unit:{paths.UNITS / paths.HUB_UNIT}",
            f"file:{paths.HUB_CONFIG}",
            f"file:{paths.AUTH_RULES}",
            f"link:{paths.VENV}",
            *(f"service:{unit}" for unit in (paths.PROXY_UNIT, *sockets)),
            *(f"secret:{path}" for path in secrets),
        )

    @property
    def tried_with(self) -> tuple[str, ...]:
        """The environment whose JupyterHub migrates it."""
        return () if self.undoing else (f"environment:{self.environment}",)

    def wanted(self) -> Attributes:
        """The schema."""
        return {"schema": self.schema_wanted}

    def probe(self) -> Attributes | None:
        """The schema that it has; where there is no database yet, the one that is wanted: the hub makes it so."""
        try:
            return {"schema": database_copies.schema() or self.schema_wanted}
        except Problem as problem:
            return {"schema": problem.what.removeprefix(f"{self.name} ")}

    def rehearse(self, before: Attributes | None) -> None:
        """Do to a copy what is to be done to it. Raises Problem."""
        self._check_knows()
        self._check_room()
        with database_copies.staged() as directory:
            copied = database_copies.copy_into(directory)
            source = self._source(str(before and before["schema"]))
            migrating = self.environment if source is None else None
            tried = copied if source is None else database_copies.hand_over(source, directory)
            try:
                database_copies.replace(tried, copied, self.schema_wanted, migrating_with=migrating)
            except Problem as problem:
                raise Problem(
                    f"{problem.what} (tried on a copy: the database itself is as it was, and the hub at work)",
                    problem.hint,
                ) from problem

    def realize(self, before: Attributes | None) -> None:
        """Stop the hub, keep a copy, migrate it or return to a copy, and start the hub again."""
        now = database_copies.schema()
        if now in {"", self.schema_wanted}:
            return
        if not self.undoing:  # on the way back there is no other hub than that of then
            self._check_configuration()
        order = Order(
            now=now,
            schema_=self.schema_wanted,
            environment=self.environment,
            copy_=self._source(now),
            keep=not self.undoing,
        )
        words: list[str | Path] = [sys.executable, "-m", "installer.resources.database_exchange"]
        try:
            run(
                words,
                stdin=order.model_dump_json(),
                env={"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
                timeout=2 * database_copies.LONGEST,
            )
        except CommandFailed as failed:
            what, _, hint = failed.detail.rpartition("\n")
            raise Problem(what or "the hub's database can't be exchanged", hint or failed.hint) from failed

    def remove(self) -> None:
        """It goes with the directory that it is in."""

    def as_before(self, before: Attributes, text: str | None) -> Resource | None:
        """Of the schema that it had, from the copy that was kept."""
        return self.model_copy(update={"known": (str(before["schema"]),), "returning": None, "undoing": True})

    def settled(self) -> Resource:
        """Without the copy, which counts once."""
        return self.model_copy(update={"returning": None, "undoing": False})

    def _source(self, now: str) -> Path | None:
        """The copy that is to be in its place; None where it can be migrated. Raises Problem where there is neither."""
        if now in self.known:
            return None
        if self.returning is not None:
            return self.returning
        copy = database_copies.newest(self.schema_wanted) if self.undoing else None
        if copy is None:
            raise Problem(
                f"{paths.HUB_DATABASE} has the schema {now}, which the JupyterHub in {self.environment} doesn't know",
                "use the version of the installer that applied last, or a newer one",
            )
        return copy.path

    def _check_knows(self) -> None:
        found = schemas.of_environment(self.environment)
        if found[:1] != self.known[:1]:
            raise Problem(
                f"the JupyterHub in {self.environment} works with the schema {found[0] if found else 'of no version'}, "
                f"and {self.schema_wanted} was expected",
                "please report it: installer/locks/server.schemas does not fit server.txt",
            )

    def _check_configuration(self) -> None:
        python = self.environment / "bin" / "python"
        try:
            run([python, "-I", "-m", "installer.hub.check_config", paths.HUB_CONFIG], user=paths.HUB_USER, timeout=120)
        except CommandFailed as failed:
            raise Problem(
                f"{paths.HUB_UNIT} was not stopped for its database: its configuration is refused",
                "mend what is named above, then run the same command again",
                failed.detail,
            ) from failed

    def _check_room(self) -> None:
        size = paths.HUB_DATABASE.lstat().st_size
        for place, needed in ((paths.INSTALLER_STATE, 3 * size), (paths.HUB_STATE, size)):
            status = os.statvfs(place)
            free = status.f_bavail * status.f_frsize
            if free < needed + _ROOM:
                raise Problem(
                    f"{place} has {free // 1_000_000} MB free, and copies of the hub's database need "
                    f"{(needed + _ROOM) // 1_000_000} MB there",
                    f"make room on that file system (df -h {place}), then run the same command again",
                )


def changed(changes: Iterable[Change]) -> Iterator[tuple[HubDatabase, str]]:
    """The hub's database, where it is among what changes and was there before; and the schema that it had."""
    for change in changes:
        if isinstance(change.resource, HubDatabase) and change.before is not None:
            yield change.resource, str(change.before["schema"])
