"""What `installer user` has done with the people of a hub that keeps names and passwords itself.

Run as the hub's account. The wish is one JSON object on standard input, as passwords are in it; the answer goes to
standard output, as JSON.

usage: python -I -m installer.hub.people_command DATABASE < WISH
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from installer.hub.passwords import hashed
from installer.hub.people import People, StoreTrouble


def list_(people: People, _: Mapping[str, Any]) -> object:
    """All, without what is kept of passwords."""
    shown = ("name", "about", "since", "approved", "once")
    return [{name: getattr(entry, name) for name in shown} for entry in people.everybody()]


def give(people: People, wish: Mapping[str, Any]) -> object:
    """Let somebody in with a password that has to be changed at the first login."""
    people.give(wish["name"], hashed(wish["password"]), wish["uid"], once=True)
    return [wish["name"]]


def rename(people: People, wish: Mapping[str, Any]) -> object:
    """Give somebody another name."""
    return people.rename(wish["name"], wish["new"], wish["uid"])


WISHES: Mapping[str, Callable[[People, Mapping[str, Any]], object]] = {
    "list": list_,
    "give": give,
    "rename": rename,
    "approve": lambda people, wish: people.approve(wish["names"]),
    "reject": lambda people, wish: people.reject(wish["names"]),
    "forget": lambda people, wish: people.forget(wish["names"]),
}


def main() -> int:
    """Carry out the one wish."""
    wish = json.load(sys.stdin)
    try:
        done = WISHES[wish["wish"]](People(Path(sys.argv[1])), wish)
    except StoreTrouble as trouble:
        print(trouble, file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps(done))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
