"""Signals that ask us to stop: the first one interrupts, and what follows it goes undisturbed to its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a shutdown, a connection that is lost."""


def listen() -> None:
    """Have the first of them raise KeyboardInterrupt in the main thread; what the caller ignores (nohup) stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Take no notice of them in the block."""
    # A function, not SIG_IGN, which every program that is started from here would inherit.
    before = {number: signal.signal(number, _disregard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, _disregard)
    raise KeyboardInterrupt


def _disregard(_number: int, _frame: FrameType | None) -> None:
    """Somebody is impatient, but half-done would be worse."""
