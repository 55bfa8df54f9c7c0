"""A certificate by an ACME server, from the day that it can't be had to the day that nobody wants it any more."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from cryptography import x509

from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_acme import CA_FILE, DIRECTORY, install_pebble, start_pebble
from tests.system.machine_installer import apply_as_root, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.machine_process import Result
from tests.system.machine_tls import KEEPER, in_place, keep, shown
from tests.system.visitor import HOST, Visitor, member, until

pytestmark = pytest.mark.only_on("trixie")

DAYS = 90 * 86400
ACCOUNTS = "/var/lib/jupyterhub-acme/config/accounts"
LAB = "lab.example.org"


@pytest.fixture(scope="module")
def asking(applied_server: Applied) -> Iterator[Machine]:
    """A server whose name is public, and an ACME server that is down."""
    with Machine(applied_server[0]) as machine:
        install_pebble(machine)
        yield machine


class Work:
    """Somebody who runs one cell after the other, over one WebSocket that stays open."""

    def __init__(self, kernel: Kernel) -> None:
        self.cells = 0
        self.troubles: list[str] = []
        self._kernel = kernel
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._over.wait(0.5) and not self.troubles:
            try:
                if self._kernel.run("6 * 7") == "42":
                    self.cells += 1
            except Exception as error:  # noqa: BLE001 - told by the test
                self.troubles.append(repr(error))

    def end(self) -> None:
        """Stop working."""
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def work(asking: Machine) -> Iterator[Work]:
    """Grace is at work since before the certificate changed for the first time."""
    assert apply_as_root(asking).ok
    with member(asking, "grace") as visitor:
        working = Work(visitor.start_kernel())
        yield working
        working.end()


def configure(machine: Machine, *names: str, more: str = "") -> None:
    tls = f"mode: letsencrypt, directory_url: '{DIRECTORY}', ca_file: {CA_FILE}, names: [{', '.join(names)}]{more}"
    machine.put(CONFIG, f"{NO_KERNELS}hub: {{domain: {HOST}}}\ntls: {{{tls}}}\n")


def installer(machine: Machine, *words: str, code: int = 0) -> Result:
    result = machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=False, timeout=300)
    assert result.code == code, result
    assert "Traceback" not in result.output
    return result


def issuer(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()


def names_of(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}


@contextmanager
def asked_all_the_while(machine: Machine) -> Iterator[list[str]]:
    """Request after request over new connections, until the end of the block; what went wrong comes into the list."""
    troubles: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                # Whose certificate it is, is what changes meanwhile.
                answer = httpx.get(f"https://{machine.address}/hub/health", verify=False, timeout=10)  # noqa: S501
                if answer.status_code != httpx.codes.OK:
                    troubles.append(str(answer.status_code))
            except httpx.HTTPError as error:
                troubles.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield troubles
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_ca_that_is_down_leaves_our_own_certificate_up(asking: Machine, work: Work) -> None:
    until("a cell's end", lambda: work.cells)
    configure(asking, HOST)
    result = apply_as_root(asking)
    assert result.code == 3, result
    assert (
        "there is no certificate of the CA yet: the CA gave no certificate: the CA's server localhost:14000"
        in result.stdout
    )
    assert "Connection refused" in result.stdout
    assert "CN=JupyterHub on" in issuer(shown(asking))
    with Visitor(asking) as visitor:
        assert visitor.get("/hub/login").status_code == httpx.codes.OK
    said = installer(asking, "status", code=3).stdout
    assert f"acme-certificate:{HOST} could not be had by the last apply: the CA gave no certificate" in said
    found = json.loads(installer(asking, "doctor", "--json", code=3).stdout)["findings"]
    assert any("can't be reached" in each["what"] for each in found if each["area"] == "certificate")


def test_the_timers_next_run_gets_it(asking: Machine) -> None:
    start_pebble(asking, validity=DAYS)
    keep(asking)
    assert "Pebble Intermediate CA" in issuer(shown(asking))
    assert names_of(shown(asking)) == {HOST}
    installer(asking, "status")
    assert pending(asking) == ""


def test_addresses_and_more_names(asking: Machine) -> None:
    """A name that leads nowhere is told of before the CA is asked; the certificate that there is stays."""
    configure(asking, HOST, LAB, asking.address)
    before = shown(asking)
    result = apply_as_root(asking)
    assert result.code == 3, result
    assert f"the name {LAB} leads nowhere" in result.stdout
    assert shown(asking) == before
    asking.run(f"echo '{asking.address} {LAB}' >> /etc/hosts")
    result = apply_as_root(asking)
    assert result.code == 0, result
    assert "sees the certificate in /etc/jupyterhub/tls/hub.crt" in result.stdout
    assert names_of(shown(asking)) == {HOST, LAB, asking.address}
    timer = asking.run(["systemctl", "cat", "jupyterhub-certificate.timer"]).stdout
    assert "OnCalendar=*-*-* 00/6:00:00" in timer
    assert "--profile shortlived" in asking.run(["systemctl", "cat", "jupyterhub-acme.service"]).stdout
    assert pending(asking) == ""


def test_certbot_is_nobody_and_root_runs_nothing_of_its(asking: Machine) -> None:
    owners = asking.run("find /var/lib/jupyterhub-acme -user root -printf '%P\\n' | sort").stdout.split()
    assert owners == ["webroot", "webroot/.well-known"]
    asking.run("find /opt/jupyter/revisions/certbot ! -user root | grep . && exit 1 || true")
    # A link in place of the key leads root nowhere.
    live = asking.run("ls -d /var/lib/jupyterhub-acme/config/live/hub-*").stdout.strip()
    asking.run(f"cp -P {live}/privkey.pem /root/link && ln -sfn /etc/jupyterhub/secrets/ca.key {live}/privkey.pem")
    before = in_place(asking)
    asking.run(["systemctl", "mask", "--runtime", "--quiet", "jupyterhub-acme.service"])
    said = keep(asking)
    asking.run(["systemctl", "unmask", "--runtime", "--quiet", "jupyterhub-acme.service"])
    asking.run(f"cp -P --remove-destination /root/link {live}/privkey.pem")
    assert "privkey.pem can't be read: Permission denied" in said
    assert in_place(asking) == before


def test_an_account_that_the_ca_has_forgotten_is_made_anew(asking: Machine) -> None:
    start_pebble(asking, validity=40)
    configure(asking, HOST)
    result = apply_as_root(asking)
    assert result.code == 0, result
    assert names_of(shown(asking)) == {HOST}
    said = asking.run(["journalctl", "--output=cat", "--unit=jupyterhub-acme", "--since=-1min"]).stdout
    assert "does not know our account any more: asking again with a new one" in said


def test_renewal_by_the_timer_drops_no_connection(asking: Machine, work: Work) -> None:
    """What the timer starts renews a short-lived certificate, nginx shows the new serial, and nobody notices."""
    before, cells = shown(asking), work.cells
    with asked_all_the_while(asking) as troubles:

        def renewed() -> bool:
            keep(asking)
            time.sleep(2)
            return shown(asking).serial_number != before.serial_number

        until("the renewal", renewed, seconds=60)
        time.sleep(1)
    assert troubles == []
    assert in_place(asking) == shown(asking)
    until("cells that were run since", lambda: work.cells > cells + 2)
    work.end()
    assert work.troubles == [], "the WebSocket has been open through every change since the first"


def test_a_rejected_challenge_is_told_in_the_cas_words(asking: Machine) -> None:
    asking.run(f"sed -i '/{LAB}/d' /etc/hosts; echo '{asking.host_address} {LAB}' >> /etc/hosts")
    start_pebble(asking, validity=DAYS)
    # What lasts for seconds would be over before an apply has looked at it.
    until("one that lasts", lambda: "new certificate" in keep(asking))
    configure(asking, HOST, LAB)
    result = apply_as_root(asking)
    assert result.code == 3, result
    assert f"port 80 of {LAB} does not lead to this machine's nginx: at {asking.host_address} (none of" in result.stdout
    configure(asking, HOST, LAB, more=", preflight: false")
    result = apply_as_root(asking)
    assert result.code == 3, result
    assert "the CA gave no certificate: " in result.stdout
    assert asking.host_address in result.stdout
    configure(asking, HOST)
    assert apply_as_root(asking).code == 0
    assert names_of(shown(asking)) == {HOST}


def test_a_backup_has_the_account(asking: Machine) -> None:
    before = asking.run(f"cd {ACCOUNTS} && find . -type f -exec sha256sum {{}} + | sort -k2").stdout
    assert "private_key.json" in before
    installer(asking, "backup", "/root/hub.tar.gz")
    asking.run(["rm", "-r", ACCOUNTS])
    installer(asking, "restore", "/root/hub.tar.gz", "--replace", "--yes")
    assert asking.run(f"cd {ACCOUNTS} && find . -type f -exec sha256sum {{}} + | sort -k2").stdout == before
    assert asking.run(["find", ACCOUNTS, "!", "-user", "jupyterhub-acme"]).stdout == ""
    assert pending(asking) == ""


def test_back_to_our_own_and_off_the_machine(asking: Machine) -> None:
    installer(asking, "rollback", "1", "--yes")
    assert "CN=JupyterHub on" in issuer(shown(asking))
    assert not asking.run(["systemctl", "cat", "jupyterhub-acme.service"], check=False).ok
    assert "active" in asking.run(["systemctl", "is-active", "jupyterhub-certificate.timer"]).stdout
    keep(asking)
    installer(asking, "uninstall", "--purge", "--yes")
    assert asking.run("ls -d /var/lib/jupyterhub-acme /etc/jupyterhub /opt/jupyter", check=False).stdout == ""
    assert not asking.run(["getent", "passwd", "jupyterhub-acme"], check=False).ok
    assert not asking.run(["systemctl", "cat", KEEPER], check=False).ok
