"""Returning to an earlier generation: all that it had, as it was then, and the config that had asked for it.

What runs of the present one goes on; people's files stay, and what the database of the hub has learned since. Only
where that JupyterHub knows nothing of what the database has become, a copy from before takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from installer.commands import config_file, first_admin, generations, hub_database, keeping
from installer.commands.apply import Applied, bring_about
from installer.commands.config_file import ConfigFile
from installer.commands.hub_database import Return
from installer.engine.executor import Reporter
from installer.engine.plan import Plan, make_plan
from installer.engine.resource import Resource
from installer.engine.run import Request
from installer.engine.store import Generation, Store
from installer.features.site import Site
from installer.host import facts, paths
from installer.host.errors import Problem
from installer.kernels import revisions
from installer.resources.hub_database import HubDatabase
from installer.resources.kernel import Kernel
from installer.resources.server_environment import ServerEnvironment


@dataclass(frozen=True)
class WayBack:
    """A return that has been thought through, and not begun.

    goal, desired: the generation to return to, and all that it had. newest: the one that the host is in now.
    config: the file as it stands. site: what is to be found in order at the end.
    database: the copy that the hub's database is replaced by, None where it isn't.
    """

    store: Store
    goal: Generation
    newest: Generation
    desired: tuple[Resource, ...]
    config: ConfigFile
    site: Site
    plan: Plan
    database: Return | None

    @property
    def empty(self) -> bool:
        """Whether all is as it was then."""
        return self.plan.empty and self.config.says(self.goal.config)


def look(said: str | None) -> WayBack:
    """See what a return would change. Raises Problem where it can't be done; nothing has been changed then.

    said: the generation's number as it was typed; the one before the newest if None.
    """
    store = generations.here()
    newest = store.generation(store.numbers()[-1])
    goal = generations.meant(store, said) if said is not None else generations.one_before(store)
    desired = tuple(_as_recorded(store.resources_of(goal), goal))
    _refuse_gone(desired, goal)
    site = _site(goal, desired)
    desired, returning = _with_database(desired, goal)
    plan = make_plan(desired, store.managed(), store.left(), keeping.kept_keys(site.config, desired, store))
    return WayBack(store, goal, newest, desired, config_file.read(paths.CONFIG_FILE), site, plan, returning)


def roll_back(way: WayBack, by: str, reporter: Reporter) -> Applied:
    """Go there: the result is a new generation. Raises the Problem that stopped it, after undoing what it changed.

    by: the account that asked for it.
    """
    request = Request(
        desired=way.desired,
        by=by,
        config=way.goal.config,
        remembered=way.goal.remembered,
        summary=f"back to generation {way.goal.number}" + (", and the database of then" if way.database else ""),
        version=way.goal.version,
        back_to=way.goal.number,
    )
    way.store.prepare()
    with way.config.replaced(way.goal.config, applied=way.newest.config, newest=way.store.newest_number):
        return bring_about(way.store, way.site, request, way.plan, reporter)


def _as_recorded(resources: Mapping[str, Resource], goal: Generation) -> Iterator[Resource]:
    for resource in resources.values():
        if isinstance(resource, Kernel):
            yield resource.model_copy(update={"reason": f"back to generation {goal.number}"})
        else:
            yield resource


def _with_database(desired: tuple[Resource, ...], goal: Generation) -> tuple[tuple[Resource, ...], Return | None]:
    """All that the generation had, with the database as its JupyterHub needs it. Raises Problem."""
    others = tuple(resource for resource in desired if not isinstance(resource, HubDatabase))
    for environment in _environments(desired):
        database, returning = hub_database.fitting(environment.path, goal.number)
        return (*others, *([database] if database else [])), returning
    return others, None


def _environments(desired: tuple[Resource, ...]) -> Iterator[ServerEnvironment]:
    return (resource for resource in desired if isinstance(resource, ServerEnvironment))


def _refuse_gone(desired: tuple[Resource, ...], goal: Generation) -> None:
    """Raise Problem where an environment that the generation had is on the disk no more."""
    environments = _environments(desired)
    gone = [f"the server environment {each.path}" for each in environments if each.probe() != each.wanted()]
    for kernel in desired:
        if isinstance(kernel, Kernel) and kernel.revision is not None:
            prefix = revisions.place(kernel.name, kernel.revision)
            if revisions.completed(prefix) is None:
                gone.append(f"the kernel {kernel.name!r} at {prefix}")
    if gone:
        raise Problem(
            f"generation {goal.number} can't be returned to, since {gone[0]} isn't there any more",
            "put its config back by hand and run apply, which builds what is missing; the config's text: "
            f"sudo python3 -m installer diff {goal.number}",
            "\n".join(f"nor is {each}" for each in gone[1:]),
        )


def _site(goal: Generation, desired: tuple[Resource, ...]) -> Site:
    """What the hub of that generation is to the outside, to see it in order."""
    host = facts.gather()
    admin = first_admin.choose(goal.remembered)
    revision = next((each.path.name for each in _environments(desired)), "")
    return Site(generations.config_of(goal), host, admin, revision, ())
