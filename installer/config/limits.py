"""`limits`: how much of the machine a user's servers may take, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from installer.config.app_values import group_name
from installer.config.kinds import Kind, Unfit
from installer.config.limit_values import UNLIMITED, Cpus, Disk, Memory, OpenFiles, Share, Swap, Tasks, size_text
from installer.config.section import Section, setting
from installer.config.tls_values import Switch
from installer.config.values import Duration, account_name

LEAST_MEMORY = 256 << 20
"""A server takes 110 MB, a kernel 60; with less than this, nobody gets far enough to be told why it ended."""
LEAST_DISK = 64 << 20
"""What JupyterLab, a kernel and a browser's settings keep in a home, and something to work with."""
_LEAST = {"memory": LEAST_MEMORY, "memory_soft": LEAST_MEMORY, "disk": LEAST_DISK}
_LEAST_RUNTIME = 60

_ROWS: Mapping[str, tuple[str, object]] = {
    "memory": (
        "The most memory. Whoever asks for more loses the process that has most of it, a kernel in most cases; the "
        "rest of their server goes on.",
        "2G",
    ),
    "memory_soft": (
        "From here on, their processes are slowed down, and what they have of the disk in memory is given up first.",
        "1800M",
    ),
    "swap": ("The most swap, besides that.", "1G"),
    "cpu": ("The most CPU time: `2` is two CPUs at work all the time.", 2),
    "cpu_share": ("Their share of the CPUs while others want them too.", 200),
    "io_share": ("Their share of the disks while others want them too.", 200),
    "disk": (
        "The most disk space that their files may take up on the file system of their home, which has to have "
        "[quotas](../how-to/disk-quotas.md) switched on.",
        "20G",
    ),
    "tasks": ("The most processes and threads.", 4096),
    "open_files": ("The most files that each process may have open.", 16384),
    "core_dumps": ("Whether a process that crashes may write its memory to a file.", True),
    "runtime": ("Stop a server this long after its start, whatever it does; `0` is never.", "12h"),
}
_AS_WITHOUT = "as it would be without"


def _limit(name: str, default: object = None, unset: str | None = None) -> Any:  # noqa: ANN401 - a field of any kind
    description, example = _ROWS[name]
    return setting(default, description, example=example, unset=unset)


def _judge(limits: Default | Particular) -> None:
    for key, least in _LEAST.items():
        _refuse_less(key, getattr(limits, key), least)
    if limits.memory is not None and limits.memory_soft is not None and limits.memory_soft > limits.memory:
        raise Unfit("more than memory", expected=f"at most {size_text(limits.memory)}", below=("memory_soft",))
    if limits.runtime is not None and 0 < limits.runtime < _LEAST_RUNTIME:
        raise Unfit("less than a server needs to start", "1h", expected="1m or more", below=("runtime",))


def _refuse_less(key: str, said: int | None, least: int) -> None:
    if said is not None and said < least:
        text = size_text(least)
        raise Unfit("less than a server needs to start", text, expected=f"{text} or more", below=(key,))


class Default(Section):
    """What each user has of whom nothing else is said."""

    memory: Memory | None = _limit("memory", unset="a quarter of `limits.total.memory`, and at least 1G")
    memory_soft: Memory | None = _limit("memory_soft", unset="3 % below `memory`, at most 256M below")
    swap: Swap = _limit("swap", 0)
    cpu: Cpus = _limit("cpu", UNLIMITED)
    cpu_share: Share = _limit("cpu_share", 100)
    io_share: Share = _limit("io_share", 100)
    disk: Disk = _limit("disk", UNLIMITED)
    tasks: Tasks = _limit("tasks", 2048)
    open_files: OpenFiles = _limit("open_files", 65536)
    core_dumps: Switch = _limit("core_dumps", default=False)
    runtime: Duration = _limit("runtime", 0)

    @model_validator(mode="after")
    def _lets_a_server_start(self) -> Default:
        _judge(self)
        return self


class Particular(Section):
    """What some have otherwise; of what isn't said here, they have what they would have without it."""

    memory: Memory | None = _limit("memory", unset=_AS_WITHOUT)
    memory_soft: Memory | None = _limit("memory_soft", unset=f"with `memory`, 3 % below that; else {_AS_WITHOUT}")
    swap: Swap | None = _limit("swap", unset=_AS_WITHOUT)
    cpu: Cpus | None = _limit("cpu", unset=_AS_WITHOUT)
    cpu_share: Share | None = _limit("cpu_share", unset=_AS_WITHOUT)
    io_share: Share | None = _limit("io_share", unset=_AS_WITHOUT)
    disk: Disk | None = _limit("disk", unset=_AS_WITHOUT)
    tasks: Tasks | None = _limit("tasks", unset=_AS_WITHOUT)
    open_files: OpenFiles | None = _limit("open_files", unset=_AS_WITHOUT)
    core_dumps: Switch | None = _limit("core_dumps", unset=_AS_WITHOUT)
    runtime: Duration | None = _limit("runtime", unset=_AS_WITHOUT)

    @model_validator(mode="after")
    def _lets_a_server_start(self) -> Particular:
        _judge(self)
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, standard: object) -> dict[str, object]:
        """Without what isn't said."""
        assert callable(standard)  # noqa: S101 - pydantic's own
        written: dict[str, object] = standard(self)
        return {name: value for name, value in written.items() if name in self.model_fields_set}


class Total(Section):
    """What all users' servers have together, so that the rest of the machine has room, whoever works."""

    memory: Memory | None = setting(
        None, "The most memory.", example="12G", unset="all of the machine's but 1G, and at least half"
    )
    cpu: Cpus = setting(UNLIMITED, "The most CPU time.", example=6)
    cpu_share: Share = setting(
        50, "Their share of the CPUs while services or logins want them too, which have 100 each.", example=100
    )
    io_share: Share = setting(50, "The same, of the disks.", example=100)

    @model_validator(mode="after")
    def _lets_a_server_start(self) -> Total:
        # Nobody can have more than all together; with no limit said of each, they have just as much.
        _refuse_less("memory", self.memory, LEAST_MEMORY)
        return self


def _named(read: Any) -> Any:  # noqa: ANN401 - a validator of pydantic's
    def check(value: object) -> object:
        if not isinstance(value, Mapping):
            raise Unfit("wrong type")
        for name in value:
            try:
                read(name)
            except Unfit as unfit:
                raise Unfit(unfit.wrong, expected="a name", found=f'"{name}"', below=(str(name),)) from None
        return value

    return check


def _something_said(exceptions: dict[str, Particular]) -> dict[str, Particular]:
    for name, limits in exceptions.items():
        if not limits.model_fields_set:
            raise Unfit("says nothing", expected="a limit or more", below=(name,))
    return exceptions


_EXCEPTION = Kind("limits such as {memory: 8G, cpu: 4}", "A mapping with one limit or more.")
Groups = Annotated[
    dict[str, Particular],
    Kind(
        "limits by group such as {gpu: {memory: 32G}}",
        "Names of Linux groups, each with a mapping of one limit or more; the groups have to be there.",
        items=_EXCEPTION,
    ),
    BeforeValidator(_named(group_name)),
    AfterValidator(_something_said),
]
Users = Annotated[
    dict[str, Particular],
    Kind(
        "limits by user such as {ada: {memory: 8G}}",
        "Names of accounts, each with a mapping of one limit or more; the accounts have to be there.",
        items=_EXCEPTION,
    ),
    BeforeValidator(_named(account_name)),
    AfterValidator(_something_said),
]


class Limits(Section):
    """How much of the machine users' servers may take. [What holds for whom](../how-to/limits.md)."""

    users: Users = setting({}, "What single users have otherwise.", example={"ada": {"memory": "8G"}})
    groups: Groups = setting({}, "What members of a group have otherwise.", example={"gpu": {"memory": "32G"}})
    default: Default = Default()
    total: Total = Total()
