"""Where the admin's own lists have somebody's account by name: those are to be mended before the name changes."""

from __future__ import annotations

from pathlib import Path

from installer.commands import user_lists
from installer.config.models import Config
from installer.host import paths
from installer.host.errors import Problem


def refuse(config: Config, name: str) -> None:
    """Raise Problem where somebody would get out of a rule, or out of reach, by having another name."""
    places = mentions(config, name)
    if places:
        raise Problem(
            f"{name} is named in {' and '.join(places)}",
            "change the name there first: who has it is gone by it until then",
        )


def mentions(config: Config, name: str) -> list[str]:
    """The places that name an account of this machine."""
    auth = config.auth
    found = []
    if name in auth.blocked:
        found.append(f"auth.blocked of {paths.CONFIG_FILE}")
    if not auth.is_elsewhere and name in auth.allow.users:
        found.append(f"auth.allow.users of {paths.CONFIG_FILE}")
    # What is said there of people who come from a provider are their names there.
    if not auth.is_elsewhere and auth.allow.file and name in user_lists.names(Path(auth.allow.file)):
        found.append(auth.allow.file)
    return found
