"""What every member's server runs of ours, as the member: an extension of Jupyter's server.

Its settings are in the config that root writes for all servers (JUPYTER_CONFIG_PATH), which comes before a member's
own. It is the member's process all the same: what it does is for them, and nothing that protects others is here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAME = __name__


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Where Jupyter's server finds it."""
    return [{"module": NAME}]


def _load_jupyter_server_extension(serverapp: Any) -> None:  # noqa: ANN401 - packages of the server environment alone
    """Called by Jupyter's server, before it answers."""
    # Not for whoever only wants to know that the extension is there.
    from installer.hub.in_server import shared  # noqa: PLC0415
    from installer.hub.in_server.watch import Watch  # noqa: PLC0415

    told = serverapp.config.get("Shared", {})
    shared.prepare(Path.home(), told.get("links", {}), told.get("variables", {}), serverapp.log)
    serverapp.io_loop.add_callback(Watch(parent=serverapp).keep_looking)
