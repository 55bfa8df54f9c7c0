"""The one table of what doctor looks at, in the order in which it tells."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from installer.commands.doctor import (
    answers,
    apps,
    certificate,
    clock,
    drift,
    hub_state,
    kernels,
    leftovers,
    login,
    names,
    notify_hook,
    pam,
    people,
    permissions,
    ports,
    python,
    room,
    settings,
    sign_in,
    sizing,
    state,
    sudo_rules,
    units,
)
from installer.commands.doctor.finding import Finding
from installer.commands.doctor.server import Server


class When(Enum):
    """What has to be for a check to be made."""

    ALWAYS = "always"
    BEGUN = "where an apply has changed something here"
    DEEP = "with --deep"


class Check(NamedTuple):
    """An area, and what looks at it."""

    area: str
    look: Callable[[Server], list[Finding]]
    when: When = When.BEGUN


TABLE = (
    Check(state.AREA, state.look, When.ALWAYS),
    Check(units.AREA, units.look),
    Check(ports.AREA, ports.look, When.ALWAYS),
    Check(answers.AREA, answers.look),
    Check(apps.AREA, apps.look),
    Check(names.AREA, names.look, When.ALWAYS),
    Check(certificate.AREA, certificate.look),
    Check(room.AREA, room.look, When.ALWAYS),
    Check(sizing.AREA, sizing.look, When.ALWAYS),
    Check(clock.AREA, clock.look, When.ALWAYS),
    Check(sudo_rules.AREA, sudo_rules.look),
    Check(pam.AREA, pam.look),
    Check(sign_in.AREA, sign_in.look),
    Check(people.AREA, people.look),
    Check(permissions.AREA, permissions.look),
    Check(python.AREA, python.look),
    Check(hub_state.DATABASE, hub_state.look),
    Check(settings.AREA, settings.look),
    Check(kernels.AREA, kernels.look),
    Check(notify_hook.AREA, notify_hook.look),
    Check(leftovers.AREA, leftovers.look),
    Check(drift.AREA, drift.look),
    Check(people.AREA, people.look_deep, When.DEEP),
    Check(kernels.AREA, kernels.look_deep, When.DEEP),
    Check(login.AREA, login.look, When.DEEP),
)
"""hub_state tells of the proxy's routes too, which it sees in the same look."""
