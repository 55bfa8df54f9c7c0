"""Which versions a server environment has of what an admin knows by name, and which ones another would have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from installer.resources.revision_id import CHECKOUT

_PROXY = "configurable-http-proxy"
_LOCKED = re.compile(r"^([a-z0-9].*) \\$", re.MULTILINE)


def locked(python: str, checkout: Path = CHECKOUT) -> dict[str, str]:
    """The versions that this installer's lists have for a Python, of what they were made to have."""
    locks = checkout / "installer" / "locks"
    listed = map(Requirement, _LOCKED.findall((locks / "server.txt").read_text(encoding="utf-8")))
    found = {
        each.name: str(each.specifier).removeprefix("==")
        for each in listed
        if each.marker is None or each.marker.evaluate({"python_full_version": python})
    }
    asked = [name for name in _asked(locks / "server.in") if name in found]
    return {name: found[name] for name in asked} | _proxy(locks / "proxy" / "package-lock.json")


def installed(revision: Path) -> dict[str, str]:
    """The versions of all packages in a server environment, as their own records say it."""
    found = {}
    for record in sorted(revision.glob("lib/python3*/site-packages/*.dist-info")):
        name, _, version = record.name.removesuffix(".dist-info").partition("-")
        found[canonicalize_name(name)] = version
    return found | _proxy(revision / "package-lock.json")


def _asked(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        said = re.match(r"[A-Za-z0-9_.-]+", line)
        if said is not None:
            yield canonicalize_name(said[0])


def _proxy(lock: Path) -> dict[str, str]:
    try:
        said = json.loads(lock.read_text(encoding="utf-8"))
        return {_PROXY: str(said["packages"][f"node_modules/{_PROXY}"]["version"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
