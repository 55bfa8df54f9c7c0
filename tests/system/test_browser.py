"""What a person sees: the login page, JupyterLab, and what a cell says, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.system.browser import SITE, chromium
from tests.system.machine import Machine
from tests.system.machine_person import REPOSITORY, add_person

CELL = """\
from ipywidgets import IntSlider

print("sum of the first hundred squares:", sum(n * n for n in range(1, 101)))
slider = IntSlider(value=41, description="drag me")
slider"""


@pytest.fixture
def browser(applied_clone: Machine, tmp_path: Path) -> Iterator[BrowserContext]:
    expect.set_options(timeout=60_000)
    with chromium(applied_clone, tmp_path) as context:
        yield context
        _screenshot(context.pages[0], applied_clone, "last")  # where it got stuck, if it did


def test_a_member_computes(applied_clone: Machine, browser: BrowserContext) -> None:
    """From the bare address through login to a cell's output and a widget that moves, and no error on the way."""
    grace = add_person(applied_clone, "grace", "a nanosecond is a foot", groups=["jupyterhub-users"])
    page = browser.pages[0]
    complaints = _listen(page)

    page.goto(f"https://{SITE}/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    _screenshot(page, applied_clone, "login")
    page.get_by_label("Username").fill(grace.name)
    page.get_by_label("Password").fill(grace.password or "")
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url(f"https://{SITE}/user/{grace.name}/lab**")
    launcher = page.locator(".jp-Launcher")
    expect(launcher).to_be_visible()
    page.get_by_role("button", name="No", exact=True).click()  # JupyterLab asks once whether to show its news.
    _screenshot(page, applied_clone, "launcher")

    launcher.locator("[data-category=Notebook]").get_by_title("Python 3 (ipykernel)").click()
    expect(page.locator(".jp-NotebookPanel-toolbar").get_by_text("Python 3 (ipykernel)")).to_be_visible()
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible()
    first = _run_cell(page, 0, CELL)
    expect(first).to_contain_text("sum of the first hundred squares: 338350")
    first.get_by_role("slider").press("ArrowRight")
    expect(first.locator(".widget-readout")).to_have_text("42")
    expect(_run_cell(page, 1, "slider.value")).to_have_text(re.compile(r"\b42$"))
    _screenshot(page, applied_clone, "jupyterlab")
    assert complaints == []


def _run_cell(page: Page, number: int, code: str) -> Locator:
    """Type code into a cell and run it; returns its output."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    editor = cell.locator(".cm-content")
    editor.click()
    expect(editor).to_be_focused()
    page.keyboard.insert_text(code)
    expect(editor).to_contain_text(code.splitlines()[-1])
    page.keyboard.press("Shift+Enter")
    return cell.locator(".jp-OutputArea")


def _listen(page: Page) -> list[str]:
    """What goes wrong in the page from now on."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.location['url']}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def _screenshot(page: Page, machine: Machine, name: str) -> None:
    page.screenshot(path=REPOSITORY / "artefacts" / f"{machine.suite}-{name}.png")
