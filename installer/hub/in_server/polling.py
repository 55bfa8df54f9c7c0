"""What an open tab asks of a server and of kernels by itself, and what a person has it ask. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_READING = ("GET", "HEAD", "OPTIONS")
_SUBSHELLS = ("create_subshell", "delete_subshell", "list_subshell")

MESSAGES = ("usage_request", "usage_reply", *(f"{name}_{way}" for name in _SUBSHELLS for way in ("request", "reply")))
"""Kernels' messages on the control channel that Jupyter's server doesn't know for such (`untracked_message_types`).

A kernel answers them in the middle of a cell, too, and says that it is idle again: idle with the answer. The server
would take that for the end of the cell; and the question, every five seconds from JupyterLab's view of a kernel's
usage, for somebody at work.
"""


def is_use_of_api(method: str, path: str, base_url: str, query: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether a request to a server's API comes from what a person does.

    JupyterLab reads kernels, terminals and directories every ten seconds, and each time writes down how it looks
    (lab/api/workspaces), changed or not. What a person does comes to a request of another kind, to a kernel, or to
    the reading of a notebook or a file; where that is without its content, it is only about whether it has changed.
    """
    if method not in _READING:
        return not path.startswith(f"{base_url}lab/api/")
    kind, content = (query.get(name, (b"",))[-1] for name in ("type", "content"))
    opened = path.startswith(f"{base_url}api/contents/") and kind in {b"notebook", b"file"} and content != b"0"
    return opened and method == "GET"


def is_page(method: str, accepted: str) -> bool:
    """Whether a browser asks for a page to show; what the page then asks for by itself isn't asked for as HTML.

    accepted: its header Accept.
    """
    return method == "GET" and "text/html" in accepted.lower()


def with_all(untracked: list[str]) -> list[str]:
    """The messages that the server leaves out of account, and those that it should."""
    return [*untracked, *(name for name in MESSAGES if name not in untracked)]
