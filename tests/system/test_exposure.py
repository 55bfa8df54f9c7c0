"""How open to attack systemd reckons our units: a setting that is lost shows here, on every system."""

from __future__ import annotations

import pytest

from tests.system.machine import Machine
from tests.system.machine_exposure import exposure

MOST = {
    "jupyterhub-proxy.service": 1.0,
    "jupyterhub-culler.service": 1.0,
    "jupyterhub-adopt@1.service": 2.0,
    # PAM's modules are what the distribution or the admin wants, and some of them want much.
    "jupyterhub-pam@1.service": 3.0,
    # With sudo it sees processes; without: test_systemd_spawner.
    "jupyterhub.service": 2.0,
}


@pytest.mark.parametrize("unit", MOST)
def test_unit_is_as_closed_as_it_can_be(applied: Machine, unit: str) -> None:
    assert exposure(applied, unit) <= MOST[unit]
