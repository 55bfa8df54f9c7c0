"""A headless Chromium that meets a machine as a person's browser does: by its name, trusting its CA."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from tests.system.machine import Machine
from tests.system.machine_image import DOMAIN, HOSTNAME
from tests.system.machine_process import run

SITE = f"{HOSTNAME}.{DOMAIN}"


@contextmanager
def chromium(machine: Machine, home: Path) -> Iterator[BrowserContext]:
    """A new browser of somebody who has fetched the machine's CA and trusts it.

    home: an empty directory for the browser's own files.
    """
    _trust(machine, home)
    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-proxy-server",
        f"--host-resolver-rules=MAP {SITE} {machine.address}",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            home / "profile",
            executable_path=_in_network_of(machine, home),
            args=arguments,
            env={**os.environ, "HOME": str(home)},
            viewport={"width": 1180, "height": 620},
        )
        # The first start of everything, on a machine that others share.
        context.set_default_timeout(120_000)
        try:
            yield context
        finally:
            context.close()


def _in_network_of(machine: Machine, home: Path) -> Path:
    """A program that is Chromium in the machine's own network.

    In the host's, each other machine that comes or goes is a change of the network, on which Chromium drops what it is
    loading (ERR_NETWORK_CHANGED).
    """
    program = home / "chromium"
    program.write_text(f'#!/bin/sh\nexec nsenter --net=/run/netns/{machine.name} /usr/bin/chromium "$@"\n')
    program.chmod(0o755)
    return program


def _trust(machine: Machine, home: Path) -> None:
    """What docs/how-to/trust-the-ca.md tells a person with Chromium to do."""
    certificate, database = home / "jupyterhub-ca.crt", home / ".pki" / "nssdb"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://{machine.address}/{certificate.name}", timeout=60) as answer:
        certificate.write_bytes(answer.read())
    database.mkdir(parents=True)
    run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"])
    run(["certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", SITE, "-i", certificate])
