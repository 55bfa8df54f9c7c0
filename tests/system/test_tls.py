"""The certificate stays fresh by itself: our own, and the admin's files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from installer.pki.issuing import new_authority, new_site
from installer.pki.pair import Pair, pem_of
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, failed, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.machine_tls import AGED, HUB_CERTIFICATE, KEEPER, in_place, keep, shown
from tests.system.visitor import HOST, Visitor, until

pytestmark = pytest.mark.only_on("trixie")

TIMER = "jupyterhub-certificate.timer"
FILES = "/etc/ssl/hub"
INSTITUTE = new_authority("Institute CA")
OF_THE_AUTHORITY = {"cert_revocation", "cert_caIssuers"}
"""What testssl misses in a certificate by an authority of one's own."""
OF_OLD_TESTSSL = {"cipher_order"}
"""What testssl 3.0 (Debian 12's) still wants of servers; Mozilla leaves it to clients, as all ciphers are good."""


@pytest.fixture(scope="module")
def aging(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        # The address is another than that of the machine which the layer is of.
        assert apply_as_root(machine).ok
        yield machine


def test_our_own_certificate_is_renewed_in_its_last_third(aging: Machine) -> None:
    """The service that the timer starts makes a new one, which nginx shows; the CA that people trust stays."""
    authority = aging.read("/etc/jupyterhub/tls/ca.crt")
    young = shown(aging)
    keep(aging)
    assert shown(aging) == young
    aging.run(["/opt/jupyter/.venv/bin/python", "-I", "-"], stdin=AGED)
    aging.run(["systemctl", "reload", "nginx"])
    old = shown(aging)
    keep(aging)
    renewed = shown(aging)
    assert renewed.serial_number not in {young.serial_number, old.serial_number}
    assert renewed.not_valid_after_utc > old.not_valid_after_utc
    names = renewed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert HOST in names.get_values_for_type(x509.DNSName)
    assert aging.read("/etc/jupyterhub/tls/ca.crt") == authority
    with Visitor(aging) as visitor:
        assert visitor.get("/hub/login").status_code == 200
    assert pending(aging) == "", "what the timer does is nothing that plan finds changed"


def test_the_timer_is_set_and_what_it_starts_is_closed(aging: Machine) -> None:
    assert "active" in aging.run(["systemctl", "is-active", TIMER]).stdout
    assert aging.run(["systemctl", "show", "--property=NextElapseUSecRealtime", "--value", TIMER]).stdout.strip()
    stat = aging.run(["stat", "--format=%a %U", HUB_CERTIFICATE, "/etc/jupyterhub/secrets/hub.key"]).stdout
    assert stat == "644 root\n600 root\n"


def test_what_a_broken_site_of_others_kept_nginx_from_reading_is_read_when_that_is_mended(aging: Machine) -> None:
    before = shown(aging)
    aging.put("/etc/nginx/conf.d/broken.conf", "nonsense;\n")
    aging.run(["/opt/jupyter/.venv/bin/python", "-I", "-"], stdin=AGED)
    said = keep(aging, fails=True)
    assert "broken.conf" in said
    assert "nginx goes on with the one before" in said
    assert shown(aging) == before
    aging.run(["rm", "/etc/nginx/conf.d/broken.conf"])
    keep(aging)
    assert shown(aging) == in_place(aging) != before


# --- files -------------------------------------------------------------------------------------------


def configure(machine: Machine) -> None:
    tls = f"{{mode: files, certificate: {FILES}/fullchain.pem, key: {FILES}/privkey.pem}}"
    machine.put(CONFIG, f"{NO_KERNELS}hub: {{domain: {HOST}}}\ntls: {tls}\n")


def put(machine: Machine, pair: Pair, *, key: Pair | None = None) -> None:
    """Put a certificate there as tools do, and its key, or another's."""
    own = (key or pair).key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    machine.put(f"{FILES}/privkey.pem.new", own, mode="0600")
    machine.put(f"{FILES}/fullchain.pem.new", pem_of(pair.chain))
    machine.run(f"cd {FILES} && mv privkey.pem.new privkey.pem && sleep 1 && mv fullchain.pem.new fullchain.pem")


def test_files_that_do_not_fit_are_refused_before_anything_is_changed(aging: Machine) -> None:
    before = shown(aging)
    configure(aging)
    assert f"{FILES}/fullchain.pem can't be read: No such file" in failed(apply_as_root(aging))
    first, second = new_site(INSTITUTE, [HOST]), new_site(INSTITUTE, ["www.example.org"])
    put(aging, first, key=second)
    assert f"the key {FILES}/privkey.pem does not belong to the certificate" in failed(apply_as_root(aging))
    put(aging, second)
    assert f"fullchain.pem is not for {HOST}, but for www.example.org" in failed(apply_as_root(aging))
    put(aging, Pair(first.chain[::-1], first.key), key=Pair(INSTITUTE.chain, INSTITUTE.key))
    assert "is not in order" in failed(apply_as_root(aging))
    assert shown(aging) == before


def test_files_are_used_and_taken_up_when_they_change(aging: Machine) -> None:
    first, second = new_site(INSTITUTE, [HOST]), new_site(INSTITUTE, [HOST])
    configure(aging)
    put(aging, first)
    result = apply_as_root(aging)
    assert result.ok, result
    assert shown(aging) == first.leaf
    assert pending(aging) == ""
    with httpx.Client(verify=False) as client:  # noqa: S501 - whose certificate it is, is seen above
        answer = client.get(f"https://{aging.address}/hub/login")
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
    put(aging, second)
    until("the new certificate", lambda: shown(aging) == second.leaf, seconds=60)
    until("the service's end", lambda: "inactive" in state(aging))
    assert pending(aging) == ""


def test_files_that_fit_no_more_leave_what_there_was(aging: Machine) -> None:
    before = shown(aging)
    wrong = new_site(INSTITUTE, [HOST])
    put(aging, wrong, key=Pair(INSTITUTE.chain, INSTITUTE.key))
    until("the refusal", lambda: "failed" in state(aging), seconds=90)
    assert shown(aging) == before
    said = aging.run(["python3", "-m", "installer", "doctor"], cwd=CHECKOUT, check=False)
    assert said.code == 3
    assert "does not belong to the certificate" in said.stdout
    put(aging, wrong)
    until("the new certificate", lambda: shown(aging) == wrong.leaf, seconds=90)


def state(machine: Machine) -> str:
    return machine.run(["systemctl", "is-active", KEEPER], check=False).stdout


# --- what strangers see --------------------------------------------------------------------------------


def test_testssl_finds_nothing_above_low(aging: Machine) -> None:
    """Protocols, ciphers, headers and known holes; the certificate is the institute's own affair."""
    words = ["apt-get", "-qq", "--yes", "--no-install-recommends", "install", "testssl.sh"]
    if not aging.run(words, env={"DEBIAN_FRONTEND": "noninteractive"}, check=False, timeout=300).ok:
        aging.run(["apt-get", "-qq", "update"], timeout=300)
        aging.run(words, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=300)
    aging.put("/root/institute.pem", pem_of(INSTITUTE.chain))
    checks = ["--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--headers", "--vulnerable"]
    aging.run(
        ["testssl", "--quiet", "--warnings=off", "--color=0", "--nodns=min", "--ip=127.0.0.1",
         "--add-ca=/root/institute.pem", "--jsonfile=/root/testssl.json", *checks, f"https://{HOST}/hub/login"],
        check=False, timeout=900,
    )  # fmt: skip
    found = json.loads(aging.read("/root/testssl.json"))
    assert any(each["id"] == "TLS1_3" and each["severity"] == "OK" for each in found), found
    grave = [each for each in found if each["severity"] in {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}]
    assert [each for each in grave if each["id"] not in OF_THE_AUTHORITY | OF_OLD_TESTSSL] == []
    assert any(each["id"] == "HSTS_time" and each["severity"] == "OK" for each in found), found
    protocols = {each["finding"] for each in found if each["id"].startswith("ALPN")}
    assert any("h2" in each for each in protocols), protocols
