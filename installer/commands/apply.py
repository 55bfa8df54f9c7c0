"""Make the host what the config says."""

from __future__ import annotations

from dataclasses import dataclass

from installer.commands import config_file, first_admin, health, selftest
from installer.commands.downtime import Downtime
from installer.commands.pruning import Pruned, prune
from installer.commands.situation import Situation
from installer.commands.summary import sentence
from installer.engine.executor import Reporter
from installer.engine.plan import Plan
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation, Store
from installer.features.site import Site
from installer.host import paths


@dataclass(frozen=True)
class Applied:
    """What an apply came to.

    spawn_seconds: how long the self-test's server took to start. pruned: what was too old to be kept any longer.
    down_seconds: how long the hub did not answer; None where there was none before.
    """

    generation: Generation
    spawn_seconds: float
    pruned: Pruned
    down_seconds: float | None


def apply(situation: Situation, plan: Plan, by: str, reporter: Reporter) -> Applied:
    """Carry the plan out, wait until the hub answers, start one real server; the next generation is the result.

    by: the account that asked for it. Raises the Problem that stopped it, after going back.
    """
    request = Request(
        desired=situation.desired,
        by=by,
        config=situation.config_text,
        remembered=first_admin.to_remember(situation.site.admin),
        summary=sentence(situation.store.newest(), situation.config_text, plan),
    )
    store, found = situation.store, situation.found_text
    store.prepare()
    if situation.config_text == found:
        return bring_about(store, situation.site, request, plan, reporter)
    with config_file.read(paths.CONFIG_FILE).replaced(situation.config_text, applied=found, newest=store.newest_number):
        return bring_about(store, situation.site, request, plan, reporter)


def bring_about(store: Store, site: Site, request: Request, plan: Plan, reporter: Reporter) -> Applied:
    """Carry a plan out, and see by a real server that the site is in order. Raises Problem, after going back."""
    spawn_seconds = 0.0
    downtime = Downtime(site)

    def verify() -> None:
        nonlocal spawn_seconds
        reporter.step("wait for the hub to answer through nginx")
        health.wait_until_healthy(site)
        reporter.step("start a throw-away member's server, and stop it again")
        spawn_seconds = selftest.run_selftest(site)
        downtime.end()  # kernels may be built now, for minutes

    with downtime:
        generation = carry_out(store, request, plan, reporter, verify)
    return Applied(store.take_up_history(generation), spawn_seconds, prune(store), downtime.seconds)
