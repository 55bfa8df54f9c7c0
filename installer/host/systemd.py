"""What systemd says of units, and the tail of their journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from installer.host.process import run

SERVERS = ("jupyter-*.scope", "jupyter-*.service")
"""Patterns for the units of people's servers: started by sudo, or by systemd."""

_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "InactiveExitTimestampMonotonic",
    "Result",
    "NRestarts",
    "NeedDaemonReload",
)


@dataclass(frozen=True)
class UnitState:
    """A unit as systemd sees it.

    started: seconds since boot (CLOCK_MONOTONIC) at which it last began to start; 0.0 for never.
    restarts: how often systemd has started it again by itself. stale: whether its files are newer than what is loaded.
    """

    name: str
    load: str
    active: str
    sub: str
    enabled: str
    started: float
    result: str
    restarts: int = 0
    stale: bool = False


def states(units: Sequence[str]) -> list[UnitState]:
    """The states of several units, asked for at once."""
    shown = run(["systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *units]).stdout
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown.strip().split("\n\n")]
    return [
        UnitState(
            name=unit,
            load=block["LoadState"],
            active=block["ActiveState"],
            sub=block["SubState"],
            enabled=block["UnitFileState"],
            started=int(block["InactiveExitTimestampMonotonic"] or 0) / 1e6,
            result=block.get("Result", ""),
            restarts=int(block.get("NRestarts") or 0),
            stale=block.get("NeedDaemonReload") == "yes",
        )
        for unit, block in zip(units, blocks, strict=True)
    ]


def journal_tail(unit: str, *, since: float | None = None, lines: int = 20) -> str:
    """The newest lines of a unit's journal.

    since: only what came after this time (seconds since the epoch).
    """
    window = [f"--since=@{since:.3f}"] if since is not None else []
    argv = ["journalctl", f"--unit={unit}", f"--lines={lines}", "--output=cat", "--no-pager", "--quiet", *window]
    return run(argv, check=False).stdout.strip()


def reload_manager() -> None:
    """Have systemd read unit files again. Raises Problem."""
    run(["systemctl", "daemon-reload"], timeout=120)
