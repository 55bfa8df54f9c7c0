"""A machine's own network: a namespace with one interface, a subnet of four addresses, NAT to the outside."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.system.machine_process import run

TAP = "tap0"
"""The device of a network that a kernel of its own is connected by, where the machine has one."""
NEIGHBOURS = ("169.254.0.1/30", "169.254.0.2/30")
"""The addresses by which programs in such a machine's namespace, and it, reach each other: they share no other."""

BASE = ipaddress.IPv4Network(os.environ.get("MACHINES_NETWORK", "10.71.0.0/16"))
"""Subnets are cut from here; set MACHINES_NETWORK where the host's own network overlaps."""


@dataclass(frozen=True)
class Network:
    """The network of machine `number`; everything about it follows from that number."""

    number: int

    @property
    def namespace(self) -> str:
        """The network namespace, as `ip netns` calls it."""
        return f"jhtest{self.number}"

    @property
    def path(self) -> Path:
        """The namespace as a file, for systemd-nspawn."""
        return Path("/run/netns", self.namespace)

    @property
    def host_address(self) -> str:
        """The host's end, the guest's default route."""
        return str(BASE[4 * self.number + 1])

    @property
    def address(self) -> str:
        """The guest's address, reachable from the host."""
        return str(BASE[4 * self.number + 2])

    def create(self) -> None:
        """Make namespace, interfaces and NAT."""
        name = self.namespace
        mtu = _uplink_mtu()
        run(["ip", "netns", "add", name])
        run(["ip", "link", "add", name, "mtu", mtu, "type", "veth", "peer", "name", "eth0", "mtu", mtu, "netns", name])
        run(["ip", "addr", "add", f"{self.host_address}/30", "dev", name])
        run(["ip", "link", "set", name, "up"])
        run(["ip", "-n", name, "addr", "add", f"{self.address}/30", "dev", "eth0"])
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        run(["ip", "-n", name, "link", "set", "eth0", "up"])
        rules = f"""
            table ip {name} {{
                chain outward {{
                    type nat hook postrouting priority 100;
                    ip saddr {self.address} oifname != "{name}" masquerade
                }}
            }}
        """
        run(["nft", "-f", "-"], stdin=rules)
        self.online()

    def hand_over(self) -> None:
        """Give the guest's address away: from here on it is that of whoever is at TAP in the namespace.

        Programs in the namespace reach it as the host does.
        """
        inside = ["ip", "-n", self.namespace]
        run([*inside, "addr", "flush", "dev", "eth0"])
        run([*inside, "link", "add", "br0", "type", "bridge"])
        run([*inside, "tuntap", "add", "dev", TAP, "mode", "tap"])
        for port in ("eth0", TAP):
            run([*inside, "link", "set", port, "master", "br0"])
        for device in (TAP, "br0"):
            run([*inside, "link", "set", device, "up"])
        run([*inside, "addr", "add", NEIGHBOURS[0], "dev", "br0"])
        run([*inside, "route", "add", self.address, "dev", "br0"])

    def online(self) -> None:
        """Let the guest reach the outside."""
        run(["ip", "-n", self.namespace, "route", "replace", "default", "via", self.host_address])

    def offline(self) -> None:
        """Cut the guest off from everything but the host: new connections fail at once, those under way stall."""
        run(["ip", "-n", self.namespace, "route", "del", "default"], check=False)

    def remove(self) -> None:
        """Take away what `create` made, as far as it is there."""
        run(["nft", "delete", "table", "ip", self.namespace], check=False)
        run(["ip", "link", "del", self.namespace], check=False)
        run(["ip", "netns", "del", self.namespace], check=False)


def _uplink_mtu() -> str:
    """The MTU of the host's way out; larger packets from a guest would get lost where ICMP is filtered."""
    found = re.search(r"\bdev (\S+)", run(["ip", "-4", "route", "show", "default"]).stdout)
    return Path(f"/sys/class/net/{found[1]}/mtu").read_text().strip() if found else "1500"
