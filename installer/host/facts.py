"""What the machine is: read once, before anything is decided, and never changed by looking."""

from __future__ import annotations

import json
import os
import platform
import re
import socket
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from installer.host import nginx as nginx_server
from installer.host import paths
from installer.host.nginx import Sites
from installer.host.process import run
from installer.host.system_python import system_python
from installer.host.trusted import changeable_below

_CHECKOUT = Path(__file__).resolve().parents[2]
_PROGRAM = ("installer", "units", "nginx", "sudoers.d", "kernels")
"""What of a checkout is run, or read by what is run."""


class HostFacts(BaseModel):
    """The machine as features need to know it.

    systemd, nginx: versions, nginx None where it isn't installed.
    python: the system Python's full version, e.g. "3.11.2"; python_program: its absolute path.
    hostname: the short or full name the machine has; fqdn: the full one that /etc/hosts gives, else hostname.
    addresses: global IPv4 and IPv6 addresses, in the order of the interfaces.
    memory: bytes of it; cpus: how many there are.
    ipv6: whether the kernel knows IPv6 at all (ipv6.disable=1 takes it away).
    sites: what nginx serves besides us.
    hub_fragments: the admin's own *.py in conf.d.
    checkout: where this installer is; checkout_open: what of it others than root can change, None where nothing is.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    systemd: int
    python: str
    python_program: Path
    machine: str
    hostname: str
    fqdn: str
    addresses: tuple[str, ...]
    memory: int
    cpus: int
    ipv6: bool
    nginx: tuple[int, ...] | None
    sites: Sites
    hub_fragments: tuple[Path, ...] = ()
    checkout: Path = Path("/usr/local/lib/jupyterhub-installer")
    checkout_open: Path | None = None


def gather() -> HostFacts:
    """Read the facts. Reads only; about 0.1 s."""
    hostname = socket.gethostname()
    return HostFacts(
        systemd=_systemd_version(),
        python=platform.python_version(),
        python_program=system_python(),
        machine=platform.machine(),
        hostname=hostname,
        fqdn=_full_name(hostname),
        addresses=_addresses(),
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        cpus=os.cpu_count() or 1,
        ipv6=Path("/proc/net/if_inet6").exists(),
        nginx=nginx_server.version(),
        sites=nginx_server.sites(),
        hub_fragments=tuple(sorted(paths.CONF_D.glob("*.py"))),
        checkout=_CHECKOUT,
        checkout_open=changeable_below([_CHECKOUT / name for name in _PROGRAM]),
    )


def _systemd_version() -> int:
    said = run(["systemctl", "--version"]).stdout
    found = re.match(r"systemd (\d+)", said)
    return int(found.group(1)) if found else 0


def _full_name(hostname: str) -> str:
    """From files alone: a name server that doesn't answer would stop every command for seconds."""
    said = run(["getent", "--service=files", "hosts", hostname], check=False)
    names = said.stdout.split()[1:]
    return next((name for name in names if "." in name and not name.startswith("localhost")), hostname)


def _addresses() -> tuple[str, ...]:
    said = run(["ip", "-json", "address", "show", "scope", "global", "up"])
    interfaces = json.loads(said.stdout or "[]")
    # Bridges and pairs of containers come and go; an address on one isn't where users find this machine.
    own = [i for i in interfaces if not re.match(r"(docker|br-|veth|virbr|lxc|podman|cni)", str(i.get("ifname", "")))]
    return tuple(
        str(info["local"])
        for interface in own
        for info in interface.get("addr_info", ())
        # iproute2 leaves an empty entry for each address that the scope filters out.
        if "local" in info and not info.get("temporary") and not info.get("deprecated")
    )
