"""What was on the host before any run of ours: not ours to take away at the end, and given back as it was."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from installer.engine.plan import Plan
from installer.engine.resource import Attributes
from installer.host import files
from installer.host.errors import Problem

_RECORDS = TypeAdapter(dict[str, dict[str, str | int | bool]], config=ConfigDict(defer_build=True))


class Found:
    """For each resource that was there before us, by key: the attributes that it had."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Attributes]:
        """All of them; none where no run has begun. Raises Problem."""
        try:
            return dict(_RECORDS.validate_json(self._path.read_bytes()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Problem(
                f"{self._path} can't be read: {str(error).splitlines()[0]}",
                "put it back from a backup: it tells what was on this machine before the installer",
            ) from error

    def note(self, plan: Plan, ours: Collection[str]) -> None:
        """Write down what a plan finds of that which no run has made yet; before it is carried out. Raises Problem.

        ours: keys of what earlier runs have put there.
        """
        before = {change.resource.key: change.before for change in plan.changes}
        noted = self.read()
        now = {key: attributes for key, attributes in noted.items() if key in ours}
        for resource in plan.wanted:
            # What stays as it is was there as it is wanted.
            seen = before.get(resource.key) if resource.key in before else resource.wanted()
            if resource.key not in ours and seen is not None:
                now[resource.key] = seen
        if now != noted:
            files.write(self._path, json.dumps(now, indent=1).encode(), mode=0o600)
