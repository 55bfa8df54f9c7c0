"""Load a hub config the way the hub would, without starting it; run as the hub's account before a switch.

Exit 0 if a hub with it would come up, else 1 and one line saying where and what.

usage: python -I -m installer.hub.check_config FILE
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.hub.app import Hub
from installer.hub.config import BadConfig, culprit, one_line

PLACEHOLDERS = ("cookie_secret", "proxy_auth_token", "culler_token", "installer_token")


@contextmanager
def stand_in() -> Iterator[None]:
    """An empty working directory and, where systemd did not give the real ones, secrets that are none."""
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        if "CREDENTIALS_DIRECTORY" not in os.environ:
            for name in PLACEHOLDERS:
                Path(directory, name).write_text(secrets.token_hex(32))
            os.environ["CREDENTIALS_DIRECTORY"] = directory
        yield
        os.chdir("/")


async def load(file: Path) -> None:
    """Everything JupyterHub does before it listens, on a database in memory."""
    logging.disable(logging.CRITICAL)
    hub = Hub()
    try:
        await hub.initialize(["--config", str(file), "--JupyterHub.db_url=sqlite:///:memory:"])
    except BadConfig:
        raise
    except SystemExit as end:
        raise BadConfig(f"{file}: JupyterHub gave up on it (exit code {end.code})") from None
    except Exception as error:  # noqa: BLE001 - whatever it is, the hub would not come up
        raise BadConfig(f"{culprit(error, file)}: {one_line(error)}") from None


def main() -> int:
    """Check the one file named on the command line."""
    try:
        with stand_in():
            asyncio.run(load(Path(sys.argv[1])))
    except BadConfig as bad:
        print(bad, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
