"""What a kernel is at: it may work in several threads, its shells, and tells of each when it begins and has done.

Jupyter's server takes the last word for the whole kernel's: whoever touches a slider, which JupyterLab has a shell of
its own for, while a cell in the main one is silent, would have made that kernel idle.

Source: jupyter_client's documentation, "Messaging in Jupyter" (subshells, protocol 5.5). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Shells:
    """The shells of a kernel that are at work.

    counts: whether requests of a kind are work (`track_message_type`).
    """

    def __init__(self, counts: Callable[[str | None], bool]) -> None:
        self._counts = counts
        self._process = ""
        self._at_work: set[str | None] = set()

    @property
    def busy(self) -> bool:
        """Whether one of them is."""
        return bool(self._at_work)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in what a kernel publishes."""
        header, parent = message["header"], message.get("parent_header") or {}
        if header.get("session") != self._process:  # it was started again
            self._process = header.get("session", "")
            self._at_work.clear()
        if header["msg_type"] != "status" or not self._counts(parent.get("msg_type")):
            return
        shell = parent.get("subshell_id")
        if message["content"]["execution_state"] == "busy":
            self._at_work.add(shell)
        else:
            self._at_work.discard(shell)
