"""Many people at once, from a table: all of it is looked at before the first account is made."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from installer.commands import user, user_lists
from installer.commands import user_accounts as accounts
from installer.commands.user_lists import folded
from installer.config.auth import Auth
from installer.host import files, paths
from installer.host.errors import Problem, UsageProblem
from installer.resources.secret import new_password

_COLUMNS = ("name", "groups", "identity")
_FIRST_LINE = "its first line is: name,groups (and identity, where people log in elsewhere)"
_LONGEST_IDENTITY = 255
_LARGEST = 16 << 20
_SHOWN = 20
"""Mistakes that are told one by one."""


@dataclass(frozen=True)
class Row:
    """A person of the table.

    line: where in the file. identity: the name that they have at the login provider; "" where the table says none.
    """

    line: int
    name: str
    groups: tuple[str, ...]
    identity: str = ""


@dataclass(frozen=True)
class Import:
    """What an import would do: make accounts, or put those that are there into groups; and who is there already.

    pairs: lines for the file that says whose which account is. admitted: for the one that says who gets in.
    """

    make: tuple[Row, ...]
    join: tuple[Row, ...]
    there: tuple[Row, ...]
    pairs: tuple[str, ...] = ()
    admitted: tuple[str, ...] = ()

    @property
    def with_password(self) -> tuple[Row, ...]:
        """Whose accounts are made, and who log in here."""
        return tuple(row for row in self.make if not row.identity)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.make or self.join or self.pairs or self.admitted)


def read(path: Path) -> list[Row]:
    """The people of a table. Raises UsageProblem, naming every line that makes no sense."""
    rows: list[Row] = []
    wrong: list[str] = []
    first: dict[str, int] = {}
    whose: dict[str, int] = {}
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), delimiter=_delimiter(path), strict=True)
    try:
        _check_header(path, reader.fieldnames)
        for cells in reader:
            name, groups = (cells.get("name") or "").strip(), (cells.get("groups") or "").split()
            identity = (cells.get("identity") or "").strip()
            try:
                if None in cells or None in cells.values():
                    raise UsageProblem("it has more or fewer cells than the first line", "")
                row = Row(
                    reader.line_num, accounts.checked_name(name), accounts.checked_groups(groups), _identity(identity)
                )
                if name in first:
                    raise UsageProblem(f"{name} is in line {first[name]} already", "")
                alike = folded(identity, fold=True).casefold()
                if identity and alike in whose:
                    raise UsageProblem(f"{identity} is in line {whose[alike]} already", "")
            except Problem as problem:
                wrong.append(f"line {reader.line_num}: {problem.what}")
                continue
            first[name] = reader.line_num
            whose[alike] = reader.line_num
            rows.append(row)
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: {error}")
    _refuse(path, wrong)
    return rows


def _identity(said: str) -> str:
    """A name at a login provider, of which a line of a file of names can be made. Raises UsageProblem."""
    if said and (len(said) > _LONGEST_IDENTITY or "#" in said or not said.isprintable() or len(said.split()) > 1):
        raise UsageProblem(f"{said[:40]!r} is no name at a login provider", "")
    return said


def prepare(path: Path, auth: Auth) -> Import:
    """What importing a table would do. Reads only. Raises UsageProblem, Problem."""
    make, join, there, wrong = [], [], [], []
    inside = {group: accounts.members(group) for group in (paths.MEMBERS_GROUP, paths.DISABLED_GROUP)}
    rows = read(path)
    _refuse_idle_identities(path, rows, auth)
    fold = auth.names.rule == "lowercase"
    pairs = user_lists.pairs(Path(auth.names.map)) if auth.names.map else {}
    # As the hub compares them: a second line for a name that differs in case would be no other name.
    known = {folded(identity, fold=fold): account for identity, account in pairs.items()}
    for row in rows:
        try:
            _refuse_other_pair(row, folded(row.identity, fold=fold), known)
            if accounts.find(row.name) is None:
                if os.path.lexists(accounts.HOMES / row.name):
                    raise Problem(f"{accounts.HOMES / row.name} is there already", "")
                make.append(row)
                continue
            for group in row.groups:
                inside.setdefault(group, accounts.members(group))
            if all(row.name in inside[group] for group in (paths.MEMBERS_GROUP, *row.groups)):
                there.append(row)
                continue
            accounts.existing(row.name)
            if row.name in inside[paths.DISABLED_GROUP]:
                raise Problem(f"{row.name} is disabled", "")
            join.append(row)
        except Problem as problem:
            wrong.append(f"line {row.line}: {problem.what}")
    _refuse(path, wrong)
    named = [row for row in rows if row.identity]
    names = user_lists.names(Path(auth.allow.file)) if auth.allow.file else None
    listed = None if names is None else {folded(name, fold=fold) for name in names}
    return Import(
        tuple(make),
        tuple(join),
        tuple(there),
        tuple(f"{row.identity} {row.name}" for row in named if folded(row.identity, fold=fold) not in known),
        tuple(row.identity for row in named if listed is not None and folded(row.identity, fold=fold) not in listed),
    )


def _refuse_idle_identities(path: Path, rows: Sequence[Row], auth: Auth) -> None:
    """Identities need a provider that has them, and a file that gives them accounts."""
    named = next((row for row in rows if row.identity), None)
    if named is None:
        return
    what = f"{path}, line {named.line}: {named.identity} can be given no account"
    if not auth.is_elsewhere:
        raise UsageProblem(
            f"{what}: with auth.provider {auth.provider}, people log in by their account's name",
            "leave the column identity out, or set up a login provider first (docs/how-to/log-in-with.md)",
        )
    if auth.names.map is None:
        raise UsageProblem(
            f"{what}: {paths.CONFIG_FILE} names no file for that",
            "sudo touch /etc/jupyterhub/names; write auth: {names: {map: /etc/jupyterhub/names}}; then apply",
        )


def _refuse_other_pair(row: Row, identity: str, known: Mapping[str, str]) -> None:
    """Never two identities on one account, nor the other way round. identity: the row's, as it is compared."""
    if not row.identity:
        return
    account = known.get(identity, row.name)
    owner = next((other for other, account in known.items() if account == row.name), identity)
    if account != row.name:
        raise Problem(f"{row.identity} has the account {account} already", "")
    if owner != identity:
        raise Problem(f"the account {row.name} is {owner}'s", "")


def carry_out(
    wished: Import, auth: Auth, passwords: Path | None, told: Callable[[Row], None], *, once: bool = False
) -> None:
    """Make the accounts and the memberships. Raises Problem; what was done until then is not done again.

    passwords: a new file for the first passwords, needed where there will be some. told: called after each row.
    once: whether those are good for one login, at which another is chosen.
    """
    if wished.with_password and passwords is None:
        raise UsageProblem("there are accounts to be made", "say where their passwords go: --passwords FILE")
    for row in wished.join:
        user.add(row.name, row.groups)
        told(row)
    for row in wished.make:
        if row.identity:
            user.add_without_password(row.name, row.groups)
            told(row)
    if wished.with_password and passwords is not None:
        with _new_file(passwords) as stream:
            for row in wished.with_password:
                word = new_password()
                # Before it is anybody's: a run that is ended here leaves a line too much, not one too few.
                stream.write(f"{row.name},{word}\n")
                stream.flush()
                user.add(row.name, row.groups, word, once=once)
                told(row)
    # Once the accounts are there: whoever came before would have one made, without the groups.
    if auth.names.map:
        user_lists.append(Path(auth.names.map), wished.pairs)
    if auth.allow.file:
        user_lists.append(Path(auth.allow.file), wished.admitted)


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
        raise UsageProblem(f"{path} is empty", _FIRST_LINE)
    for column in header:
        if column not in _COLUMNS:
            near = get_close_matches(str(column), _COLUMNS, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise UsageProblem(f"{path}, line 1: {str(column)[:40]!r} is no column{meant}", _FIRST_LINE)
    if "name" not in header or len(set(header)) < len(header):
        raise UsageProblem(f"{path}, line 1: there has to be one column called name", _FIRST_LINE)


def _refuse(path: Path, wrong: list[str]) -> None:
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        lines = "line" if len(wrong) == 1 else "lines"
        raise UsageProblem(
            f"{path} has {len(wrong)} {lines} that can't be: nothing was changed",
            "mend them, and run the same command again",
            "\n".join([*wrong[:_SHOWN], *more]),
        )
