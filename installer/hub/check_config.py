"""Load a hub config the way the hub would, without starting it; run as the hub's account before a switch.

Exit 0 if a hub with it would come up and could show its pages, else 1 and one line saying where and what.

usage: python -I -m installer.hub.check_config FILE [HERE=THERE ...]

HERE is where something was copied to, THERE what people know it as: that is what they are told.
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

from installer.hub import check_pages
from installer.hub.app import Hub
from installer.hub.config import BadConfig, additions, assigned_at, culprit, one_line
from installer.hub.sign_in import SignIn, Unreadable

PLACEHOLDERS = (
    "cookie_secret",
    "proxy_auth_token",
    "culler_token",
    "installer_token",
    "people_token",
    "apps_token",
    "client_secret",
    "auth_state_key",
    "ldap_password",
)


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
    # The instance: what encrypts the state of logins looks for its settings there.
    hub = Hub.instance()
    try:
        await hub.initialize(["--config", str(file), "--JupyterHub.db_url=sqlite:///:memory:"])
    except BadConfig:
        raise
    except SystemExit as end:
        raise BadConfig(f"{file}: JupyterHub gave up on it (exit code {end.code})") from None
    except Exception as error:  # noqa: BLE001 - whatever it is, the hub would not come up
        raise BadConfig(f"{culprit(error, file)}: {one_line(error)}") from None
    refuse_unreadable(hub.authenticator)
    refuse_taken_port(hub.hub.port, [file, *additions(file)])
    await check_pages.check(hub)


def refuse_unreadable(authenticator: object) -> None:
    """Refuse lists of people and of names that can't be read, or say what nobody understands."""
    sign_in = getattr(authenticator, "sign_in", None)
    if isinstance(sign_in, SignIn):
        try:
            sign_in.rules()
            sign_in.naming()
        except Unreadable as why:
            raise BadConfig(str(why)) from None


def refuse_taken_port(port: int, files: list[Path]) -> None:
    """Refuse a port that another account's program listens on; one of this account's is the hub that runs now."""
    holders = {uid for uid in listening_accounts(port) if uid != os.geteuid()}
    if holders:
        named = ", ".join(f"account {uid}" for uid in sorted(holders))
        place = assigned_at("JupyterHub", "hub_bind_url", files)
        raise BadConfig(f"{place}: port {port}, where the hub should listen, is held by a program of {named}")


def listening_accounts(port: int) -> Iterator[int]:
    """The uids of those who listen on a TCP port (proc(5), /proc/net/tcp: state 0A)."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield int(fields[7])


def main() -> int:
    """Check the file named on the command line."""
    try:
        with stand_in():
            asyncio.run(load(Path(sys.argv[1])))
    except BadConfig as bad:
        told = str(bad)
        for here, _, there in (word.partition("=") for word in sys.argv[2:]):
            told = told.replace(here, there)
        print(told, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
