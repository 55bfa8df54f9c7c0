"""A site that is closed, and one whose hub is down: pages of our own, and what runs goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
import websocket

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.machine_process import Result
from tests.system.visitor import HOST, Visitor, member, until

pytestmark = pytest.mark.only_on("trixie")

GRACE = "grace"
HUB, PROXY = "jupyterhub.service", "jupyterhub-proxy.service"


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    with member(campus, GRACE) as visitor:
        yield visitor


def installer(machine: Machine, *words: str, check: bool = True) -> Result:
    return machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=check, timeout=180)


@pytest.fixture
def closed(campus: Machine) -> Iterator[str]:
    """The site is closed; the path that lets one in."""
    said = installer(campus, "web", "maintenance", "on", "--message", "New disks <b>& more</b>, until noon").stdout
    found = re.search(r"https://[^/]*(/jupyterhub-pass/[0-9a-f]{32})\n", said)
    assert found, said
    yield found[1]
    assert "open again" in installer(campus, "web", "maintenance", "off").stdout


def test_a_closed_site_says_why_and_keeps_what_runs(campus: Machine, grace: Visitor, closed: str) -> None:
    for path in ("/", "/hub/login", "/hub/api", f"/user/{GRACE}/lab", "/jupyterhub-pages/none"):
        answer = grace.send("GET", path)
        assert answer.status_code == (404 if "pages" in path else 503), path
    answer = grace.send("POST", f"/user/{GRACE}/api/kernels", b"{}")
    assert answer.status_code == 503
    assert "New disks &lt;b&gt;&amp; more&lt;/b&gt;, until noon" in answer.text
    assert answer.headers["Retry-After"] == "300"
    with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
        grace.websocket(f"/user/{GRACE}/api/kernels/x/channels")
    assert grace.send("GET", "/jupyterhub-ca.crt").status_code == 200
    assert grace.send("GET", f"/jupyterhub-pass/{'0' * 32}").status_code == 404
    assert grace.send("GET", "/hub/login", Cookie="jupyterhub_pass=../maintenance.html").status_code == 503
    assert campus.run(["pgrep", "--uid", GRACE, "--full", "jupyterhub-singleuser"]).ok
    assert closed not in answer.text


def test_an_open_connection_is_not_even_interrupted(campus: Machine, grace: Visitor) -> None:
    kernel = grace.start_kernel()
    kernel.run("thesis = 1")
    installer(campus, "web", "maintenance", "on")
    assert kernel.run("thesis") == "1"
    installer(campus, "web", "maintenance", "off")
    assert kernel.run("thesis") == "1"
    kernel.close()


def test_who_has_the_pass_gets_in_and_reaches_running_servers(grace: Visitor, closed: str) -> None:
    answer = grace.send("GET", closed)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    try:
        assert grace.server_answers()
        assert grace.hub_user()["name"] == GRACE
        kernel = grace.start_kernel()
        assert kernel.run("1 + 1") == "2"
        kernel.close()
    finally:
        grace.forget("jupyterhub_pass")
    assert not grace.server_answers()


def test_it_is_told_of_and_survives_an_apply(campus: Machine, closed: str) -> None:
    assert "closed for maintenance since" in installer(campus, "status", check=False).stdout
    status = json.loads(installer(campus, "status", "--json", check=False).stdout)
    assert status["trouble"] is None
    assert status["closed"]["message"] == "New disks <b>& more</b>, until noon"
    assert "closed for maintenance" in installer(campus, "doctor", check=False).stdout
    campus.put(CONFIG, NO_KERNELS + "culler: {timeout: 2h}\n")
    applied = apply_as_root(campus)
    assert applied.ok, applied
    assert pending(campus) == ""
    again = installer(campus, "web", "maintenance", "on", "--message", "Nearly there").stdout
    assert closed in again
    with Visitor(campus) as visitor:
        assert "Nearly there" in visitor.get("/").text


def test_what_can_not_be_a_message_is_refused(campus: Machine) -> None:
    for message in ("", "two\nlines", "x" * 501):
        said = installer(campus, "web", "maintenance", "on", f"--message={message}", check=False)
        assert said.code == 2, said
        assert said.stderr.startswith("error: the message "), said
    assert "was not closed" in installer(campus, "web", "maintenance", "off").stdout


def test_without_hub_or_proxy_there_is_our_page_and_servers_go_on(campus: Machine, grace: Visitor) -> None:
    campus.run(["systemctl", "stop", HUB])
    answer = grace.send("GET", "/hub/home")
    assert answer.status_code == 503
    assert "JupyterHub doesn't answer just now" in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    assert grace.server_answers()
    campus.run(["systemctl", "stop", PROXY])
    answer = grace.send("GET", "/hub/home")
    assert answer.status_code == 502
    assert "JupyterHub doesn't answer just now" in answer.text
    assert "nginx" not in answer.text
    campus.run(["systemctl", "start", PROXY, HUB])
    until("the server", grace.server_answers)


def test_a_server_that_is_gone_is_the_hubs_to_tell_of(campus: Machine, grace: Visitor) -> None:
    campus.run(["systemctl", "stop", HUB])
    campus.run(["pkill", "--uid", GRACE, "--full", "jupyterhub-singleuser"])
    campus.run(["systemctl", "stop", PROXY])
    campus.run(["systemctl", "start", PROXY, HUB])
    answer = grace.get(f"/user/{GRACE}/lab")
    assert answer.status_code in {200, 424, 503}
    assert "doesn't answer just now" not in answer.text
    assert str(answer.url).startswith(f"https://{HOST}/")


def test_it_goes_without_a_trace(campus: Machine) -> None:
    installer(campus, "web", "maintenance", "on")
    removed = installer(campus, "uninstall", "--purge", "--yes")
    assert removed.ok
    for path in ("/var/lib/jupyterhub-web", "/opt/jupyter", "/etc/nginx/conf.d/jupyterhub.conf"):
        assert not campus.run(["test", "-e", path], check=False).ok, path
    assert campus.run(["nginx", "-t"]).ok
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"https://{campus.address}/")
