"""What was measured, as a table for a terminal and for docs/, with the conditions it was measured under."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tests.system.machine_person import REPOSITORY

PAGE = REPOSITORY / "docs" / "explanation" / "measurements.md"


@dataclass(frozen=True)
class Row:
    """One thing that was measured several times."""

    what: str
    values: Sequence[float]
    unit: str = "s"


def table(rows: Sequence[Row]) -> str:
    """Medians and extremes, as Markdown."""
    lines = ["| | median | min | max | runs |", "|---|---|---|---|---|"]
    for row in rows:
        figures = (statistics.median(row.values), min(row.values), max(row.values))
        shown = " | ".join(_shown(figure, row.unit) for figure in figures)
        lines.append(f"| {row.what} | {shown} | {len(row.values)} |")
    return "\n".join(lines)


def _shown(figure: float, unit: str) -> str:
    digits = 2 if figure < 10 and unit in {"s", "ms"} else 1 if unit in {"s", "ms"} else 0
    return f"{figure:.{digits}f} {unit}".rstrip()


def conditions(suite: str, loads: Sequence[float]) -> str:
    """Where, when and beside what else it was measured.

    loads: what else wanted a processor, seen before each run.
    """
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    processors = f"{os.cpu_count()} processors ({model[1] if model else os.uname().machine})"
    return (
        f"{today}, {suite}, {processors}, {memory:.0f} GB; "
        f"load of the host just before each run: median {statistics.median(loads):.1f}, at most {max(loads):.1f}."
    )


def load() -> float:
    """How many processes of the host wanted a processor in the last minute."""
    return os.getloadavg()[0]


def write(part: str, text: str, page: Path = PAGE) -> None:
    """Put a part's text between its two markers in the page; the rest of the page stays."""
    begin, end = f"<!-- bench: {part} -->", f"<!-- end: {part} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise ValueError(f"{page} has no place for {part}: it lacks {begin} or {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
