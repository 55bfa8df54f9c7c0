"""A first apply that meets with bad luck half-way leaves what was there before, and is finished by the next."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_installer import JOURNAL, apply_as_root, applying, failed, pending
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, apply
from tests.system.machine_process import Result
from tests.system.machine_snapshot import differences, managed
from tests.system.visitor import HOST, Visitor

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("trixie")

FRAGMENT = "/etc/jupyterhub/conf.d/10-own.py"
REVISIONS = "/opt/jupyter/revisions"


@pytest.fixture(scope="module")
def first_failure(server: Layer) -> Iterator[tuple[Layer, Result]]:
    """A server whose first apply failed at the hub's start, and was undone; and what that apply said.

    The admin's own file reads what the hub, in its sandbox, may not see: nothing but the start itself shows that.
    """
    with Machine(server) as machine:
        machine.put("/home/shared/title", "Campus\n")
        machine.put(FRAGMENT, "c.JupyterHub.template_vars = {'title': open('/home/shared/title').read()}\n")
        result = apply(machine, ADMIN, check=False)
        yield machine.freeze(), result


@pytest.fixture
def undone(first_failure: tuple[Layer, Result], boot: Boot) -> Machine:
    """A machine after that failure. Packages and the environment are still there, so an apply takes seconds."""
    return boot(first_failure[0])


@pytest.fixture
def unbuilt(undone: Machine) -> Machine:
    """The same, but the environment is to be built again."""
    undone.run(["rm", "-r", REVISIONS, FRAGMENT])
    return undone


def test_a_hub_that_does_not_come_up_is_explained(first_failure: tuple[Layer, Result]) -> None:
    error = failed(first_failure[1])
    assert "jupyterhub.service did not come up" in error
    assert f"{FRAGMENT}:1" in error
    assert "journalctl --unit=jupyterhub.service" in error
    assert "going back failed" not in error


def test_everything_is_undone(undone: Machine) -> None:
    ours = (
        "/etc/jupyterhub /etc/sudoers.d/jupyterhub /etc/nginx/conf.d /etc/pam.d/jupyterhub /etc/systemd/system/jupyter*"
    )
    left = undone.run(f"find {ours} /etc/tmpfiles.d/jupyterhub.conf -not -type d", check=False).stdout
    assert sorted(left.split()) == [FRAGMENT, CONFIG]
    assert undone.run("ls -A /opt/jupyter").stdout.split() == ["revisions"]
    assert undone.run("systemctl --failed --no-legend; systemctl list-units --no-legend 'jupyter*'").stdout == ""
    assert ADMIN.name not in undone.run("getent group jupyterhub-users", check=False).stdout
    assert "nginx" in undone.run(["curl", "--silent", "http://127.0.0.1/"]).stdout
    assert undone.run(["test", "-e", JOURNAL], check=False).code == 1


def test_the_next_apply_makes_what_an_untroubled_one_makes(undone: Machine, applied: Machine) -> None:
    undone.run(["rm", "-r", FRAGMENT, "/home/shared"])
    apply(undone, ADMIN)
    assert differences(managed(applied), managed(undone)) == []
    assert pending(undone) == ""


# --- neighbours -------------------------------------------------------------------------------------


def test_a_site_of_someone_else_keeps_its_place(undone: Machine) -> None:
    """Also where it, not we, is the default."""
    site = "server {\n  listen 80 default_server;\n  server_name intranet.example.org;\n  return 200 intranet;\n}\n"
    undone.run(["rm", FRAGMENT, "/etc/nginx/sites-enabled/default"])
    undone.put("/etc/nginx/sites-enabled/intranet", site)
    undone.run(["systemctl", "reload", "nginx"])
    # The main file's limits are raised where they stand (see test_front).
    others = "-not -path /etc/nginx/conf.d/jupyterhub.conf -not -path /etc/nginx/nginx.conf"
    theirs = f"find /etc/nginx -type f {others} -exec sha256sum {{}} + | sort"
    before = undone.run(theirs).stdout
    apply(undone, ADMIN)
    assert undone.run(theirs).stdout == before
    undone.run(["nginx", "-t", "-q"])
    for name in ("intranet.example.org", "whoever.example.org"):
        assert undone.run(["curl", "--silent", "--header", f"Host: {name}", "http://127.0.0.1/"]).stdout == "intranet"
    with Visitor(undone) as visitor:
        assert visitor.get("/hub/health").status_code == 200
    assert f"//{HOST}/" in undone.run(["curl", "-sI", "--header", f"Host: {HOST}", "http://127.0.0.1/"]).stdout


def test_nginx_that_someone_else_broke(undone: Machine) -> None:
    undone.run(["rm", FRAGMENT])
    undone.put("/etc/nginx/sites-enabled/intranet", "server {\n  listen 80\n  server_name intranet;\n}\n")
    before = managed(undone)
    planned = undone.run(["python3", "-m", "installer", "plan"], cwd=CHECKOUT, check=False)
    assert (planned.code, planned.stdout) == (1, ""), planned
    for said in (planned.stderr, failed(apply(undone, ADMIN, check=False))):
        assert said.startswith("error: nginx refuses /etc/nginx/sites-enabled/intranet:"), said
        assert "which isn't ours: " in said
    assert differences(before, managed(undone)) == []
    assert undone.run("ls /etc/nginx/conf.d /etc/nginx/sites-enabled").stdout.count("default") == 1
    assert undone.run("systemctl is-active nginx").stdout == "active\n"


# --- the surroundings -------------------------------------------------------------------------------


def test_a_strict_umask_a_closed_checkout_and_nobody_behind_sudo(unbuilt: Machine, applied: Machine) -> None:
    """Run by root itself, from where no other account can look, with no terminal, no stdin and an unknown locale."""
    unbuilt.run(["mv", CHECKOUT, "/root/checkout"])
    unbuilt.run("chmod 700 /root")
    env = {"LANG": "tlh_KX.UTF-8", "LC_ALL": "tlh_KX.UTF-8"}
    words = "umask 077; cd /root/checkout; exec python3 -m installer apply <&- >&-"
    result = unbuilt.run(words, env=env, check=False, timeout=300)
    assert (result.code, result.stdout) == (0, ""), result
    own = re.compile(
        r"^account (ada|hubadmin|jupyterhub-users)|^/var/lib/jupyterhub-installer|hub_config.py|auth.json|hubadmin"
    )
    other = [line for line in differences(managed(applied), managed(unbuilt)) if not own.search(line)]
    assert other == []
    # The account that was made for want of another: it is whole, also where a killed run had left it without password.
    password = unbuilt.read("/etc/jupyterhub/secrets/hubadmin_password").strip()
    unbuilt.run(["usermod", "--password=!", "hubadmin"])
    unbuilt.run("cd /root/checkout && python3 -m installer apply --yes", timeout=300)
    with Visitor(unbuilt) as visitor:
        visitor.login("hubadmin", password)
        assert visitor.hub_user()["admin"]


def test_etc_can_not_be_written(unbuilt: Machine) -> None:
    unbuilt.run("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    error = failed(apply_as_root(unbuilt))
    assert "/etc" in error
    assert "read-only" in error.lower()


def test_the_disk_fills_up_while_the_environment_is_built(unbuilt: Machine) -> None:
    # A file system of its own for /opt, which shrinks to what is on it as soon as the build has begun.
    unbuilt.run(["mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", "/opt"])
    with applying(unbuilt) as run:
        run.wait_until(lambda: unbuilt.run(f"ls {REVISIONS}/server/*/lib", check=False).ok, "the build to begin")
        unbuilt.run("mount -o remount,size=$(($(df --output=used -k /opt | tail -1) + 20000))k /opt")
        error = failed(run.result())
    assert "the disk filled up while building the server environment" in error
    assert "df -h" in error
    assert unbuilt.run(["find", "/opt", "-type", "f"]).stdout == ""


def test_the_network_goes_away_while_the_environment_is_built(unbuilt: Machine, applied: Machine) -> None:
    unbuilt.run("rm -r /var/cache/jupyterhub-installer/*")
    with applying(unbuilt) as run:
        run.wait_until(lambda: unbuilt.run(f"ls {REVISIONS}/server/*/lib", check=False).ok, "the build to begin")
        unbuilt.offline()
        error = failed(run.result())
    assert "no answer from the network while building the server environment" in error
    assert unbuilt.run(["test", "-e", JOURNAL], check=False).code == 1
    unbuilt.online()
    unbuilt.run(["rm", "-r", "/home/shared"])
    apply(unbuilt, ADMIN)
    assert differences(managed(applied), managed(unbuilt)) == []


# --- interrupted ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_goes_back_at_once(unbuilt: Machine, number: signal.Signals) -> None:
    """Ctrl-C, a shutdown, a lost connection; nobody waits for a build that isn't wanted any more."""
    with applying(unbuilt) as run:
        run.wait_until(lambda: unbuilt.run(f"ls {REVISIONS}/server/*/lib", check=False).ok, "the build to begin")
        run.send(number)
        run.send(number)
        error = failed(run.result())
    assert error.startswith("error: interrupted; what had been changed was undone")
    assert unbuilt.run("ls -A /opt/jupyter/revisions/server", check=False).stdout == ""
    assert unbuilt.run("ls /etc/systemd/system/jupyter* /etc/sudoers.d/jupyterhub", check=False).stdout == ""
    assert unbuilt.run(["pgrep", "--euid", "jupyterhub-build"], check=False).stdout == ""
    assert unbuilt.run(["test", "-e", JOURNAL], check=False).code == 1
