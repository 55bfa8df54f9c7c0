"""Groups and accounts that the config names, and this machine has to have: looked at before anything is changed."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator

from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ConfigProblem


def refuse_unknown(site: Site) -> None:
    """Raises ConfigProblem for the first that isn't there: a rule would hold for nobody, and nobody would notice."""
    for place, name in _groups(site):
        try:
            grp.getgrnam(name)
        except KeyError:
            what = f"{place} in {paths.CONFIG_FILE}: this machine has no group {name}"
            hint = f"mend the name, or put somebody in, which makes it: installer user group add {name} NAME"
            raise ConfigProblem(what, hint) from None
    for place, name in _accounts(site):
        try:
            pwd.getpwnam(name)
        except KeyError:
            what = f"{place} in {paths.CONFIG_FILE}: this machine has no account {name}"
            hint = f"mend the name, make the account (installer user add {name}), or take it out (user remove {name})"
            raise ConfigProblem(what, hint) from None


def _groups(site: Site) -> Iterator[tuple[str, str]]:
    """Where the config names a group, and which."""
    config = site.config
    for name in config.limits.groups:
        yield f"limits.groups.{name}", name
    for place, entry in enumerate(config.culler.groups):
        yield f"culler.groups[{place}]", entry.group
    for place, shared in enumerate(config.shared):
        if shared.group != paths.MEMBERS_GROUP:  # which is made where it isn't there
            yield f"shared[{place}]", shared.group


def _accounts(site: Site) -> Iterator[tuple[str, str]]:
    if site.creates_accounts:  # somebody may well be named before theirs is made
        return
    for name in site.config.limits.users:
        yield f"limits.users.{name}", name
    for place, name in enumerate(site.config.culler.exempt):
        yield f"culler.exempt[{place}]", name
