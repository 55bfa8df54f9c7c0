"""Whether the groups that the culler has other limits for are there: looked at before anything is changed."""

from __future__ import annotations

import grp

from installer.config.culler import Culler
from installer.host import paths
from installer.host.errors import ConfigProblem


def refuse_unfit(settings: Culler) -> None:
    """Raises ConfigProblem for the first that isn't: its members' servers would be stopped too early."""
    for place, entry in enumerate(settings.groups):
        try:
            grp.getgrnam(entry.group)
        except KeyError:
            raise ConfigProblem(
                f"culler.groups[{place}] in {paths.CONFIG_FILE}: there is no group {entry.group}",
                f"make it: sudo groupadd {entry.group}; or take the entry out",
            ) from None
