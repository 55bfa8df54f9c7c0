"""Behind another proxy: Debian's haproxy with the certificate, another application at /, the hub at /jupyter/."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, failed, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.machine_process import Result
from tests.system.visitor import HOST, Visitor, trust, until

pytestmark = pytest.mark.only_on("trixie")

GRACE = "grace"
PASSWORD = "a fine password"
BASE = "/jupyter/"
BEHIND = f"hub: {{base_url: {BASE}}}\ntls: {{mode: off}}\n{NO_KERNELS}"
APP = "apps: [{path: /told/, upstream: 'http://127.0.0.1:7001', login: none}]\n"
HAPROXY = "/etc/haproxy/haproxy.cfg"
FRONT = """\
global
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend www
    bind :80
    bind :443 ssl crt /etc/haproxy/hub.pem alpn h2,http/1.1
{frontend}
    default_backend other
backend other
    server other 127.0.0.1:7001
{backend}
"""


def installer(machine: Machine, *words: str, check: bool = True) -> Result:
    return machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=check)


def lead_here(machine: Machine) -> None:
    """Have haproxy lead to the hub, by the very words that are printed for it."""
    printed = installer(machine, "web", "snippet", "haproxy").stdout
    frontend, _, backend = printed.partition("# --- a backend of its own")
    machine.put(HAPROXY, FRONT.format(frontend=frontend, backend=f"#{backend}"))
    machine.run(["haproxy", "-c", "-f", HAPROXY])
    machine.run(["systemctl", "restart", "haproxy.service"])


@pytest.fixture(scope="module")
def applied_behind(applied_server: Applied) -> Iterator[tuple[Machine, ssl.SSLContext]]:
    with Machine(applied_server[0]) as machine:
        context = trust(machine)
        pair = machine.read("/etc/jupyterhub/tls/hub.crt") + machine.read("/etc/jupyterhub/secrets/hub.key")
        add_person(machine, GRACE, PASSWORD, groups=["jupyterhub-users"])
        machine.put(CONFIG, BEHIND + APP)
        applied = apply_as_root(machine)
        assert applied.ok, applied
        machine.put("/srv/probe_app.py", Path(__file__).with_name("probe_app.py").read_text())
        app = ["/opt/jupyter/.venv/bin/python", "-B", "/srv/probe_app.py", "7001"]
        machine.run(["systemd-run", "--quiet", "--unit=probe", *app])
        install = "apt-get update -qq && apt-get install -qq -y --no-install-recommends"
        machine.run(f"{install} haproxy", env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=300)
        machine.put("/etc/haproxy/hub.pem", pair, mode="0600")
        lead_here(machine)
        yield machine, context


@pytest.fixture(scope="module")
def campus(applied_behind: tuple[Machine, ssl.SSLContext]) -> Machine:
    return applied_behind[0]


@pytest.fixture
def grace(applied_behind: tuple[Machine, ssl.SSLContext]) -> Iterator[Visitor]:
    with Visitor(applied_behind[0], BASE, applied_behind[1]) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.start_server()
        yield visitor


def listeners(machine: Machine) -> dict[str, str]:
    """Who listens where, but on the hub's own port."""
    said = machine.run(["ss", "-H", "-l", "-t", "-n", "-p"]).stdout
    found = {line.split()[3]: re.findall(r'\(\("([^"]*)"', line)[0] for line in said.splitlines()}
    return {where: who for where, who in found.items() if who.startswith(("nginx", "haproxy", "systemd", "node"))}


def a_day_at_work(grace: Visitor) -> None:
    kernel = grace.start_kernel()
    for number in range(3):
        assert kernel.run(f"{number} + 1") == str(number + 1)
    kernel.close()
    assert grace.server_answers()
    assert grace.hub_user()["name"] == GRACE
    sign_ins = [cookie for cookie in grace.cookies() if cookie.name.startswith("jupyterhub-")]
    assert len(sign_ins) >= 3
    assert all(cookie.secure for cookie in sign_ins)
    assert all(cookie.path.startswith(BASE) for cookie in grace.cookies())


def test_nothing_of_ours_can_be_reached_but_through_the_other_proxy(campus: Machine) -> None:
    heard = listeners(campus)
    assert {where for where, who in heard.items() if who == "haproxy"} == {"0.0.0.0:80", "0.0.0.0:443"}
    assert {where for where, who in heard.items() if who == "nginx"} == {"127.0.0.1:282", "127.0.0.1:283"}
    assert not campus.run(["test", "-e", "/etc/jupyterhub/tls/hub.crt"], check=False).ok


def test_the_hub_below_its_path_and_another_application_beside_it(campus: Machine, grace: Visitor) -> None:
    a_day_at_work(grace)
    page = grace.get("/hub/home")
    assert str(page.url) == f"https://{HOST}{BASE}hub/home"
    assert grace.send("GET", "/").headers["Location"].startswith(BASE)
    assert httpx.URL(grace.send("GET", f"https://{HOST}/jupyter").headers["Location"]).path == BASE
    for path in ("/", "/x", "/jupyterhub", "/hub/login"):
        told = grace.send("GET", f"https://{HOST}{path}")
        assert told.json()["uri"] == path
    script = re.findall(r'src="/jupyter(/user/[^"]+/static/lab/main[^"]+)"', grace.get(f"/user/{GRACE}/lab").text)[0]
    static = grace.send("GET", script, Accept_Encoding="gzip").headers
    assert (static["Content-Encoding"], static["Cache-Control"]) == ("gzip", "public, max-age=31536000, immutable")
    assert "Content-Encoding" not in grace.send("GET", "/hub/home", Accept_Encoding="gzip").headers
    plain = httpx.get(f"http://{campus.address}{BASE}hub/login", headers={"Host": HOST}, follow_redirects=False)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{HOST}{BASE}hub/login")


def test_who_it_was_is_what_the_other_proxy_says_and_not_what_visitors_say(campus: Machine, grace: Visitor) -> None:
    grace.send("GET", "/hub/login?who", X_Forwarded_For="10.9.8.7", X_Real_IP="10.9.8.7")
    logged = next(line for line in campus.read("/var/log/nginx/access.log").splitlines() if "login?who" in line)
    assert logged.startswith(f"{campus.host_address} ")
    told = grace.send("GET", f"https://{HOST}/told/x", X_Forwarded_For="10.9.8.7", X_Forwarded_Proto="http").json()
    assert told["uri"] == "/x"
    assert told["headers"]["X-Forwarded-For"] == campus.host_address
    assert told["headers"]["X-Forwarded-Proto"] == "https"
    for said, believed in (("https", "https"), ("https, http", "https"), ("http", "http"), ("", "https")):
        ask = f"curl --silent --header 'X-Forwarded-Proto: {said}' http://127.0.0.1:282/told/"
        assert json.loads(campus.run(ask).stdout)["headers"]["X-Forwarded-Proto"] == believed, said


def test_closed_and_down_are_pages_here_too(campus: Machine, grace: Visitor) -> None:
    said = installer(campus, "web", "maintenance", "on", "--message=Back at noon").stdout
    link = re.search(r"https://\S*/jupyterhub-pass/[0-9a-f]{32}", said)
    assert link
    answer = grace.send("GET", "/hub/home")
    assert (answer.status_code, "Back at noon" in answer.text) == (503, True)
    assert grace.send("GET", link[0]).headers["Location"] == BASE
    assert grace.server_answers()
    installer(campus, "web", "maintenance", "off")
    campus.run(["systemctl", "stop", "jupyterhub-proxy.service"])
    assert "doesn't answer just now" in grace.send("GET", "/hub/home").text
    campus.run(["systemctl", "start", "jupyterhub-proxy.service"])
    until("the server", grace.server_answers)


def test_it_is_in_order(campus: Machine) -> None:
    assert pending(campus) == ""
    assert json.loads(installer(campus, "status", "--json").stdout)["healthy"]
    doctor = installer(campus, "doctor", check=False).stdout
    assert "the proxy in front has it" in doctor
    assert "nobody listens" not in doctor


def test_a_port_that_the_other_proxy_has_is_named_in_the_plan(campus: Machine) -> None:
    campus.put(CONFIG, f"hub: {{base_url: {BASE}}}\n{NO_KERNELS}")
    try:
        for words in (["plan"], ["apply", "--yes"]):
            refused = installer(campus, *words, check=False)
            assert refused.code == 1
            assert re.search(r"error: port (80|443) is held by haproxy \(pid \d+\), and nginx needs it", refused.stderr)
    finally:
        campus.put(CONFIG, BEHIND + APP)


def test_what_is_printed_for_others_is_understood_by_them(campus: Machine) -> None:
    install = "apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--path-exclude=/etc/systemd/*"
    no_start = "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d"
    campus.run(f"{no_start} && {install} apache2 caddy", env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=300)
    campus.put("/etc/apache2/conf-available/jupyterhub.conf", installer(campus, "web", "snippet", "apache").stdout)
    campus.run("a2enmod --quiet proxy proxy_http proxy_wstunnel headers && a2enconf --quiet jupyterhub")
    assert campus.run(["apachectl", "configtest"]).ok
    campus.put("/etc/caddy/Caddyfile", installer(campus, "web", "snippet", "caddy").stdout)
    campus.run(["caddy", "validate", "--config", "/etc/caddy/Caddyfile"])


def test_others_than_the_trusted_are_not_believed(campus: Machine) -> None:
    campus.put(CONFIG, BEHIND + APP + "web: {listen: '0.0.0.0:8082', trusted_proxies: [127.0.0.1]}\n")
    applied = apply_as_root(campus)
    assert applied.ok, applied
    forged = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https", "Host": HOST}
    told = httpx.get(f"http://{campus.address}:8082/told/", headers=forged).json()["headers"]
    assert told["X-Forwarded-For"] == campus.host_address
    assert told["X-Forwarded-Proto"] == "http"


def test_without_nginx(campus: Machine, applied_behind: tuple[Machine, ssl.SSLContext]) -> None:
    """The proxy of the hub itself, behind a port that systemd holds."""
    campus.put(CONFIG, BEHIND + "web: {server: none}\n")
    applied = apply_as_root(campus)
    assert applied.ok, applied
    lead_here(campus)
    assert not campus.run(["test", "-e", "/etc/nginx/conf.d/jupyterhub.conf"], check=False).ok
    assert listeners(campus)["127.0.0.1:284"].startswith("systemd")
    with Visitor(campus, BASE, applied_behind[1]) as grace:
        grace.login(GRACE, PASSWORD)
        grace.start_server()
        a_day_at_work(grace)
    assert pending(campus) == ""
    assert json.loads(installer(campus, "status", "--json").stdout)["healthy"]
    assert "ports" in installer(campus, "doctor", check=False).stdout
    refused = installer(campus, "web", "maintenance", "on", check=False)
    assert "there is no site to close" in failed(refused)


def test_and_back_again(campus: Machine) -> None:
    campus.run(["systemctl", "disable", "--now", "haproxy.service"])
    campus.put(CONFIG, NO_KERNELS)
    applied = apply_as_root(campus)
    assert applied.ok, applied
    assert pending(campus) == ""
    with Visitor(campus) as grace:
        grace.login(GRACE, PASSWORD)
        assert grace.hub_user()["name"] == GRACE
