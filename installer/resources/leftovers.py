"""Processes that a killed run has left behind, found by where they work: nothing else works in a half-built tree."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from installer.host.errors import Problem

_PATIENCE = 10.0


def end_processes(directory: Path, uid: int) -> None:
    """End every process of an account that works in or below `directory`. Raises Problem where one stays."""
    deadline = time.monotonic() + _PATIENCE
    while left := processes_in(directory, uid):
        if time.monotonic() > deadline:
            numbers = " ".join(map(str, left))
            raise Problem(
                f"processes of an earlier build in {directory} won't end: {numbers}",
                f"end them (kill -9 {numbers}), then run apply again",
            )
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def processes_in(directory: Path, uid: int) -> list[int]:
    """The processes of an account whose working directory is `directory` or below."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid == uid and (entry / "cwd").readlink().is_relative_to(directory):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended meanwhile, or is a zombie, which works nowhere
    return found
