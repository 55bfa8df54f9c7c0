"""Where config and lists have somebody's account by name.

What they grant somebody follows them to another name, and goes when they go: hub.admin_users, limits.users,
culler.exempt. Whom they let in is the admin's to say, and to be mended before a name changes.
"""

from __future__ import annotations

from pathlib import Path

from installer.commands import part, user_lists
from installer.commands.situation import Situation
from installer.config import edit
from installer.config.models import Config
from installer.engine.executor import Reporter
from installer.host import paths
from installer.host.errors import Problem


def given(situation: Situation, name: str, new: str | None) -> str:
    """The config's text that grants another what it grants somebody, or, with None, nobody. Raises ConfigProblem."""
    text, admins = situation.config_text, situation.site.admin_users
    if name in admins:
        others = dict.fromkeys(new if each == name else each for each in admins)
        text = edit.with_admins(text, [each for each in others if each is not None])
    return edit.with_account(text, name, new)


def bring_about(situation: Situation, edited: part.Edit, told: Reporter) -> bool:
    """Have an edit's text be the config; whether it says anything new. Raises Problem."""
    if edited.text == situation.config_text:
        return False
    part.bring_about(situation, edited, told)
    return True


def edit_of(text: str, summary: str, by: str) -> part.Edit:
    """The edit that has that be the config."""
    return part.Edit(text, (paths.HUB_UNIT, paths.CULLER_UNIT), summary, by)


def refuse(config: Config, name: str, new: str) -> None:
    """Raise Problem where somebody would get out of a rule, or out of reach, by having another name."""
    if new in config.limits.users:
        raise Problem(
            f"limits.users of {paths.CONFIG_FILE} names {new} already",
            f"take what it says of {new} out, or give {name} another name",
        )
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
