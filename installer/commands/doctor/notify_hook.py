"""The hook that tells of failures: every unit of ours names it, and what it runs can be run."""

from __future__ import annotations

from collections.abc import Mapping

from installer.commands import health
from installer.commands.doctor.finding import APPLY, Finding, ok, problem
from installer.commands.doctor.server import Server
from installer.commands.notify import unfit
from installer.features.programs import on_failure
from installer.host.process import run

AREA = "notify"


def look(server: Server) -> list[Finding]:
    """Ask systemd what each unit starts when it fails."""
    site = server.known.site
    ways = site.config.notify.ways
    ours = [unit for unit in health.units(site) if unit.startswith("jupyterhub")]
    # What each has, systemd says in the order in which it was asked.
    said = run(["systemctl", "show", "--property=OnFailure", "--value", "--", *ours], timeout=5).stdout
    hooks = dict(zip(ours, (block.strip() for block in said.split("\n\n")), strict=False))
    failed = run(
        ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "jupyterhub-notify-failed@*"], timeout=5
    )
    return judge(
        [f"{way} {to}" for way, to in ways],
        {unit: (hooks.get(unit, ""), on_failure(unit, site)) for unit in ours},
        unfit(site.config.notify),
        [line.split()[0] for line in failed.stdout.splitlines()],
    )


def judge(
    ways: list[str], hooks: Mapping[str, tuple[str, str]], wrong: tuple[str, str] | None, failed: list[str]
) -> list[Finding]:
    """Judge the hook.

    ways: how somebody is told. hooks: for each unit, what it starts and what it should. wrong: what is wrong with the
    command, and what mends it. failed: runs of the hook that have failed.
    """
    if not ways:
        return [ok(AREA, "off: nobody is told when a unit fails (notify.command, notify.mail)")]
    found = [problem(AREA, *wrong)] if wrong is not None else []
    for unit, (has, should) in hooks.items():
        if should not in has.split():
            found.append(problem(AREA, f"nobody is told when {unit} fails: OnFailure= is {has or 'empty'}", APPLY))
    for unit in failed:
        what = f"{unit} has failed: nobody was told then"
        found.append(
            problem(AREA, what, f"see why (journalctl --unit={unit}); then: sudo systemctl reset-failed {unit}")
        )
    return found or [ok(AREA, f"{', '.join(ways)}")]
