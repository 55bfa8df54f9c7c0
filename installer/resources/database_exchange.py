"""The moments without a hub: stop it, keep its database, put another in its place, and start it again.

A process of its own (`python -m`, an Order as JSON on its standard input), so that it reaches its end, and the hub is
up again, whatever becomes of the installer meanwhile.
"""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

from pydantic import BaseModel

from installer.host import paths
from installer.host.errors import Problem
from installer.host.process import run
from installer.resources import database_copies


class Order(BaseModel):
    """What is to be done.

    now, schema: the schema that the database has, and is to have. environment: whose JupyterHub migrates it.
    copy_: what is put in its place instead. keep: whether what was there is kept.
    """

    now: str
    schema_: str
    environment: Path
    copy_: Path | None
    keep: bool


def carry_out(order: Order) -> None:
    """Do it, if the database is still what it was. Raises Problem; then the hub is stopped, its database as before."""
    paths.INSTALLER_RUN.mkdir(mode=0o755, exist_ok=True)
    with (paths.INSTALLER_RUN / "database.lock").open("w") as lock:
        # One that a killed installer has left at work comes to its end first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if database_copies.schema() != order.schema_:
            run(["systemctl", "stop", paths.HUB_UNIT], timeout=180)
            if order.keep:
                database_copies.keep(order.now)
            if order.copy_ is None:
                database_copies.replace(
                    paths.HUB_DATABASE, paths.HUB_DATABASE, order.schema_, migrating_with=order.environment
                )
            else:
                with database_copies.staged() as directory:
                    handed = database_copies.hand_over(order.copy_, directory)
                    database_copies.replace(handed, paths.HUB_DATABASE, order.schema_, migrating_with=None)
        # Whether it came up is for those to see who look at the unit.
        run(["systemctl", "start", paths.HUB_UNIT], timeout=200, check=False)


def main() -> int:
    """Carry the order out; returns the exit code. What is wrong is said in two lines."""
    try:
        carry_out(Order.model_validate_json(sys.stdin.read()))
    except Problem as problem:
        sys.stderr.write(f"{problem.what}\n{problem.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
