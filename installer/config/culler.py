"""`culler`: when servers, kernels and terminals that nobody uses are stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, model_serializer, model_validator

from installer.config.app_values import GroupName
from installer.config.kinds import Kind, Unfit, items
from installer.config.section import Section, setting
from installer.config.tls_values import Switch
from installer.config.values import AccountNames, Duration, duration_text

_MINUTE = 60
_SELDOMEST = 5 * _MINUTE
"""How often the culler looks at least, unless it is told otherwise."""


class CullerGroup(Section):
    """An entry of `culler.groups`: other limits for the members of a group."""

    group: GroupName = setting(..., "The Linux group.", example="gpu", unset="none: every entry has a group")
    timeout: Duration | None = setting(
        None, "As `culler.timeout`, for its members.", example="8h", unset="that of everybody"
    )
    max_age: Duration | None = setting(
        None, "As `culler.max_age`, for its members.", example="2d", unset="that of everybody"
    )

    @model_serializer
    def _as_written(self) -> dict[str, object]:
        """Without what is as it would be anyway."""
        given = {name: getattr(self, name) for name in ("timeout", "max_age") if getattr(self, name) is not None}
        return {"group": self.group, **{name: duration_text(limit) if limit else 0 for name, limit in given.items()}}


def _a_group(value: object) -> object:
    if not isinstance(value, (CullerGroup, Mapping)):
        raise Unfit("wrong type")
    return value


def _each_group_once(groups: tuple[CullerGroup, ...]) -> tuple[CullerGroup, ...]:
    names = [entry.group for entry in groups]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise Unfit("named twice", expected="each group once", found=f'a second "{name}"', below=(place, "group"))
    return groups


_GROUP = Kind("a group's limits such as {group: gpu, timeout: 8h}", "A mapping with a `group`; see `culler.groups[]`.")
CullerGroups = Annotated[
    tuple[Annotated[CullerGroup, _GROUP, BeforeValidator(_a_group)], ...],
    Kind("a list of groups' limits", "Limits of groups, each group once, one a line after `- `.", items=_GROUP),
    BeforeValidator(items(lambda _: False)),
    AfterValidator(_each_group_once),
]
"""Limits of groups, each once."""


class Culler(Section):
    """When servers that nobody uses are stopped, and kernels and terminals in them."""

    timeout: Duration = setting(
        60 * _MINUTE, "Stop a server after this long without activity; `0` is never.", example="1h"
    )
    max_age: Duration = setting(
        0, "Stop a server this long after its start, active or not; `0` is never.", example="7d"
    )
    every: Duration | None = setting(
        None,
        "How often to look, and so how exactly the two are kept; not longer than either.",
        example="5m",
        unset="half of the shorter of the two, at most 5m",
    )
    warning: Duration = setting(
        10 * _MINUTE,
        "How long before a server is stopped the culler's log says so, at most half of the time that it has; `0` is "
        "not at all.",
        example="30m",
    )
    spare_busy: Switch = setting(
        True,
        "Whether what is at work is activity: a cell that runs, a job in a terminal, anything that computes. `false`: "
        "only what a person does, or what is printed, is.",
        example=False,
    )
    spare_open: Switch = setting(
        False,
        "Whether an open tab is activity, though nobody does anything in it. Tabs are forgotten, and then keep "
        "servers for ever.",
        example=True,
    )
    kernel_timeout: Duration = setting(
        0,
        "Shut down a kernel after this long without activity, while its server goes on; `0` is never. For servers "
        "that are started from then on.",
        example="12h",
    )
    terminal_timeout: Duration = setting(
        0,
        "Close a terminal after this long without input and output, while its server goes on; `0` is never. For "
        "servers that are started from then on.",
        example="12h",
    )
    groups: CullerGroups = setting(
        (),
        "Other limits for groups. Somebody who is in several of them has the longest.",
        example=[{"group": "gpu", "timeout": "8h", "max_age": "2d"}],
    )
    exempt: AccountNames = setting((), "Accounts whose servers are never stopped.", example=["ada"])

    @property
    def limits(self) -> tuple[int, ...]:
        """The limits of servers that are set, in seconds; none means that none is ever stopped."""
        theirs = [limit for entry in self.groups for limit in (entry.timeout, entry.max_age)]
        return tuple(limit for limit in (self.timeout, self.max_age, *theirs) if limit)

    @property
    def shortest(self) -> int:
        """The shortest of all limits; that of an hour where there is none."""
        inside = (limit for limit in (self.kernel_timeout, self.terminal_timeout) if limit)
        return min((*self.limits, *inside), default=60 * _MINUTE)

    @property
    def interval(self) -> int:
        """Seconds from one look to the next."""
        if self.every is not None:
            return self.every
        return seldom_enough(*self.limits)

    @model_validator(mode="after")
    def _looks_often_enough(self) -> Culler:
        if self.every == 0:
            raise Unfit(
                "0 would be never",
                expected="more than 0 (to stop nothing, set timeout to 0)",
                below=("every",),
            )
        for name, limit in (("timeout", self.timeout), ("max_age", self.max_age), *self._of_groups()):
            if self.every is not None and 0 < limit < self.every:
                raise Unfit(
                    f"longer than culler.{name}",
                    duration_text(min(limit, _SELDOMEST)),
                    expected=f"at most {duration_text(limit)}",
                    below=("every",),
                )
        return self

    def _of_groups(self) -> list[tuple[str, int]]:
        return [
            (f"groups[{place}].{name}", getattr(entry, name) or 0)
            for place, entry in enumerate(self.groups)
            for name in ("timeout", "max_age")
        ]


def seldom_enough(*limits: int) -> int:
    """Seconds from one look to the next that keep limits well."""
    return max(1, min([_SELDOMEST, *(limit // 2 for limit in limits)]))
