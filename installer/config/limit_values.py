"""The kinds of value that `limits` has. All become numbers for systemd, of which the largest is no limit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from installer.config.kinds import Kind, Unfit, some_text

UNLIMITED = (1 << 64) - 1
"""What systemd takes for no limit at all."""
WITHOUT_LIMIT = "unlimited"
_WITHOUT = f"`{WITHOUT_LIMIT}` is no limit."

# --- memory --------------------------------------------------------------------------------------
_UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = "[1-9][0-9]{0,5}[MGT]"


def size(value: object) -> int:
    """Read an amount of memory; 0 is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value == 0:
            return 0
        raise Unfit("negative") if value < 0 else Unfit("no unit")
    text = some_text(value)
    if text == WITHOUT_LIMIT:
        return UNLIMITED
    if not re.fullmatch(_SIZE, text):
        meant = re.sub(r"(?i)\s*(i?b|bytes?)?$", "", text.strip()).upper().replace(" ", "")
        raise Unfit("no unit" if text.isdecimal() else "not a size", meant if re.fullmatch(_SIZE, meant) else None)
    return int(text[:-1]) * _UNITS[text[-1]]


def some_size(value: object) -> int:
    """Read an amount of memory that is more than none."""
    amount = size(value)
    if amount == 0:
        raise Unfit("0 would be no memory at all")
    return amount


def size_text(amount: int) -> str | int:
    """Write an amount the way a config file has it, in the largest unit that it is a whole number of."""
    if amount in (0, UNLIMITED):
        return WITHOUT_LIMIT if amount else 0
    name, unit = next((name, unit) for name, unit in reversed(_UNITS.items()) if amount % unit == 0)
    return f"{amount // unit}{name}"


_SIZE_RULES = "A whole number with a unit (`M`, `G`, `T`; 1024 of each are one of the next), at most six digits."
Memory = Annotated[
    int,
    Kind("an amount of memory such as 2G", f"{_SIZE_RULES} {_WITHOUT}"),
    BeforeValidator(some_size),
    PlainSerializer(size_text),
    WithJsonSchema({"type": "string", "pattern": f"^({WITHOUT_LIMIT}|{_SIZE})$"}),
]
"""Bytes, written with a unit in the file."""

Disk = Annotated[
    int,
    Kind("an amount of disk space such as 20G", f"{_SIZE_RULES} {_WITHOUT}"),
    BeforeValidator(size),
    PlainSerializer(size_text),
    WithJsonSchema({"type": "string", "pattern": f"^({WITHOUT_LIMIT}|{_SIZE})$"}),
]
"""The same, of a disk."""

Swap = Annotated[
    int,
    Kind("an amount of swap such as 1G", f"{_SIZE_RULES} Only `0`, which is none, goes without a unit. {_WITHOUT}"),
    BeforeValidator(size),
    PlainSerializer(size_text),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": f"^({WITHOUT_LIMIT}|{_SIZE})$", "minimum": 0, "maximum": 0}
    ),
]
"""The same, of which there may be none."""

# --- processors ----------------------------------------------------------------------------------
MICROSECONDS = 1_000_000
_MOST_CPUS = 4096
_LEAST_CPUS = 0.1
_CPU_DECIMALS = 2
"""systemd has whole percents of a CPU: it skips a line with finer ones, and rounds down what it is told otherwise."""


def cpus(value: object) -> int:
    """Read a number of processors, as the microseconds of theirs that a second has."""
    if value == WITHOUT_LIMIT:
        return UNLIMITED
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        written = isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,2}", value)
        raise Unfit("wrong type", int(value) if written and isinstance(value, str) else None)
    if not _LEAST_CPUS <= value <= _MOST_CPUS:
        few = value < _LEAST_CPUS
        raise Unfit(f"{'less' if few else 'more'} than {_LEAST_CPUS if few else _MOST_CPUS}")
    rounded = round(value, _CPU_DECIMALS)
    if value != rounded:
        raise Unfit("finer than a hundredth of a CPU", rounded)
    return round(rounded * MICROSECONDS)


def cpus_written(microseconds: int) -> float | int | str:
    """Write the number the way a config file has it."""
    if microseconds == UNLIMITED:
        return WITHOUT_LIMIT
    whole, rest = divmod(microseconds, MICROSECONDS)
    return whole if rest == 0 else microseconds / MICROSECONDS


Cpus = Annotated[
    int,
    Kind(
        "a number of CPUs such as 2 or 0.5",
        f"A number, with at most {_CPU_DECIMALS} digits after a point, from {_LEAST_CPUS} to {_MOST_CPUS}. {_WITHOUT}",
    ),
    BeforeValidator(cpus),
    PlainSerializer(cpus_written),
    WithJsonSchema(
        {
            "type": ["number", "string"],
            "minimum": _LEAST_CPUS,
            "maximum": _MOST_CPUS,
            "pattern": f"^{WITHOUT_LIMIT}$",
        }
    ),
]
"""Microseconds of processors in a second, written as a number of processors."""


# --- whole numbers -------------------------------------------------------------------------------
def _whole(least: int, most: int, *, may_be_unlimited: bool) -> Callable[[object], int]:
    def read(value: object) -> int:
        if may_be_unlimited and value == WITHOUT_LIMIT:
            return UNLIMITED
        if not isinstance(value, int) or isinstance(value, bool):
            written = isinstance(value, str) and re.fullmatch("[1-9][0-9]{0,8}", value)
            meant = int(value) if written and isinstance(value, str) else None
            raise Unfit("wrong type", meant if meant and least <= meant <= most else None)
        if not least <= value <= most:
            raise Unfit(f"less than {least}" if value < least else f"more than {most}", max(least, min(value, most)))
        return value

    return read


def _as_number(value: int) -> int | str:
    return WITHOUT_LIMIT if value == UNLIMITED else value


_MOST_WEIGHT = 10_000
Share = Annotated[
    int,
    Kind(
        "a share such as 100",
        f"A whole number from 1 to {_MOST_WEIGHT}: who has twice as much as another gets twice as much, while both "
        "want more than there is.",
    ),
    BeforeValidator(_whole(1, _MOST_WEIGHT, may_be_unlimited=False)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": _MOST_WEIGHT}),
]
"""A weight, as systemd has them."""

LEAST_TASKS, LEAST_FILES = 100, 1024
"""What a server with a kernel and a terminal takes, and something to work with."""
_MOST_TASKS, _MOST_FILES = 4_000_000, 1_000_000


def _number(name: str, least: int, most: int) -> dict[str, Any]:
    return {"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": f"^{name}$"}


Tasks = Annotated[
    int,
    Kind("a number of tasks such as 2048", f"A whole number from {LEAST_TASKS} to {_MOST_TASKS}. {_WITHOUT}"),
    BeforeValidator(_whole(LEAST_TASKS, _MOST_TASKS, may_be_unlimited=True)),
    PlainSerializer(_as_number),
    WithJsonSchema(_number(WITHOUT_LIMIT, LEAST_TASKS, _MOST_TASKS)),
]
"""How many processes and threads."""

OpenFiles = Annotated[
    int,
    Kind("a number of files such as 65536", f"A whole number from {LEAST_FILES} to {_MOST_FILES}."),
    BeforeValidator(_whole(LEAST_FILES, _MOST_FILES, may_be_unlimited=False)),
    WithJsonSchema({"type": "integer", "minimum": LEAST_FILES, "maximum": _MOST_FILES}),
]
"""How many files a process may have open."""
