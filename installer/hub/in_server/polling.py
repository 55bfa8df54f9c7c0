"""What programs ask of kernels by themselves, without anybody at work. Pure."""

from __future__ import annotations

_SUBSHELLS = ("create_subshell", "delete_subshell", "list_subshell")

MESSAGES = ("usage_request", "usage_reply", *(f"{name}_{way}" for name in _SUBSHELLS for way in ("request", "reply")))
"""Kernels' messages on the control channel that Jupyter's server doesn't know for such (`untracked_message_types`).

A kernel answers them in the middle of a cell, too, and says that it is idle again: idle with the answer. The server
would take that for the end of the cell; and the question, every five seconds from JupyterLab's view of a kernel's
usage, for somebody at work.
"""


def with_all(untracked: list[str]) -> list[str]:
    """The messages that the server leaves out of account, and those that it should."""
    return [*untracked, *(name for name in MESSAGES if name not in untracked)]
