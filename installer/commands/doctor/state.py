"""The config and the installer's own state: they can be read, and no newer version has written them."""

from __future__ import annotations

from installer.commands.doctor.finding import Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.host.errors import ConfigProblem, Problem

AREA = "state"


def look(server: Server) -> list[Finding]:
    """Read all of it."""
    if server.situation is None:
        trouble = server.trouble or Problem("nothing is known of this server", "sudo python3 -m installer plan")
        return [_told(trouble)]
    store = server.situation.store
    try:
        for number in store.numbers():
            store.generation(number)
        store.managed()
        store.left()
    except Problem as trouble:
        return [_told(trouble)]
    except OSError as error:
        return [
            problem(
                AREA, f"{paths.INSTALLER_STATE} can't be read: {error}", f"see: sudo ls -la {paths.INSTALLER_STATE}"
            )
        ]
    numbers = store.numbers()
    return [ok(AREA, f"generation {numbers[-1]}" if numbers else "no apply has come to its end yet")]


def _told(trouble: Problem) -> Finding:
    config = (
        f"edit {paths.CONFIG_FILE}: "
        if isinstance(trouble, ConfigProblem) and not trouble.hint.startswith("edit")
        else ""
    )
    detail = f" ({trouble.detail.splitlines()[0].strip()})" if trouble.detail else ""
    return problem(AREA, f"{trouble.what}{detail}", f"{config}{trouble.hint}")
