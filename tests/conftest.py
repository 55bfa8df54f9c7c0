"""Options of the test command, for every kind of test."""

from __future__ import annotations

import pytest

from tests.system.machine_image import SUITES


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("machines")
    group.addoption(
        "--suite",
        action="append",
        choices=SUITES,
        help="run the system tests on this suite (may be given several times; all when not given)",
    )
    group.addoption(
        "--reuse-applied",
        action="store_true",
        help="boot the applied machines from an earlier apply of the same code, if there was one",
    )
    group.addoption(
        "--every-moment",
        action="store_true",
        help="kill runs at every moment of theirs (takes minutes); by default, at every fourth one",
    )
