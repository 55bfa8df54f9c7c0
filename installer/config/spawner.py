"""How people's servers are started."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from installer.config.kinds import Unfit
from installer.config.section import Section, setting
from installer.config.spawner_values import VariableNames
from installer.config.tls_values import Switch


class Spawner(Section):
    """How people's servers are started."""

    kind: Literal["sudo", "systemd"] = setting(
        "sudo",
        "`sudo` is sudospawner: one rule of sudo's lets the hub start members' servers. `systemd` has systemd start "
        "each as a service of its own; sudo has no part in it.",
        example="systemd",
    )
    private_tmp: Switch | None = setting(
        None,
        "For `systemd`: each server has a `/tmp` of its own, which goes with it.",
        example=False,
        unset="true with `systemd`",
    )
    no_new_privileges: Switch = setting(
        False,
        "For `systemd`: nothing in a server, a terminal in it included, can become another account (`sudo`, `su`, "
        "`ping` in some distributions).",
        example=True,
    )
    environment: VariableNames = setting(
        (),
        "For `systemd`: further variables that servers may be given by the hub's own settings "
        "(`c.Spawner.environment`); those that say how programs are found and loaded are never among them.",
        example=["HTTPS_PROXY", "NO_PROXY"],
    )

    @classmethod
    def along(cls, name: str) -> dict[str, object]:
        """What has to be said for a key to mean anything."""
        return {} if name == "kind" else {"kind": "systemd"}

    @model_validator(mode="after")
    def _means_something(self) -> Spawner:
        # Whoever asks for a server that can't become another account must not believe to have it.
        for name in ("private_tmp", "no_new_privileges", "environment"):
            if self.by_sudo and getattr(self, name):
                raise Unfit(
                    "of no effect with kind sudo", expected="kind: systemd beside it, or no such key", below=(name,)
                )
        return self

    @property
    def by_sudo(self) -> bool:
        """Whether sudospawner starts them."""
        return self.kind == "sudo"

    @property
    def has_private_tmp(self) -> bool:
        """Whether each server has a /tmp of its own."""
        return self.kind == "systemd" and self.private_tmp is not False
