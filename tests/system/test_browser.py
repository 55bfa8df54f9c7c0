"""What a person sees: the login page, JupyterLab, and what a cell says, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.browser import SITE, await_kernel, chromium, listen, open_lab, open_notebook, run_cell, screenshot
from tests.system.machine import Machine
from tests.system.machine_person import add_person

pytestmark = pytest.mark.only_on("sid")

CELL = """\
from ipywidgets import IntSlider

print("sum of the first hundred squares:", sum(n * n for n in range(1, 101)))
slider = IntSlider(value=41, description="drag me")
slider"""
THEIRS = {
    "cells": [],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
"""A notebook that was made with somebody else's Jupyter."""


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[[Machine], Page]]:
    """The page of a new browser that meets a machine."""
    expect.set_options(timeout=60_000)
    with ExitStack() as stack:

        def browse(machine: Machine) -> Page:
            page = stack.enter_context(chromium(machine, tmp_path)).pages[0]
            stack.callback(screenshot, page, machine, "last")  # where it got stuck, if it did
            return page

        yield browse


def test_a_member_computes(applied_clone: Machine, browse: Callable[[Machine], Page]) -> None:
    """From the bare address through login to a cell's output and a widget that moves, and no error on the way."""
    grace = add_person(applied_clone, "grace", "a nanosecond is a foot", groups=["jupyterhub-users"])
    page = browse(applied_clone)
    complaints = listen(page)

    page.goto(f"https://{SITE}/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    screenshot(page, applied_clone, "login")
    launcher = open_lab(page, grace)
    screenshot(page, applied_clone, "launcher")
    open_notebook(page, launcher, "Python 3 (ipykernel)")
    _compute(page)
    screenshot(page, applied_clone, "jupyterlab")
    assert complaints == []


def test_a_member_computes_in_a_kernel_environment(
    kernels_applied_clone: Machine, browse: Callable[[Machine], Page]
) -> None:
    """The kernel's widgets show in the server's JupyterLab; and a notebook from elsewhere opens without a question."""
    machine = kernels_applied_clone
    grace = add_person(machine, "grace", "a nanosecond is a foot", groups=["jupyterhub-users"])
    machine.put("/home/grace/theirs.ipynb", json.dumps(THEIRS), owner="grace")
    page = browse(machine)
    complaints = listen(page)

    page.goto(f"https://{SITE}/")
    launcher = open_lab(page, grace)
    screenshot(page, machine, "kernels")
    open_notebook(page, launcher, "Python 3.11")
    _compute(page)
    assert complaints == []

    page.goto(f"https://{SITE}/user/grace/lab/tree/theirs.ipynb")
    await_kernel(page, "Python 3.11")


def _compute(page: Page) -> None:
    first = run_cell(page, 0, CELL)
    expect(first).to_contain_text("sum of the first hundred squares: 338350")
    first.get_by_role("slider").press("ArrowRight")
    expect(first.locator(".widget-readout")).to_have_text("42")
    expect(run_cell(page, 1, "slider.value")).to_have_text(re.compile(r"\b42$"))
