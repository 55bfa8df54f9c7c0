"""The certificate that nginx really shows, and having it show another."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from cryptography import x509

from installer.host import refreshes, systemd
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run
from installer.pki.pair import read_certificate

NGINX = "nginx.service"


def shown(host: str) -> x509.Certificate | None:
    """What nginx shows to those who ask for the site; None where it can't be asked.

    Whether to trust it is not the question here.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), timeout=2) as line,
            context.wrap_socket(line, server_hostname=host) as tls,
        ):
            data = tls.getpeercert(binary_form=True)
    except OSError:
        return None
    return x509.load_der_x509_certificate(data) if data else None


def have_shown(host: str, certificate: Path, *, changed: bool) -> bool:
    """Have a running nginx show what is in a file, unless it does. Returns whether it was reloaded. Raises Problem.

    changed: the file has just been written. All connections that are open go on.
    """
    if systemd.states([NGINX])[0].active != "active":
        return False  # it reads the file when it starts
    if not changed and shown(host) == read_certificate(certificate):
        return False
    reading = refreshes.reading(map(Path, refreshes.last(NGINX).files))
    try:
        run(["nginx", "-t", "-q"])
        run(["systemctl", "reload", NGINX])
    except CommandFailed as failed:
        raise Problem(
            f"{certificate} is new, and nginx goes on with the one before: its configuration is refused",
            "mend what is named above (nginx -t), then: sudo systemctl reload nginx",
            failed.detail,
        ) from failed
    refreshes.note(NGINX, reading)
    return True
