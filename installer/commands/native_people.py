"""Names and passwords of the hub's own (`auth.provider: native`): all of it done as the hub's account, whose they are.

Where people are known by other means, there are none, and nothing is done.
"""

from __future__ import annotations

import json
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer.host import paths
from installer.host.errors import Problem, UsageProblem
from installer.host.process import run
from installer.hub.names import can_be_made

_SECONDS = 60.0


@dataclass(frozen=True)
class Known:
    """Somebody. about: what they said of themselves. since: when they asked, or were added."""

    name: str
    about: str
    since: str
    approved: bool
    once: bool


def are_kept() -> bool:
    """Whether the hub that runs here has names and passwords of its own."""
    try:
        rules = json.loads(paths.AUTH_RULES.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(rules["provider"] == "native")


def everybody() -> list[Known]:
    """All of them, who waits longest first. Raises Problem."""
    if not are_kept():
        return []
    return [Known(**each) for each in _carried_out({"wish": "list"})]


def find(name: str) -> Known | None:
    """Somebody by name. Raises Problem."""
    return next((each for each in everybody() if each.name == name), None)


def approve(names: Sequence[str]) -> list[str]:
    """Let people in who asked. Returns who had been waiting. Raises Problem."""
    _refuse_unknown(names)
    for name in names:
        if _uid_of(name) is not None and not _known(name).approved:
            raise Problem(
                f"there is an account {name} on this machine, which whoever asked for the name doesn't get",
                f"give it to them, if it is theirs: installer user add {name}; else: installer user reject {name}",
            )
        if _uid_of(name) is None and not can_be_made(name):
            raise Problem(
                f"{name} is a name that the system keeps for itself, and nobody gets an account of",
                f"installer user reject {name}, and have them ask for another name",
            )
    return _done("approve", names)


def reject(names: Sequence[str]) -> list[str]:
    """Turn people down who asked. Returns who had been waiting. Raises Problem."""
    _refuse_unknown(names)
    for name in names:
        if _known(name).approved and _uid_of(name) is not None:
            raise Problem(f"{name} is in already", f"installer user disable {name}, or: installer user remove {name}")
    return _done("forget", names)


def give(passwords: Mapping[str, str]) -> bool:
    """Let people in with passwords that they have to change at once; whether they are kept here. Raises Problem."""
    if not are_kept():
        return False
    for name, word in passwords.items():
        _carried_out({"wish": "give", "name": name, "password": word, "uid": _uid_of(name)})
    return True


def forget(name: str) -> bool:
    """Forget somebody; whether they were known. Raises Problem."""
    return are_kept() and bool(_done("forget", [name]))


def rename(name: str, new: str) -> None:
    """Give somebody who has an account another name. Raises Problem."""
    if are_kept():
        _carried_out({"wish": "rename", "name": name, "new": new, "uid": _uid_of(name)})


def _refuse_unknown(names: Sequence[str]) -> None:
    if not are_kept():
        raise UsageProblem(
            "nobody signs up with this hub: people are known by other means",
            f"names and passwords of the hub's own need auth.provider: native, in {paths.CONFIG_FILE}",
        )
    there = {each.name for each in everybody()}
    for name in names:
        if name not in there:
            raise Problem(f"nobody has asked for the name {name[:64]!r}", "see who waits: installer user list")


def _known(name: str) -> Known:
    found = find(name)
    if found is None:
        raise Problem(f"{name} is gone just now", "see who waits: installer user list")
    return found


def _uid_of(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _done(wish: str, names: Sequence[str]) -> list[str]:
    done: list[str] = _carried_out({"wish": wish, "names": list(names)})
    return done


def _carried_out(wish: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON's
    """Have the hub's account do something. What is in the wish goes through a pipe."""
    words = [str(paths.VENV.resolve() / "bin" / "python"), "-I", "-m", "installer.hub.people_command"]
    done = run(
        [*words, str(paths.HUB_PEOPLE)], stdin=json.dumps(wish), user=paths.HUB_USER, check=False, timeout=_SECONDS
    )
    if not done.ok:
        said = (done.stderr.strip() or "it gave no reason").splitlines()[-1]
        raise Problem(
            f"names and passwords of the hub can't be read or written: {said}",
            "make room where the disk is full; where the file is damaged, restore it from a backup (installer restore)",
        )
    return json.loads(done.stdout)
