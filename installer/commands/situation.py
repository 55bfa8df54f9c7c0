"""Where every command starts: the config, the facts, what earlier runs did, and so what the host should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from installer.commands import (
    branding,
    disk_quotas,
    first_admin,
    keeping,
    limits,
    names_here,
    notify,
    shared,
    sign_in,
    tls,
)
from installer.config.load import Loaded, load_file
from installer.engine.plan import Plan, make_plan
from installer.engine.resource import Resource
from installer.engine.store import Store
from installer.features.everything import desired
from installer.features.site import Site
from installer.host import facts, paths
from installer.kernels.request import read_requests
from installer.resources import schemas
from installer.resources.kinds import KINDS
from installer.resources.revision_id import read_ingredients, revision_id


@dataclass(frozen=True)
class Situation:
    """All that is needed to plan.

    config_text: the config file, as it stands or as it will be, kept with the generation that it leads to.
    found_text: as it stands.
    """

    site: Site
    store: Store
    desired: tuple[Resource, ...]
    config_text: str
    found_text: str

    def plan(self) -> Plan:
        """What would change now. Raises Conflict."""
        keep = keeping.kept_keys(self.site.config, self.desired, self.store)
        return make_plan(self.desired, self.store.managed(), self.store.left(), keep)


def look(keep: Sequence[str] = ()) -> Situation:
    """Read the config and the host; nothing is changed. Raises ConfigProblem, Conflict, Problem.

    keep: files that are to stay as they are from now on, besides those of the config.
    """
    loaded = load_file(paths.CONFIG_FILE)
    notify.refuse_unfit(loaded.config.notify)
    shared.refuse_unfit(loaded.config.shared)
    situation = seen(keeping.with_kept(loaded, keep) if keep else loaded, loaded.text)
    names_here.refuse_unknown(situation.site)
    tls.refuse_unfit(situation.site)
    sign_in.refuse_unfit(situation.site)
    limits.refuse_unfit(situation.site)
    disk_quotas.refuse_unfit(situation.site)
    return situation


def unchecked() -> Situation:
    """The same, for what has to be possible also where the config names accounts or groups that aren't here any more.

    Raises ConfigProblem, Conflict, Problem.
    """
    return seen(load_file(paths.CONFIG_FILE))


def seen(loaded: Loaded, found: str | None = None) -> Situation:
    """The same for a config that has been read. Raises ConfigProblem, Conflict, Problem.

    found: the file's text, where it is still to become that of the config.
    """
    host = facts.gather()
    store = Store(paths.INSTALLER_STATE, KINDS)
    admin = first_admin.choose(store.remembered())
    site = Site(
        loaded.config,
        host,
        admin,
        revision_id(read_ingredients(host.python, host.machine)),
        schemas.of_locks(),
        read_requests(loaded.config),
        branding.read_files(loaded.config.branding),
    )
    return Situation(site, store, desired(site), loaded.text, loaded.text if found is None else found)
