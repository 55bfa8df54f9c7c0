"""Where every command starts: the config, the facts, what earlier runs did, and so what the host should be."""

from __future__ import annotations

from dataclasses import dataclass

from installer.commands import first_admin, notify, tls
from installer.config.load import Loaded, load_file
from installer.engine.plan import Plan, make_plan
from installer.engine.resource import Resource
from installer.engine.store import Store
from installer.features.everything import desired
from installer.features.site import Site
from installer.host import facts, paths
from installer.kernels.request import read_requests
from installer.resources.kinds import KINDS
from installer.resources.revision_id import read_ingredients, revision_id


@dataclass(frozen=True)
class Situation:
    """All that is needed to plan.

    config_text: the config file as it stands, kept with the generation that it leads to.
    """

    site: Site
    store: Store
    desired: tuple[Resource, ...]
    config_text: str

    def plan(self) -> Plan:
        """What would change now. Raises Conflict."""
        return make_plan(self.desired, self.store.managed(), self.store.left())


def look() -> Situation:
    """Read the config and the host; nothing is changed. Raises ConfigProblem, Conflict, Problem."""
    loaded = load_file(paths.CONFIG_FILE)
    notify.refuse_unfit(loaded.config.notify)
    situation = seen(loaded)
    tls.refuse_unfit(situation.site)
    return situation


def seen(loaded: Loaded) -> Situation:
    """The same for a config that has been read. Raises ConfigProblem, Conflict, Problem."""
    host = facts.gather()
    store = Store(paths.INSTALLER_STATE, KINDS)
    admin = first_admin.choose(store.remembered())
    site = Site(
        loaded.config,
        host,
        admin,
        revision_id(read_ingredients(host.python, host.machine)),
        read_requests(loaded.config),
    )
    return Situation(site, store, desired(site), loaded.text)
