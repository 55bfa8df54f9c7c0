"""Apps: something listens where nginx sends their visitors, and directories of static files are there."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from installer.commands.doctor.finding import Finding, ok, warning
from installer.commands.doctor.server import Server
from installer.config.apps import App
from installer.host import paths

AREA = "apps"
_PATIENCE = 1.0


def look(server: Server) -> list[Finding]:
    """Connect to each of them, as nginx does."""
    return judge([(app, _missing(app)) for app in server.known.site.config.apps])


def judge(apps: Sequence[tuple[App, str]]) -> list[Finding]:
    """Judge what came of each, "" being that it is there."""
    mend = f"start it, or take it out of `apps` in {paths.CONFIG_FILE}"
    found = [warning(AREA, f"{app.path}: {missing}", mend) for app, missing in apps if missing]
    return found or [ok(AREA, f"all {len(apps)} are there" if apps else "none")]


def _missing(app: App) -> str:
    if app.root is not None:
        return "" if Path(app.root).is_dir() else f"there is no directory {app.root}"
    assert app.upstream is not None  # noqa: S101 - an app has the one or the other
    try:
        with _connected(app.upstream):
            return ""
    except OSError as error:
        return f"nothing answers at {app.upstream} ({error.strerror or error})"


def _connected(upstream: str) -> socket.socket:
    if not upstream.startswith("unix:"):
        where = urlsplit(upstream)
        host = "127.0.0.1" if where.hostname == "localhost" else where.hostname
        return socket.create_connection((host, where.port or 80), timeout=_PATIENCE)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_PATIENCE)
    try:
        connection.connect(upstream.removeprefix("unix:"))
    except OSError:
        connection.close()
        raise
    return connection
