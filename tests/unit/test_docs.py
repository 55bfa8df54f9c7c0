"""The documentation says what is: generated pages are up to date, links lead somewhere, exit codes are told of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from installer.cli.reference import command_line_page
from installer.features.layout import layout_page
from installer.host import paths
from installer.host.errors import ExitCode
from tests.system.attack_page import attacks_page

CHECKOUT = Path(__file__).parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize(
    ("page", "write"),
    [("attacks.md", attacks_page), ("command-line.md", command_line_page), ("layout.md", layout_page)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_generated_pages_are_up_to_date(page: str, write: Callable[[], str]) -> None:
    assert (CHECKOUT / "docs/reference" / page).read_text(encoding="utf-8") == write(), "run scripts/docs"


def anchors(page: Path) -> set[str]:
    """The names that headings can be linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    index = CHECKOUT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page != index} <= linked


def test_the_readme_names_what_is_there() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    accounts = {paths.HUB_USER, paths.PROXY_USER, paths.CULLER_USER, paths.BUILD_USER, paths.MEMBERS_GROUP}
    assert all(re.search(rf"\b{name}\b", readme) for name in {*accounts, paths.USERS_SLICE, str(paths.HUB_API_PORT)})


def test_exit_codes_are_told_of() -> None:
    page = (CHECKOUT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == set(ExitCode)
