"""The certificate stays fresh by itself: our own, and the admin's files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, pending
from tests.system.machine_tls import AGED, HUB_CERTIFICATE, in_place, keep, shown
from tests.system.visitor import HOST, Visitor

pytestmark = pytest.mark.only_on("trixie")

TIMER = "jupyterhub-certificate.timer"


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
