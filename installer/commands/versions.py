"""Which versions a server environment has of what an admin knows by name, and which ones another would have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from installer.resources.revision_id import CHECKOUT

_PROXY = "configurable-http-proxy"
_LOCKED = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<when>.*?))? \\$", re.MULTILINE)
_PYTHON = re.compile(r"python_full_version (?P<how><|>=) '(?P<version>[0-9.]+)'")


def locked(python: str, checkout: Path = CHECKOUT) -> dict[str, str]:
    """The versions that this installer's lists have for a Python, of what they were made to have."""
    locks = checkout / "installer" / "locks"
    found = {
        said["name"]: said["version"]
        for said in _LOCKED.finditer((locks / "server.txt").read_text(encoding="utf-8"))
        if all(_holds(python, each["how"], each["version"]) for each in _PYTHON.finditer(said["when"] or ""))
    }
    asked = [name for name in _asked(locks / "server.in") if name in found]
    return {name: found[name] for name in asked} | _proxy(locks / "proxy" / "package-lock.json")


def installed(revision: Path) -> dict[str, str]:
    """The versions of all packages in a server environment, as their own records say it."""
    found = {}
    for record in sorted(revision.glob("lib/python3*/site-packages/*.dist-info")):
        name, _, version = record.name.removesuffix(".dist-info").partition("-")
        found[_plain(name)] = version
    return found | _proxy(revision / "package-lock.json")


def ordered(version: str) -> tuple[int, ...]:
    """The numbers of a version, to be compared."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _asked(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        said = re.match(r"[A-Za-z0-9_.-]+", line)
        if said is not None:
            yield _plain(said[0])


def _proxy(lock: Path) -> dict[str, str]:
    try:
        said = json.loads(lock.read_text(encoding="utf-8"))
        return {_PROXY: str(said["packages"][f"node_modules/{_PROXY}"]["version"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _holds(python: str, how: str, version: str) -> bool:
    return (ordered(python) < ordered(version)) == (how == "<")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
