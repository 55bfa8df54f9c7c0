"""An ACME server in a machine: pebble, which refuses some nonces as the real ones may, with a CA of its own for TLS."""

from __future__ import annotations

import json

from tests.system.machine import Machine
from tests.system.visitor import until

DIRECTORY = "https://localhost:14000/dir"
CA_FILE = "/srv/pebble/ca.pem"

_CERTIFICATES = """
set -e
cd /srv/pebble
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=pebble' -keyout ca.key -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout wfe.key -out wfe.csr
printf 'subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\nbasicConstraints=critical,CA:FALSE\n' > extensions
openssl x509 -req -in wfe.csr -CA ca.pem -CAkey ca.key -days 30 -extfile extensions -out wfe.pem
"""

_UNIT = """\
[Service]
Environment=PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=10
ExecStart=/usr/bin/pebble -config /srv/pebble/pebble.json -strict
"""


def install_pebble(machine: Machine) -> None:
    """Install it; it isn't started yet."""
    words = ["apt-get", "-qq", "--yes", "--no-install-recommends", "install", "pebble"]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    if not machine.run(words, env=environment, check=False, timeout=300).ok:
        machine.run(["apt-get", "-qq", "update"], timeout=300)
        machine.run(words, env=environment, timeout=300)
    machine.put("/etc/systemd/system/pebble.service", _UNIT)
    machine.run("mkdir -p /srv/pebble && systemctl daemon-reload")
    machine.run(_CERTIFICATES)


def start_pebble(machine: Machine, *, validity: int) -> None:
    """Start it, with no memory of accounts or certificates. validity: seconds that certificates last."""
    settings = {
        "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/srv/pebble/wfe.pem", "privateKey": "/srv/pebble/wfe.key", "httpPort": 80, "tlsPort": 443,
        "retryAfter": {"authz": 1, "order": 1}, "certificateValidityPeriod": validity, "ocspResponderURL": "",
        # What newer ones read in its place; older ones pass it over.
        "profiles": {"default": {"description": "The only one.", "validityPeriod": validity}},
        "externalAccountBindingRequired": False,
    }  # fmt: skip
    machine.put("/srv/pebble/pebble.json", json.dumps({"pebble": settings}))
    machine.run(["systemctl", "restart", "pebble"])
    asked = ["curl", "--silent", "--cacert", CA_FILE, DIRECTORY]
    until("pebble to answer", lambda: machine.run(asked, check=False).ok)
