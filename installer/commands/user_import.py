"""Many people at once, from a table: all of it is looked at before the first account is made."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from installer.commands import user
from installer.commands import user_accounts as accounts
from installer.host import files, paths
from installer.host.errors import Problem, UsageProblem
from installer.resources.secret import new_password

_COLUMNS = ("name", "groups")
_LARGEST = 16 << 20
_SHOWN = 20
"""Mistakes that are told one by one."""


@dataclass(frozen=True)
class Row:
    """A person of the table. line: where in the file."""

    line: int
    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """What an import would do: make accounts, or put those that are there into groups; and who is there already."""

    make: tuple[Row, ...]
    join: tuple[Row, ...]
    there: tuple[Row, ...]


def read(path: Path) -> list[Row]:
    """The people of a table. Raises UsageProblem, naming every line that makes no sense."""
    rows: list[Row] = []
    wrong: list[str] = []
    first: dict[str, int] = {}
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), delimiter=_delimiter(path), strict=True)
    try:
        _check_header(path, reader.fieldnames)
        for cells in reader:
            name, groups = (cells.get("name") or "").strip(), (cells.get("groups") or "").split()
            try:
                if None in cells or None in cells.values():
                    raise UsageProblem("it has more or fewer cells than the first line", "")
                row = Row(reader.line_num, accounts.checked_name(name), accounts.checked_groups(groups))
                if name in first:
                    raise UsageProblem(f"{name} is in line {first[name]} already", "")
            except Problem as problem:
                wrong.append(f"line {reader.line_num}: {problem.what}")
                continue
            first[name] = reader.line_num
            rows.append(row)
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: {error}")
    _refuse(path, wrong)
    return rows


def prepare(path: Path) -> Import:
    """What importing a table would do. Reads only. Raises UsageProblem."""
    make, join, there, wrong = [], [], [], []
    members, disabled = accounts.members(paths.MEMBERS_GROUP), accounts.members(paths.DISABLED_GROUP)
    for row in read(path):
        try:
            if accounts.find(row.name) is None:
                if os.path.lexists(accounts.HOMES / row.name):
                    raise Problem(f"{accounts.HOMES / row.name} is there already", "")
                make.append(row)
                continue
            if row.name in members and all(row.name in accounts.members(group) for group in row.groups):
                there.append(row)
                continue
            accounts.existing(row.name)
            if row.name in disabled:
                raise Problem(f"{row.name} is disabled", "")
            join.append(row)
        except Problem as problem:
            wrong.append(f"line {row.line}: {problem.what}")
    _refuse(path, wrong)
    return Import(tuple(make), tuple(join), tuple(there))


def carry_out(wished: Import, passwords: Path | None, told: Callable[[Row], None]) -> None:
    """Make the accounts and the memberships. Raises Problem; what was done until then is not done again.

    passwords: a new file for the first passwords, needed where accounts are made. told: called after each row.
    """
    for row in wished.join:
        user.add(row.name, row.groups)
        told(row)
    if not wished.make:
        return
    if passwords is None:
        raise UsageProblem("there are accounts to be made", "say where their passwords go: --passwords FILE")
    with _new_file(passwords) as stream:
        for row in wished.make:
            word = new_password()
            # Before it is anybody's: a run that is ended here leaves a line too much, not one too few.
            stream.write(f"{row.name},{word}\n")
            stream.flush()
            user.add(row.name, row.groups, word)
            told(row)


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageProblem(f"{path} is there already", "give the name of a new file") from None
    except OSError as error:
        raise files.unwritable(path, error) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write("name,password\n")
        yield stream
        stream.flush()
        os.fsync(descriptor)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageProblem(f"{path} is larger than {_LARGEST >> 20} MB", "give a table of people: name,groups")
        # utf-8-sig: spreadsheets put a byte order mark in front.
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageProblem(f"{path} can't be read: {error.strerror}", "see what it is: ls -ld") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UsageProblem(f"{path} is not UTF-8 (line {line})", "save it as CSV in UTF-8") from error


def _delimiter(path: Path) -> str:
    """A semicolon where the first line has one and no comma, as spreadsheets write it in half of Europe."""
    first = _text(path).partition("\n")[0]
    return ";" if ";" in first and "," not in first else ","


def _check_header(path: Path, header: object) -> None:
    if not isinstance(header, list):
        raise UsageProblem(f"{path} is empty", "its first line is: name,groups")
    for column in header:
        if column not in _COLUMNS:
            near = get_close_matches(str(column), _COLUMNS, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise UsageProblem(
                f"{path}, line 1: {str(column)[:40]!r} is no column{meant}", "its first line is: name,groups"
            )
    if "name" not in header or len(set(header)) < len(header):
        raise UsageProblem(f"{path}, line 1: there has to be one column called name", "its first line is: name,groups")


def _refuse(path: Path, wrong: list[str]) -> None:
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        lines = "line" if len(wrong) == 1 else "lines"
        raise UsageProblem(
            f"{path} has {len(wrong)} {lines} that can't be: nothing was changed",
            "mend them, and run the same command again",
            "\n".join([*wrong[:_SHOWN], *more]),
        )
