"""The site's front: closed for maintenance, behind another proxy, without nginx; and who has the ports it needs."""

from __future__ import annotations

import ipaddress
import itertools
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from installer import preflight
from installer.commands import maintenance, ports_taken, snippets
from installer.commands.doctor import apps as doctor_apps
from installer.commands.doctor import ports
from installer.commands.doctor.finding import Severity
from installer.config.apps import App
from installer.config.models import Config
from installer.features import forward, tls, web
from installer.features.everything import desired
from installer.features.site import Site
from installer.host import paths
from installer.host.errors import ConfigProblem, Conflict, Problem, UsageProblem
from installer.host.nginx import ForeignSite, Sites
from tests.unit.test_features import FACTS, site, text_of


def behind(config: dict[str, object] | None = None, sites: Sites = FACTS.sites) -> Site:
    return site(Config.model_validate({"tls": {"mode": "off"}, **(config or {})}), sites=sites)


# --- behind another proxy ------------------------------------------------------------------------


def test_behind_another_proxy_there_is_no_certificate_and_one_port_of_loopback() -> None:
    text = text_of(web.resources(behind()), paths.NGINX_SITE)
    assert text.count("listen ") == 2
    assert f"listen 127.0.0.1:{paths.WEB_PORT} default_server;" in text
    assert f"listen 127.0.0.1:{paths.ERRORS_PORT};" in text
    assert "ssl" not in text
    assert "proxy_set_header X-Forwarded-Proto $jupyterhub_scheme;" in text
    assert "$scheme" not in text
    assert tls.resources(behind()) == ()
    assert forward.resources(behind()) == ()


def test_who_is_trusted_is_told_nginx() -> None:
    text = text_of(web.resources(behind({"web": {"trusted_proxies": ["10.0.0.0/8", "::1"]}})), paths.NGINX_SITE)
    for network in ("10.0.0.0/8", "::1"):
        assert f"    {network} yes;\n" in text
        assert f"    set_real_ip_from {network};\n" in text


def key_of(address: str, text: str) -> str:
    """What nginx counts requests of an address by; the address itself stands for what it has of it in binary."""
    for wanted, value in re.findall(
        r'^ {4}"~(\S+)" (\$\S+);$', text.partition("$jupyterhub_client {")[2], re.MULTILINE
    ):
        if found := re.search(wanted.replace("(?<", "(?P<"), address):
            return (
                str(value)
                .replace("$binary_remote_addr", address)
                .replace("$jupyterhub_net", found.groupdict().get("jupyterhub_net") or "")
            )
    return address


def test_guesses_of_one_customers_addresses_are_counted_together() -> None:
    text = text_of(web.resources(site()), paths.NGINX_SITE).partition("limit_req_zone")[0]
    assert '/tokens)" $jupyterhub_client;' in text
    assert key_of("192.0.2.1", text) == "192.0.2.1"
    assert key_of("::ffff:192.0.2.1", text) == "::ffff:192.0.2.1"
    assert key_of("unix:", text) == "unix:"
    few = itertools.product((1, 0xDB8), *3 * [(0, 1, 0xDB8)])
    keys = {net: {key_of(address_of(net, host), text) for host in few_hosts()} for net in few}
    for net, found in keys.items():
        # Two where the /64 ends in zeros that nginx writes out for some of its addresses.
        assert 1 <= len(found) <= 2, (net, found)
        assert "" not in found
    flat = [key for found in keys.values() for key in found]
    assert len(flat) == len(set(flat)), "never two customers together"


def few_hosts() -> Iterator[tuple[int, ...]]:
    return itertools.product((0, 1, 0xF00), repeat=4)


def address_of(net: tuple[int, ...], host: tuple[int, ...]) -> str:
    """As nginx writes it, which is as Python does."""
    return str(ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in (*net, *host))))


def test_without_nginx_there_is_a_port_and_nothing_of_nginx() -> None:
    asked = behind({"web": {"server": "none"}})
    resources = desired(asked)
    assert f"ListenStream=127.0.0.1:{paths.FORWARD_PORT}\n" in text_of(
        resources, paths.UNITS / paths.FORWARD_SOCKET_UNIT
    )
    assert not any("nginx" in resource.key for resource in resources)
    # What systemd-socket-proxyd of systemd 252 never says is not waited for.
    assert "\nType=exec\n" in text_of(resources, paths.UNITS / paths.FORWARD_UNIT)
    assert "hub/error --no-x-forward" in text_of(resources, paths.UNITS / paths.PROXY_UNIT)
    anywhere = behind({"web": {"server": "none", "listen": "10.0.0.5:8080"}})
    assert "FreeBind=yes" in text_of(desired(anywhere), paths.UNITS / paths.FORWARD_SOCKET_UNIT)


def test_keys_that_would_do_nothing_are_refused() -> None:
    for name, value in {"server": "none", "listen": "0.0.0.0:80", "trusted_proxies": []}.items():
        with pytest.raises(ConfigProblem, match=rf"web\.{name} is for a site behind another proxy"):
            desired(site(Config.model_validate({"web": {name: value}})))
    desired(site(Config.model_validate({"web": {"server": "nginx"}})))


def test_another_site_on_the_same_port_is_named() -> None:
    other = ForeignSite(
        file="/etc/nginx/conf.d/x.conf", names=("hub.example.org",), ports=(8082,), default_ports=(8082,)
    )
    desired(behind(sites=Sites(foreign=(other,))))
    with pytest.raises(Conflict, match=r"nginx already serves hub\.example\.org"):
        desired(behind({"web": {"listen": "127.0.0.1:8082"}}, sites=Sites(foreign=(other,))))


@pytest.mark.parametrize("proxy", snippets.PROXIES)
def test_what_another_proxy_is_told(proxy: snippets.Proxy) -> None:
    app = {"path": "/app/", "upstream": "http://127.0.0.1:1"}
    below = snippets.snippet(proxy, behind({"hub": {"base_url": "/jupyter/"}, "apps": [app]}))
    for text in ("127.0.0.1:282", "/jupyter/", "/app/", "/jupyterhub-login/", "/jupyterhub-pass/"):
        assert text in below
    whole = snippets.snippet(proxy, behind({"apps": [app]}))
    assert "/app/" not in whole
    assert "Not yet" not in whole
    assert snippets.snippet(proxy, site()).startswith("# Not yet: tls.mode is self-signed")
    elsewhere = behind({"web": {"listen": "0.0.0.0:8080"}})
    assert f"{elsewhere.facts.addresses[0]}:8080" in snippets.snippet(proxy, elsewhere)
    assert "[2001:db8::10]:8080" in snippets.snippet(proxy, behind({"web": {"listen": "[::]:8080"}}))


# --- ports ---------------------------------------------------------------------------------------


def test_the_ports_that_are_needed() -> None:
    assert ports_taken.needed(site()) == {80: "nginx", 443: "nginx", 283: "nginx"}
    assert ports_taken.needed(behind()) == {282: "nginx", 283: "nginx"}
    assert ports_taken.needed(behind({"web": {"server": "none"}})) == {284: "systemd"}


def test_who_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Conflict, match=rf"port {port} is held by \S+ \(pid \d+\), and nginx needs it") as caught:
            ports_taken.refuse_taken(behind({"web": {"listen": f"127.0.0.1:{port}"}}))
        assert "web.listen" in caught.value.hint
    ports_taken.refuse_taken(behind({"web": {"listen": f"127.0.0.1:{port}"}}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tls: {mode: off}\n", True),
        ('tls:\n  mode: "off"\n', True),
        ("tls: {'mode': 'off'}\n", True),
        ("tls: {mode: self-signed}\n", False),
        ("tls: {mode: offside}\n", False),
        ("", False),
    ],
)
def test_whose_ports_are_anothers_is_seen_without_reading_yaml(tmp_path: Path, text: str, expected: bool) -> None:
    config = tmp_path / "installer.yaml"
    config.write_text(text)
    assert preflight.behind_another_proxy(str(config)) is expected
    assert not preflight.behind_another_proxy(str(tmp_path / "none"))


def test_doctor_lets_systemd_hold_what_it_hands_on() -> None:
    whose = {284: paths.FORWARD_UNIT}
    held = [ports.Listener(284, "systemd", 1, ""), ports.Listener(284, "systemd-socket-", 9, paths.FORWARD_UNIT)]
    assert [finding.severity for finding in ports.judge(held, installed=True, whose=whose)] == [Severity.OK]
    other = [ports.Listener(284, "nc", 7, "")]
    assert ports.judge(other, installed=True, whose=whose)[0].severity is Severity.PROBLEM


def test_doctor_tells_of_apps_that_are_not_there() -> None:
    app = App(path="/app/", upstream="http://127.0.0.1:1")
    assert [finding.severity for finding in doctor_apps.judge([(app, "")])] == [Severity.OK]
    (found,) = doctor_apps.judge([(app, "nothing answers at http://127.0.0.1:1 (Connection refused)")])
    assert found.severity is Severity.WARNING
    assert found.what.startswith("/app/: nothing answers")


def test_doctor_connects_to_apps(tmp_path: Path) -> None:
    gone = [
        App(path="/a/", root="/none"),
        App(path="/b/", upstream="http://127.0.0.1:1"),
        App(path="/c/", upstream="unix:/none"),
    ]
    server = SimpleNamespace(known=SimpleNamespace(site=site(Config(apps=tuple(gone)))))
    assert len(doctor_apps.look(server)) == 3  # type: ignore[arg-type]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        there = App(path="/d/", upstream=f"unix:{tmp_path / 's'}")
        server = SimpleNamespace(known=SimpleNamespace(site=site(Config(apps=(there,)))))
        assert [finding.severity for finding in doctor_apps.look(server)] == [Severity.OK]  # type: ignore[arg-type]


# --- maintenance ---------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The places of a hub that is installed, elsewhere."""
    (tmp_path / "passes").mkdir()
    monkeypatch.setattr(paths, "MAINTENANCE_PAGE", tmp_path / "maintenance.html")
    monkeypatch.setattr(paths, "PASSES", tmp_path / "passes")
    monkeypatch.setattr(maintenance, "_STATE", tmp_path / "maintenance.json")
    return tmp_path


def test_closing_and_opening(state: Path) -> None:
    assert maintenance.look() is None
    assert maintenance.pass_cookie() == {}
    closed = maintenance.close(site(), "a < b & c")
    assert maintenance.look() == closed
    assert maintenance.pass_cookie() == {"Cookie": f"jupyterhub_pass={closed.token}"}
    assert "a &lt; b &amp; c" in (state / "maintenance.html").read_text()
    assert closed.link("https://hub.example.org/jupyter/") == f"https://hub.example.org/jupyterhub-pass/{closed.token}"
    again = maintenance.close(site(), "another")
    assert (again.token, again.since) == (closed.token, closed.since)
    assert maintenance.reopen()
    assert list(state.rglob("*")) == [state / "passes"]
    assert not maintenance.reopen()
    assert maintenance.close(site(), "anew").token != closed.token


@pytest.mark.parametrize("message", ["", " ", "two\nlines", "\x1b[2J", "x" * 501])
def test_what_is_no_message(state: Path, message: str) -> None:
    with pytest.raises(UsageProblem, match="the message"):
        maintenance.close(site(), message)
    assert not (state / "maintenance.html").exists()


def test_a_damaged_note_is_told_of_and_can_be_undone(state: Path) -> None:
    maintenance.close(site(), "x")
    (state / "maintenance.json").write_text("{")
    with pytest.raises(Problem, match="can't be read") as caught:
        maintenance.look()
    assert "maintenance off" in caught.value.hint
    assert maintenance.pass_cookie() == {}
    assert maintenance.reopen()


def test_there_is_nothing_to_close_before_the_first_apply(state: Path) -> None:
    (state / "passes").rmdir()
    with pytest.raises(Problem, match="there is no site to close"):
        maintenance.close(site(), "x")
