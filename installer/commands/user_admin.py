"""The hub's admins. `hub.admin_users` of the config says who they are; here it is edited, and brought about.

The hub takes them from there when it starts, and from nowhere else: what JupyterHub has kept of earlier ones in its
database goes then. Its restart takes seconds and reaches nobody's server.
"""

from __future__ import annotations

from collections.abc import Sequence

from installer.commands import allowed, part
from installer.commands import user_accounts as accounts
from installer.commands.situation import Situation, look
from installer.config import edit
from installer.engine.executor import Reporter
from installer.host import paths
from installer.host.errors import Problem


def appoint(name: str, by: str, told: Reporter) -> bool:
    """Make somebody an admin; whether they were none by the config. Raises Problem."""
    if accounts.find(accounts.checked_name(name)) is None:
        raise Problem(f"there is no account {name}", f"make it: installer user add {name} --admin")
    if name not in accounts.members(paths.MEMBERS_GROUP):
        raise Problem(f"{name} may not log in", f"let them in first: installer user add {name}, or user enable {name}")
    situation = look()
    admins = situation.site.admin_users
    if name in admins:
        return False
    _set(situation, [*admins, name], by, f"user {name}: a hub admin", told)
    return True


def dismiss(name: str, by: str, told: Reporter) -> bool:
    """Make somebody no admin any more; whether they were one by the config. Raises Problem."""
    situation = look()
    admins = situation.site.admin_users
    if name in admins:
        _set(situation, [each for each in admins if each != name], by, f"user {name}: no hub admin any more", told)
    if accounts.find(accounts.checked_name(name)) and allowed.ask(allowed.owners().get(name, name), (), (), ()).admin:
        raise Problem(
            f"{name} is a hub admin still: hub.admin_users is not the only place that says who is",
            "take them out of auth.allow.file, or of the groups of auth.allow.admin_groups",
        )
    return name in admins


def _set(situation: Situation, admins: Sequence[str], by: str, why: str, told: Reporter) -> None:
    text = edit.with_admins(situation.config_text, admins)
    part.bring_about(situation, part.Edit(text, (paths.HUB_UNIT,), why, by), told)
