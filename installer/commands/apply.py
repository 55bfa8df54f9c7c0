"""Make the host what the config says."""

from __future__ import annotations

from dataclasses import dataclass

from installer.commands import first_admin, health, selftest
from installer.commands.situation import Situation
from installer.engine.executor import Reporter
from installer.engine.plan import Plan
from installer.engine.run import Request, carry_out
from installer.engine.store import Generation


@dataclass(frozen=True)
class Applied:
    """What an apply came to.

    spawn_seconds: how long the self-test's server took to start.
    """

    generation: Generation
    spawn_seconds: float


def apply(situation: Situation, plan: Plan, by: str, reporter: Reporter) -> Applied:
    """Carry the plan out, wait until the hub answers, start one real server; the next generation is the result.

    by: the account that asked for it. Raises the Problem that stopped it, after going back.
    """
    spawn_seconds = 0.0

    def verify() -> None:
        nonlocal spawn_seconds
        reporter.step("wait for the hub to answer through nginx")
        health.wait_until_healthy(situation.site)
        reporter.step("start a throw-away member's server, and stop it again")
        spawn_seconds = selftest.run_selftest(situation.site)

    request = Request(
        desired=situation.desired,
        by=by,
        config=situation.config_text,
        remembered=first_admin.to_remember(situation.site.admin),
    )
    situation.store.prepare()
    generation = carry_out(situation.store, request, plan, reporter, verify)
    generation = situation.store.take_up_history(generation)
    return Applied(generation, spawn_seconds)
