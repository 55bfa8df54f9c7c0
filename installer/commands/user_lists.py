"""The admin's own files of people: who has which account (auth.names.map), and who gets in (auth.allow.file).

The hub reads both at every login. What is added goes behind what is there; what is not taken out stays as it was.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from installer.host import files
from installer.host.errors import Problem
from installer.hub.names import folded
from installer.hub.rules import words_of


def pairs(file: Path) -> dict[str, str]:
    """The accounts by the names that have them; none where there is no file. Raises Problem."""
    words = [line.split("#")[0].split() for line in _lines(file)]
    found = {each[0]: each[-1] for each in words if each}
    if any(each and len(each) != 2 for each in words):  # noqa: PLR2004 - a pair
        raise Problem(f"{file} has a line that is no pair of a name and an account", "see which: installer doctor")
    return found


def names(file: Path) -> set[str]:
    """The names of a list; none where there is no file. Raises Problem."""
    return {words[0] for line in _lines(file) if (words := words_of(line))}


def append(file: Path, lines: Iterable[str]) -> None:
    """Put lines behind those that are there; a file that isn't there is made. Raises Problem."""
    more = "".join(f"{line}\n" for line in lines)
    if more:
        _change(file, lambda text: text + ("\n" if text and not text.endswith("\n") else "") + more)


def rename_account(file: Path, account: str, new: str) -> None:
    """Have an account's pair name it as it is called now. Raises Problem."""
    wanted = re.compile(rf"^(\s*[^\s#]+\s+){re.escape(account)}(?=\s|#|$)", re.MULTILINE)
    _change(file, lambda text: wanted.sub(rf"\g<1>{new}", text))


def remove_account(file: Path, account: str) -> bool:
    """Take an account's pair out; whether it was there. Raises Problem."""
    return _strike(file, lambda words: len(words) > 1 and words[1].partition("#")[0] == account)


def remove_names(file: Path, names: Iterable[str], *, fold: bool) -> bool:
    """Take names out of a list; whether any was there. fold: whether capitals make no difference. Raises Problem."""
    wanted = {folded(name, fold=fold) for name in names}
    return _strike(file, lambda words: folded(words[0], fold=fold) in wanted)


def _strike(file: Path, unwanted: Callable[[list[str]], bool]) -> bool:
    """Take out the lines with such words, comments behind them and all."""

    def stays(line: str) -> bool:
        words = words_of(line.removeprefix("\ufeff"))
        return not words or not unwanted(words)

    return _change(file, lambda text: "".join(filter(stays, text.splitlines(keepends=True))))


def _change(file: Path, how: Callable[[str], str]) -> bool:
    old = _read(file)
    new = how(old)
    if new != old:
        # The hub reads it, and so it isn't root's alone.
        mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o644
        files.write(file, new.encode(), mode=mode)
    return new != old


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
