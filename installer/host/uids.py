"""Uids that nobody is given: those in use, and those of people who have gone, whose files may lie anywhere still.

useradd by itself gives the next newcomer what the last to go had, and with it that one's home and files.
"""

from __future__ import annotations

import pwd
import re
from collections.abc import Collection
from pathlib import Path

from installer.host import files, paths
from installer.host.errors import Problem

_LOGIN_DEFS = Path("/etc/login.defs")
_FIRST, _LAST = 1000, 60000
"""Where login.defs says nothing: useradd's own."""


def retire(uid: int) -> None:
    """Note that a uid was somebody's. Raises Problem."""
    known = retired()
    if uid not in known:
        lines = "".join(f"{each}\n" for each in sorted({*known, uid}))
        files.write(paths.RETIRED_UIDS, lines.encode(), mode=0o600)


def retired() -> frozenset[int]:
    """Those that were somebody's. Raises Problem."""
    try:
        return frozenset(int(line) for line in paths.RETIRED_UIDS.read_text(encoding="ascii").splitlines())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise Problem(
            f"{paths.RETIRED_UIDS}, the uids of people who have gone, can't be read: {error}",
            "a number a line: mend it",
        ) from error


def for_newcomer(homes: Path) -> list[str]:
    """What useradd is told, so that it gives a uid that nobody has or had. Raises Problem."""
    first, last = _people()
    taken = {*retired(), *owners(homes), *(entry.pw_uid for entry in pwd.getpwall())}
    free = window(first, last, taken)
    if free is None:
        raise Problem(
            f"each uid from {first} to {last} is somebody's, or was",
            f"see UID_MAX in {_LOGIN_DEFS}; or take those that own no file any more out of {paths.RETIRED_UIDS}",
        )
    return ["--key", f"UID_MIN={free[0]}", "--key", f"UID_MAX={free[1]}"]


def owners(homes: Path) -> set[int]:
    """Whose the homes are that lie there: also of accounts that were deleted by hand."""
    found = set()
    for home in homes.iterdir() if homes.is_dir() else ():
        try:
            found.add(home.lstat().st_uid)
        except OSError:
            # It is on a machine that is away, say; what is known without it still holds.
            continue
    return found


def window(first: int, last: int, taken: Collection[int]) -> tuple[int, int] | None:
    """Where useradd may choose, from a first to a last: behind all that are taken, as it would; else in the first gap.

    A range, not one of them: somebody else may make an account this very moment. None where all are taken.
    """
    inside = sorted(uid for uid in set(taken) if first <= uid <= last)
    begin = inside[-1] + 1 if inside else first
    if begin <= last:
        return begin, last
    for place, uid in enumerate(inside):
        if uid != first + place:
            return first + place, uid - 1
    return None


def _people() -> tuple[int, int]:
    """The first uid and the last that useradd gives to people."""
    text = _LOGIN_DEFS.read_text(encoding="utf-8", errors="replace") if _LOGIN_DEFS.exists() else ""
    said = dict(re.findall(r"^\s*(UID_MIN|UID_MAX)\s+(\d+)", text, re.MULTILINE))
    return int(said.get("UID_MIN", _FIRST)), int(said.get("UID_MAX", _LAST))
