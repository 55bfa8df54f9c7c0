"""installer apply: make the host what the config says."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape

from installer.cli import output, plan_text
from installer.cli.arguments import Commands
from installer.commands import neighbours, shared, tls
from installer.commands.alone import alone
from installer.commands.older import refuse_older
from installer.commands.ports_taken import refuse_taken
from installer.commands.situation import Situation, look
from installer.engine.plan import Plan
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ExitCode
from installer.host.invoker import asking

if TYPE_CHECKING:
    from installer.commands.apply import Applied


def register(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser("apply", help="make this server what the config says", description=__doc__)
    command.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    command.add_argument(
        "--keep",
        action="append",
        metavar="PATH",
        default=[],
        help="leave this file as it was changed by hand, now and by later runs; say it again for another",
    )
    command.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")
    command.add_argument("--json", action="store_true", help="print the result for programs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Plan, show it, ask where somebody can answer, carry it out, sum up."""
    with alone("apply"):
        situation = look(arguments.keep)
        since = situation.store.interrupted()
        if since is not None:
            output.note(f"The run of {since} did not come to its end; this one goes on from there.")
        refuse_taken(situation.site)
        neighbours.refuse_broken(situation.site)
        output.tell_notes([*tls.expiring(situation.site), *neighbours.notes(situation.site)])
        plan = situation.plan()
        refuse_older(situation, plan)
        output.tell_notes(shared.notes(plan))
        # A run that was killed while it verified has left nothing to change, and still has to be verified.
        to_do = not plan.empty or since is not None or situation.config_text != situation.found_text
        if arguments.dry_run or not to_do:
            output.show(plan_text.plan_json(plan) if arguments.json else None, _planned(situation, plan))
            return ExitCode.DONE
        if not arguments.json and output.terminal() and not arguments.yes:
            output.show(None, _planned(situation, plan))
            if not output.agreed("Make these changes?"):
                output.out.print("Nothing was changed.")
                return ExitCode.DONE
        # An HTTP client and more that a run with nothing to do, the usual one, needn't wait for.
        from installer.commands.apply import apply  # noqa: PLC0415

        if situation.site.config.auth.is_oauth:
            from installer.commands.login_provider import refuse_liar  # noqa: PLC0415

            refuse_liar(situation.site)
        applied = apply(situation, plan, asking(), output.Progress())
    output.tell_pruned(applied.pruned.trouble)
    degraded = applied.generation.degraded
    result = {
        **plan_text.plan_json(plan),
        "generation": applied.generation.number,
        "url": situation.site.url,
        "degraded": degraded,
    }
    output.show(result if arguments.json else None, summary(situation, applied))
    return ExitCode.DEGRADED if degraded else ExitCode.DONE


def _planned(situation: Situation, plan: Plan) -> list[str]:
    config = plan_text.config_lines(situation.found_text, situation.config_text)
    return [*config, *plan_text.plan_lines(plan)]


def summary(situation: Situation, applied: Applied) -> list[str]:
    """The few lines an admin needs after an apply; the password of an account we made is in the first one alone."""
    site = situation.site
    return [
        "",
        f"[bold green]The hub is up:[/] [bold]{escape(site.url)}[/]   "
        f"(generation {applied.generation.number}; a server starts in {applied.spawn_seconds:.1f} s)",
        "",
        *_login_lines(situation.site),
        f"  admins    {escape(', '.join(site.admin_users)) or 'nobody'}",
        *_admin_lines(situation, first=applied.generation.number == 1),
        *_certificate_lines(situation, applied.generation.degraded),
        f"  config    {paths.CONFIG_FILE}, {paths.CONF_D}/*.py",
        f"  data      {paths.HUB_STATE} (the hub's), /home (people's)",
        *_kernel_lines(situation, applied.generation.degraded),
        *down_lines(applied),
        "  logs      journalctl --unit=jupyterhub (also jupyterhub-proxy, jupyterhub-culler, nginx)",
        "",
        "  next      sudo python3 -m installer status",
    ]


def _login_lines(site: Site) -> list[str]:
    """Who logs in how."""
    if site.config.auth.is_native:
        return [
            "  log in    with names and passwords of the hub's own; let people in on its page, or:",
            "            sudo python3 -m installer user add NAME, user approve NAME",
            *_notes(site),
        ]
    if not site.config.auth.is_elsewhere:
        return [
            f"  log in    members of the group {paths.MEMBERS_GROUP}, with the password they have on this machine;",
            "            add one: sudo python3 -m installer user add NAME",
            *_notes(site),
        ]
    return [
        f"  log in    with {escape(site.config.auth.service)}: whom auth.allow in {paths.CONFIG_FILE} lets in",
        *_notes(site),
    ]


def _notes(site: Site) -> list[str]:
    # An HTTP client, which a run with nothing to do needn't wait for.
    from installer.commands.login_provider import notes  # noqa: PLC0415

    return [f"            [yellow]{escape(note)}[/]" for note in notes(site)]


def _certificate_lines(situation: Situation, degraded: Mapping[str, str]) -> list[str]:
    site = situation.site
    own_ca = f"{escape(site.url.partition('//')[2].split('/')[0])}/jupyterhub-ca.crt"
    lines = [f"  browser   warns until it trusts this machine's own CA: {own_ca}"]
    missing = [reason for key, reason in degraded.items() if key.startswith("acme-certificate:")]
    if missing:
        lines = [
            f"  browser   [yellow]warns, since there is no certificate of the CA yet:[/] {escape(missing[0])}",
            f"            the next apply asks again, and {paths.CERTIFICATE_TIMER_UNIT} by itself",
        ]
    elif site.behind:
        lines = [
            f"  proxy     is to lead to {site.config.web.listens}: sudo python3 -m installer web snippet haproxy "
            "(or apache, caddy)"
        ]
    elif site.config.tls.mode != "self-signed":
        lines = [
            f"  browser   sees the certificate in {paths.SITE_CERTIFICATE}, renewed by {paths.CERTIFICATE_TIMER_UNIT}"
        ]
    return [*lines, *(f"            [yellow]{escape(note)}[/]" for note in tls.notes(site))]


def down_lines(applied: Applied) -> list[str]:
    """How long people had to wait, where it was noticed."""
    seconds = applied.down_seconds
    return [f"  the hub   did not answer for {seconds:.1f} s; users' servers and kernels went on"] if seconds else []


def _kernel_lines(situation: Situation, degraded: Mapping[str, str]) -> list[str]:
    requests = situation.site.kernels
    there = [request.name for request in requests if f"kernel:{request.name}" not in degraded]
    failed = {key: reason for key, reason in degraded.items() if key.startswith("kernel:")}
    lines = [f"  kernels   {escape(', '.join(there)) or 'the Python of the server itself'}"]
    lines += [f"            [yellow]{escape(key)} is missing:[/] {escape(reason)}" for key, reason in failed.items()]
    return [*lines, "            the next apply tries those again"] if failed else lines


def _admin_lines(situation: Situation, *, first: bool) -> list[str]:
    admin = situation.site.admin
    if not first:
        return []
    if not admin.own:
        also = " and a hub admin" if admin.name in situation.site.admin_users else ""
        return [f"            {escape(admin.name)} ran sudo, and so is a member{also}"]
    password = paths.OWN_ADMIN_PASSWORD.read_text(encoding="ascii").strip()
    return [
        f"            an account of the hub's own, since {escape(admin.reason)}",
        f"            password: [bold]{password}[/]   (shown once; kept in {paths.OWN_ADMIN_PASSWORD})",
    ]
