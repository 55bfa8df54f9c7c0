"""What nginx serves besides us: read as nginx reads it, told of, and never blamed on us or on it by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.commands import neighbours
from installer.config.models import Config, Hub
from installer.features import web
from installer.host import nginx, paths
from installer.host.errors import Conflict
from installer.host.nginx import ForeignSite, Refusal, Sites
from installer.resources.nginx_site import broken_without_us
from tests.unit.test_features import site


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that nginx.conf includes."""
    main, included = tmp_path / "nginx.conf", tmp_path / "intranet"
    main.write_text(f"events {{}}\nhttp {{\n  include {included};\n}}\n")
    monkeypatch.setattr(paths, "NGINX_CONFIG", main)
    monkeypatch.setattr(paths, "NGINX_SITE", tmp_path / "jupyterhub.conf")
    return included


def test_sites_are_read_as_nginx_reads_them(serving: Path) -> None:
    serving.write_text(
        "server { listen 80; listen [::]:80; listen 192.0.2.7:443 ssl default_server; listen 127.0.0.1:80;\n"
        "  listen unix:/run/x; listen 198.51.100.1; listen *:81; server_name Hub.Example.org .example.com; }\n"
        "server { server_name _; }\n"
    )
    first, second = nginx.sites().foreign
    assert first.file == str(serving)
    assert first.names == ("hub.example.org", "example.com")
    assert first.ports == (80, 80, 443, 80, 80, 81)
    assert first.default_ports == (443,)
    assert first.addresses == ("192.0.2.7:443", "127.0.0.1:80", "198.51.100.1:80")
    assert (second.names, second.ports, second.addresses) == (("_",), (80,), ())


@pytest.mark.parametrize("written", ["HUB.example.ORG", ".hub.example.org"])
def test_a_name_is_the_same_however_it_is_written(serving: Path, written: str) -> None:
    serving.write_text(f"server {{ listen 443 ssl; server_name {written}; }}\n")
    with pytest.raises(Conflict, match=r"nginx already serves hub\.example\.org from .*/intranet"):
        web.resources(site(Config(hub=Hub(domain="hub.example.org")), sites=nginx.sites()))


def test_what_nginx_refuses_is_told_with_its_place(serving: Path) -> None:
    serving.write_text("server {\n  listen 443 ssl;\n  ssl_certificate /etc/ssl/gone.pem;\n}\n")
    said = (
        'nginx: [warn] something else in /etc/nginx/x:1\nnginx: [emerg] unknown directive "foo" in '
        "/etc/nginx/sites-enabled/intranet:2\nnginx: configuration file /etc/nginx/nginx.conf test failed\n"
    )
    assert nginx.read_refusal(said) == Refusal("/etc/nginx/sites-enabled/intranet:2", 'unknown directive "foo"')
    missing = nginx.read_refusal('nginx: [emerg] cannot load certificate "/etc/ssl/gone.pem": BIO_new_file() failed\n')
    assert missing.place == f"{serving}:3"
    assert broken_without_us(missing)[0].startswith(f"nginx refuses {serving}:3, which isn't ours: cannot load cert")
    assert nginx.read_refusal("killed\n") == Refusal("", "killed")
    assert "nginx refuses its configuration, which isn't ours: killed" in broken_without_us(Refusal("", "killed"))[0]


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (ForeignSite(file="/x", names=("a.b",), ports=(80,), default_ports=(80,)), []),
        (ForeignSite(file="/x", names=("a.b",), ports=(8080,), default_ports=()), []),
        (ForeignSite(file="/x", names=("_",), ports=(80,), default_ports=(80,)), ["/x answers to any name; to hub"]),
        (ForeignSite(file="/x", names=(), ports=(443,), default_ports=()), ["/x answers to any name; to hub"]),
        (ForeignSite(file="/x", names=("a.b",), ports=(80,), default_ports=()), ["/x answers to names that no site"]),
        (
            ForeignSite(file="/x", names=("a.b",), ports=(443,), default_ports=(443,), addresses=("192.0.2.7:443",)),
            ["/x has 192.0.2.7:443 to itself"],
        ),
        (
            ForeignSite(file="/x", names=("a.b",), ports=(80,), default_ports=(80,), addresses=("127.0.0.1:80",)),
            [],
        ),
    ],
)
def test_what_becomes_other_for_sites_of_others_is_told(foreign: ForeignSite, said: list[str], serving: Path) -> None:
    told = neighbours.notes(site(sites=Sites(foreign=(foreign,))))
    assert len(told) == len(said)
    assert all(line.startswith(start) for line, start in zip(told, said, strict=True))
    paths.NGINX_SITE.write_text("")
    assert neighbours.notes(site(sites=Sites(foreign=(foreign,)))) == []
    serving.unlink(missing_ok=True)
