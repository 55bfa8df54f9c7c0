"""The main job on a server that has downloaded nothing yet: how much memory it takes (scripts/bench has the time)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, apply

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("bookworm")

KILOBYTES = 1_500_000
PSS = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'"


@contextmanager
def watched_memory(machine: Machine) -> Iterator[list[int]]:
    """Kilobytes that all processes together hold, shared pages counted once, looked at again and again."""
    seen: list[int] = []
    end = threading.Event()

    def watch() -> None:
        while not end.wait(1):
            seen.append(int(machine.run(PSS).stdout))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        end.set()
        watcher.join()


def test_cold_apply(server: Layer, record_property: Callable[[str, object], None]) -> None:
    with Machine(server, cold=True) as machine:
        with watched_memory(machine) as memory:
            result = apply(machine, ADMIN)
        record_property("seconds", result.seconds)
        record_property("kilobytes", max(memory))
        print(f"cold apply on {machine.suite}: {result.seconds:.0f} s, at most {max(memory) // 1000} MB")
        assert max(memory) < KILOBYTES
