"""The admin's own files of people: who has which account (auth.names.map), and who gets in (auth.allow.file).

The hub reads both at every login. What is added goes behind what is there, which stays as it was written.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from installer.host import files
from installer.host.errors import Problem


def pairs(file: Path) -> dict[str, str]:
    """The accounts by the names that have them; none where there is no file. Raises Problem."""
    words = [line.split("#")[0].split() for line in _lines(file)]
    found = {each[0]: each[-1] for each in words if each}
    if any(each and len(each) != 2 for each in words):  # noqa: PLR2004 - a pair
        raise Problem(f"{file} has a line that is no pair of a name and an account", "see which: installer doctor")
    return found


def names(file: Path) -> set[str]:
    """The names of a list; none where there is no file. Raises Problem."""
    return {words[0] for line in _lines(file) if (words := re.split(r"[ \t]#|^#", line)[0].split())}


def folded(name: str, *, fold: bool) -> str:
    """A name at the login provider as the hub compares it. fold: whether case counts for nothing."""
    plain = unicodedata.normalize("NFC", name)
    return plain.lower() if fold else plain


def append(file: Path, lines: Iterable[str]) -> None:
    """Put lines behind those that are there; a file that isn't there is made. Raises Problem."""
    more = "".join(f"{line}\n" for line in lines)
    if more:
        _change(file, lambda text: text + ("\n" if text and not text.endswith("\n") else "") + more)


def rename_account(file: Path, account: str, new: str) -> None:
    """Have an account's pair name it as it is called now. Raises Problem."""
    wanted = re.compile(rf"^(\s*[^\s#]+\s+){re.escape(account)}(?=\s|#|$)", re.MULTILINE)
    _change(file, lambda text: wanted.sub(rf"\g<1>{new}", text))


def _change(file: Path, how: Callable[[str], str]) -> None:
    old = _read(file)
    new = how(old)
    if new != old:
        # The hub reads it, and so it isn't root's alone.
        mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o644
        files.write(file, new.encode(), mode=mode)


def _lines(file: Path) -> list[str]:
    """Without the byte order mark that editors put in front, as the hub reads them."""
    return _read(file).lstrip("\ufeff").splitlines()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Problem(f"{file} can't be read: {error.strerror}", "see what it is: ls -ld") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{file} is not UTF-8", "save it so: the hub reads it, too") from error
