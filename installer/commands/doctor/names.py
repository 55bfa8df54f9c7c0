"""The site's name: whether it leads here."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from installer.commands.doctor.finding import Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths
from installer.host.process import CommandFailed, run
from installer.pki.pair import is_address

AREA = "name"
_PATIENCE = 2.0


def look(server: Server) -> list[Finding]:
    """Look the name up as every program of this machine does."""
    site = server.known.site
    if is_address(site.host):
        return judge_address(site.host, site.facts.addresses, configured=site.config.hub.domain is not None)
    try:
        said = run(["getent", "ahosts", site.host], check=False, timeout=_PATIENCE).stdout
    except CommandFailed:
        what = f"no name server has said within {_PATIENCE:.0f} s where {site.host} is"
        return [warning(AREA, what, f"see /etc/resolv.conf: resolvectl status; getent ahosts {site.host}")]
    return judge(site.host, tuple(dict.fromkeys(line.split()[0] for line in said.splitlines())), site.facts.addresses)


def judge_address(address: str, own: Sequence[str], *, configured: bool) -> list[Finding]:
    """Judge an address that stands for the site's name; configured: whether the config says so, or nothing else can."""
    if address in own:
        what = f"the site is at {address}, which is this machine's"
        return [ok(AREA, what if configured else f"{what} (it has no full name; hub.domain would give it one)")]
    what = f"the site's address {address} is none of this machine's ({', '.join(own) or 'it has none'})"
    return [warning(AREA, what, f"right behind NAT; else set hub.domain in {paths.CONFIG_FILE}")]


def judge(name: str, found: Sequence[str], own: Sequence[str]) -> list[Finding]:
    """Judge where a name leads. found: the addresses that it has; own: this machine's."""
    record = f"{name}. A {own[0]}" if own else f"{name}."
    if not found:
        what = f"{name} leads nowhere: no name server and no line in /etc/hosts knows it"
        return [problem(AREA, what, f"add a record to your DNS ({record}), or mend hub.domain in {paths.CONFIG_FILE}")]
    here = [address for address in found if address in own or ipaddress.ip_address(address).is_loopback]
    if not here:
        what = f"{name} is {', '.join(found)}, and this machine is {', '.join(own) or 'without an address'}"
        return [warning(AREA, what, f"right behind NAT or a load balancer; else mend the DNS record: {record}")]
    return [ok(AREA, f"{name} leads here")]
