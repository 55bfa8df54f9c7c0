"""The hub's pages about passwords, as a browser uses them; and the helper behind them, as the hub asks it."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from tests.system.machine import Machine
from tests.system.visitor import Visitor

CHANGE, SIGN_UP, ANSWERS = "/hub/change-password", "/hub/signup", "/hub/sign-ups"
SOCKET = "/run/jupyterhub-password.sock"

# Sends a line to a socket, and prints the answer.
_TALK = """if True:
    import socket, sys
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(sys.argv[1])
        connection.sendall(sys.stdin.buffer.read())
        connection.shutdown(socket.SHUT_WR)
        print(connection.makefile().readline().strip())
"""


def send_form(visitor: Visitor, path: str, **fields: str | list[str]) -> httpx.Response:
    """Open a page, fill in its form, and return what that leads to."""
    field = re.search(r'name="_xsrf"\s+value="([^"]+)"', visitor.get(path).text)
    assert field, visitor.get(path).text
    return visitor.submit(path, {**fields, "_xsrf": field[1]})  # type: ignore[dict-item]


def change(visitor: Visitor, current: str, new: str, again: str | None = None) -> httpx.Response:
    """Change the password of whoever visits."""
    return send_form(visitor, CHANGE, current=current, new=new, again=new if again is None else again)


def sign_up(visitor: Visitor, name: str, password: str, again: str | None = None, about: str = "") -> httpx.Response:
    """Ask for a name."""
    word = password if again is None else again
    return send_form(visitor, SIGN_UP, username=name, password=password, again=word, about=about)


def is_in(visitor: Visitor) -> bool:
    """Whether the hub takes them for somebody."""
    return visitor.get("/hub/home", follow=False).status_code == httpx.codes.OK


def said(page: httpx.Response) -> str:
    """What the page has against what was filled in."""
    found = re.search(r'class="login_error">(.*?)</p>', page.text, re.DOTALL)
    return found[1].strip().replace("&#39;", "'") if found else ""


def ask_helper(machine: Machine, question: object, *, user: str = "jupyter") -> dict[str, Any]:
    """Ask the helper that changes passwords. {} where it doesn't answer."""
    text = question if isinstance(question, str) else json.dumps(question) + "\n"
    done = machine.run(["python3", "-c", _TALK, SOCKET], user=user, cwd="/", stdin=text, check=False)
    return dict(json.loads(done.stdout)) if done.ok and done.stdout.strip() else {}
