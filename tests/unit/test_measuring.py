"""The tables of scripts/bench, and their places in docs/."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import REPOSITORY
from tests.system.measuring.table import PAGE, Row, conditions, table, write

PARTS = ("apply", "second-apply", "hub-start", "spawn", "crowd", "memory", "kernels", "front", "first-load")


def test_a_table_has_medians_and_extremes() -> None:
    rows = [
        Row("apply", [61.26, 40.0, 50.0]),
        Row("plan", [0.5, 0.25]),
        Row("memory", [301.4], "MB"),
        Row("wait", [0.521], "ms"),
    ]
    assert table(rows).splitlines() == [
        "| | median | min | max | runs |",
        "|---|---|---|---|---|",
        "| apply | 50.0 s | 40.0 s | 61.3 s | 3 |",
        "| plan | 0.38 s | 0.25 s | 0.50 s | 2 |",
        "| memory | 301 MB | 301 MB | 301 MB | 1 |",
        "| wait | 0.52 ms | 0.52 ms | 0.52 ms | 1 |",
    ]


def test_a_table_tells_what_else_was_going_on() -> None:
    assert "bookworm" in conditions("bookworm", [0.1, 3.0, 0.2])
    assert conditions("bookworm", [0.1, 3.0, 0.2]).endswith("median 0.2, at most 3.0.")


def test_a_part_is_written_over_its_own_figures_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- bench: a -->\nold\n<!-- end: a -->\n\nkept\n\n<!-- bench: b -->\n<!-- end: b -->\n")
    write("a", "new", page)
    write("a", "newer", page)
    assert page.read_text() == (
        "# A\n\n<!-- bench: a -->\n\nnewer\n\n<!-- end: a -->\n\nkept\n\n<!-- bench: b -->\n<!-- end: b -->\n"
    )
    with pytest.raises(ValueError, match="no place for c"):
        write("c", "new", page)


def test_the_page_has_a_place_for_every_part_that_is_measured() -> None:
    assert tuple(re.findall(r"<!-- bench: (\S+) -->", PAGE.read_text())) == PARTS


def test_it_is_started_by_the_systems_python_which_has_none_of_the_tests_packages() -> None:
    """As scripts/test is: until it is in the environment that it makes, it stands on the standard library alone."""
    for script in ("bench", "test"):
        read = f"import runpy; runpy.run_path({str(REPOSITORY / 'scripts' / script)!r}, run_name='read')"
        began = subprocess.run([sys.executable, "-I", "-S", "-c", read], check=False, capture_output=True, text=True)
        assert began.returncode == 0, began.stderr
