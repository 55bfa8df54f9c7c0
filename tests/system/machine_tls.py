"""A machine's certificate as others see it, and what keeps it fresh."""

from __future__ import annotations

import socket
import ssl
import time

from cryptography import x509

from tests.system.machine import Machine
from tests.system.visitor import HOST

HUB_CERTIFICATE = "/etc/jupyterhub/tls/hub.crt"
KEEPER = "jupyterhub-certificate.service"

AGED = """
from datetime import timedelta
from installer.host import paths
from installer.pki import issuing
from installer.pki.pair import Pair, names_of, read_certificate, read_key

issuing._SKEW = timedelta(days=300)
authority = Pair((read_certificate(paths.CA_CERTIFICATE),), read_key(paths.CA_KEY))
names = names_of(read_certificate(paths.SITE_CERTIFICATE))
issuing.new_site(authority, names).write(paths.SITE_CERTIFICATE, paths.SITE_KEY)
"""
"""For the server environment's Python: put a certificate in place that was made 300 days ago."""


def shown(machine: Machine, name: str = HOST) -> x509.Certificate:
    """What nginx shows to those who ask for a name from outside."""
    # Having been told to reload, its old workers go on taking connections beside the new ones for a tenth of a second.
    time.sleep(1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((machine.address, 443), timeout=10) as line,
        context.wrap_socket(line, server_hostname=name) as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")


def in_place(machine: Machine) -> x509.Certificate:
    """What is on the disk for nginx."""
    return x509.load_pem_x509_certificate(machine.read(HUB_CERTIFICATE).encode())


def keep(machine: Machine, *, fails: bool = False) -> str:
    """Do what the timer does. Returns what the service has said this time."""
    # The timer's runs are hours apart; systemd refuses more than five in ten seconds.
    machine.run(["systemctl", "reset-failed", KEEPER, "jupyterhub-acme.service"], check=False)
    done = machine.run(["systemctl", "start", KEEPER], check=False, timeout=300)
    asked = machine.run(["systemctl", "show", "--property=InvocationID", "--value", KEEPER]).stdout.strip()
    said = machine.run(["journalctl", "--output=cat", f"_SYSTEMD_INVOCATION_ID={asked}"]).stdout
    assert done.ok is not fails, said
    return said
