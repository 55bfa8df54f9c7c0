"""What was found wrong in a config file, and how it is told: where, what was expected, what to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.config.credentials import masked
from installer.config.yaml_text import inline
from installer.host.errors import ConfigProblem

KeyPath = tuple[str | int, ...]
"""The way from the top of the file to a key or a list's item: ("hub", "admin_users", 0)."""

_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in the file.

    advice: what to do; `example`, one line of YAML that is right, follows it.
    """

    line: int
    at: KeyPath
    wrong: str
    expected: str
    found: str
    example: str
    advice: str = "write"

    def what(self, file: Path) -> str:
        """The line that says where and what."""
        where = dotted(self.at) or "top level"
        return printable(f"{file}:{self.line}: {where}: {self.wrong}: expected {self.expected}, found {self.found}")

    @property
    def hint(self) -> str:
        """The line that says what to do."""
        return f"{self.advice}, for example: {self.example}"


def problem(file: Path, findings: Sequence[Finding]) -> ConfigProblem:
    """Tell all of them in one go: the first in full, the others below it."""
    first, *others = sorted(findings, key=lambda finding: (finding.line, dotted(finding.at)))
    return ConfigProblem(
        first.what(file), first.hint, "\n".join(f"{other.what(file)} ({other.hint})" for other in others)
    )


def dotted(at: KeyPath) -> str:
    """Write a key path the way people say it: hub.admin_users[0]."""
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.isidentifier() and part.isascii()
            text += ("." if text else "") + (part if plain else in_words(part))
    return text


def nested(at: KeyPath, value: object) -> str:
    """Write a key with its value as one line of YAML that is a whole config file."""
    for key in reversed([part for part in at if isinstance(part, str)]):
        value = {key: value}
    return inline(value, outermost=True)


def printable(text: str) -> str:
    """Escape what a terminal would act on instead of showing it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def in_words(value: object) -> str:
    """Say what a value is, on one line and without credentials."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        value = masked(value)
        cut = value if len(value) <= _LONGEST_QUOTE else value[:_LONGEST_QUOTE] + "…"
        return f'"{printable(cut)}"'
    return "a list" if isinstance(value, (list, tuple)) else "a section with keys of its own"
