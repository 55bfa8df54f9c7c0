"""A headless Chromium that meets a machine as a person's browser does: by its name, trusting its CA."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.system.machine import Machine
from tests.system.machine_image import DOMAIN, HOSTNAME
from tests.system.machine_person import REPOSITORY, Person
from tests.system.machine_process import run

SITE = f"{HOSTNAME}.{DOMAIN}"


@contextmanager
def chromium(machine: Machine, home: Path, *, trusts: bool = True) -> Iterator[BrowserContext]:
    """A new browser of somebody who has fetched the machine's CA and trusts it.

    home: an empty directory for the browser's own files. trusts: False where the machine has no CA.
    """
    if trusts:
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


def open_lab(page: Page, person: Person) -> Locator:
    """Sign in on the login page, and return JupyterLab's launcher."""
    page.get_by_label("Username").fill(person.name)
    page.get_by_label("Password").fill(person.password or "")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"https://{SITE}/user/{person.name}/lab**")
    launcher = page.locator(".jp-Launcher")
    expect(launcher).to_be_visible()
    page.get_by_role("button", name="No", exact=True).click()  # JupyterLab asks once whether to show its news.
    return launcher


def open_notebook(page: Page, launcher: Locator, kernel: str) -> None:
    """Open a new notebook with a kernel, as the launcher calls it, and wait until that can be used."""
    launcher.locator("[data-category=Notebook]").get_by_title(kernel).click()
    await_kernel(page, kernel)


def await_kernel(page: Page, kernel: str) -> None:
    """Wait until the notebook on the page has that kernel, and it can be used."""
    expect(page.locator(".jp-NotebookPanel-toolbar").get_by_text(kernel)).to_be_visible()
    expect(page.get_by_role("button", name=f"{kernel} | Idle")).to_be_visible()


def run_cell(page: Page, number: int, code: str) -> Locator:
    """Type code into a cell and run it; returns its output."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    editor = cell.locator(".cm-content")
    editor.click()
    expect(editor).to_be_focused()
    page.keyboard.insert_text(code)
    expect(editor).to_contain_text(code.splitlines()[-1])
    page.keyboard.press("Shift+Enter")
    return cell.locator(".jp-OutputArea")


def listen(page: Page) -> list[str]:
    """What goes wrong in the page from now on."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.location['url']}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def screenshot(page: Page, machine: Machine, name: str) -> None:
    """Keep what the page looks like with the artefacts of the run."""
    page.screenshot(path=REPOSITORY / "artefacts" / f"{machine.suite}-{name}.png")


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
