"""kill -9 at many a moment: the next apply goes on from there, to what an apply that nobody killed comes to."""

from __future__ import annotations

import signal

import pytest

from installer.host import paths
from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import JOURNAL, applying, pending
from tests.system.machine_person import ADMIN, CONFIG, apply
from tests.system.machine_snapshot import differences, managed
from tests.system.visitor import Visitor

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("bookworm")

SELFTEST_HOME = "/home/jupyterhub-selftest"

# In this order on one machine: each run takes over what the one before left, and gets a little further.
MOMENTS = (
    ("begin", ""),
    ("start", "package:nginx"),
    ("start", "environment:"),
    ("start", "unit:/etc/systemd/system/jupyterhub.service"),
    ("start", "service:jupyterhub.service"),
    ("verify", SELFTEST_HOME),
)


# Each apply starts in the same code whatever the suite; what differs between suites is in the other tests.
def test_a_first_apply(server: Layer, applied: Machine, boot: Boot) -> None:
    machine = boot(server)
    for event, key in MOMENTS:
        kill(machine, event, key)
    result = apply(machine, ADMIN)
    assert "did not come to its end; this one goes on from there" in result.stderr
    assert differences(managed(applied), managed(machine)) == []
    settled(machine)


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ("done", "file:/etc/jupyterhub/jupyterhub_config.py"),
        ("start", "service:jupyterhub.service"),
        ("verify", SELFTEST_HOME),
    ],
)
def test_a_change(applied_clone: Machine, event: str, key: str) -> None:
    """The hub that was up stays up, as it was or as it will be."""
    applied_clone.put(CONFIG, "hub:\n  base_url: /jupyter/\nkernels: []\n")
    kill(applied_clone, event, key)
    hub = f"http://127.0.0.1:{paths.HUB_API_PORT}"
    answers = f"curl --silent --fail {hub}/hub/api || curl --silent --fail {hub}/jupyter/hub/api"
    applied_clone.run(f"for i in $(seq 100); do ({answers}) && exit 0; sleep 0.1; done; exit 1")
    apply(applied_clone, ADMIN)
    with Visitor(applied_clone) as visitor:
        assert visitor.get("/jupyter/hub/health").status_code == 200
    settled(applied_clone)


def kill(machine: Machine, event: str, key: str) -> None:
    """Start an apply, and kill it without notice at a moment of its life."""
    with applying(machine) as run:
        if event == "verify":
            run.wait_until(lambda: machine.run(["test", "-d", key], check=False).ok, key)
        else:
            run.wait_for(event, key)
        run.send(signal.SIGKILL)
        assert run.result().code == -signal.SIGKILL


def settled(machine: Machine) -> None:
    """Nothing of the killed runs is left: no change, no journal, no half-written file, no throw-away member."""
    assert pending(machine) == ""
    assert machine.run(["test", "-e", JOURNAL], check=False).code == 1
    places = "/etc /opt/jupyter/libexec /opt/jupyter/.venv /var/lib/jupyterhub-installer/generations"
    assert machine.run(f"find {places} -name '.*.new'").stdout == ""
    assert machine.run(["test", "-e", SELFTEST_HOME], check=False).code == 1
    assert machine.run("find /opt/jupyter/revisions/server -mindepth 1 -maxdepth 1 | wc -l").stdout == "1\n"
    assert machine.run("systemctl --failed --no-legend").stdout == ""
