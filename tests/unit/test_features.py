"""What the features ask for, on machines that differ in what matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from installer.config.models import Backup, Config, Hub, Tls
from installer.engine.graph import in_order
from installer.engine.resource import Resource
from installer.engine.store import Store, stored
from installer.features import apps, backup, letsencrypt, tls, web
from installer.features.everything import desired
from installer.features.site import Admin, Site
from installer.host import paths
from installer.host.errors import Conflict
from installer.host.facts import HostFacts
from installer.host.nginx import ForeignSite, Sites
from installer.resources.certificate import SiteCertificate
from installer.resources.file import File
from installer.resources.kinds import KINDS

FACTS = HostFacts(
    systemd=252,
    python="3.11.2",
    python_program=Path("/usr/bin/python3.11"),
    machine="x86_64",
    hostname="hub",
    fqdn="hub.example.org",
    addresses=("192.0.2.10", "2001:db8::10"),
    memory=16 << 30,
    cpus=8,
    ipv6=True,
    nginx=(1, 22, 1),
    sites=Sites(stock_enabled=True),
)
OTHER = ForeignSite(file="/etc/nginx/conf.d/blog.conf", names=("blog.example.org",), ports=(80, 443), default_ports=())


def site(config: Config | None = None, admin: Admin | None = None, **facts: object) -> Site:
    changed = FACTS.model_copy(update=facts)
    return Site(config or Config(), changed, admin or Admin("ada", own=False), "0123456789ab", ("f00dfeedbeef",))


def test_the_hub_stands_still_for_its_database_as_late_as_can_be() -> None:
    """Only its own start and what waits for that come behind."""
    keys = [resource.key for resource in in_order(desired(site()))]
    database = keys.index(f"database:{paths.HUB_DATABASE}")
    assert database < keys.index(f"service:{paths.HUB_UNIT}")
    for before in (f"unit:{paths.UNITS / paths.HUB_UNIT}", f"file:{paths.HUB_CONFIG}", f"service:{paths.PROXY_UNIT}"):
        assert keys.index(before) < database


def text_of(resources: tuple[Resource, ...], path: Path) -> str:
    return next(r.text for r in resources if isinstance(r, File) and r.path == path)


LETSENCRYPT = Config(hub=Hub(domain="hub.example.com"), tls=Tls(mode="letsencrypt", email="ada@example.org"))
FILES = Tls(mode="files", certificate="/etc/ssl/hub.crt", key="/etc/ssl/hub.key")

VARIANTS = {
    "bookworm": site(),
    "newer nginx": site(nginx=(1, 26, 3), systemd=257),
    "no nginx yet": site(nginx=None, sites=Sites()),
    "no IPv6": site(ipv6=False, addresses=("192.0.2.10",)),
    "below a path": site(Config(hub=Hub(base_url="/jupyter/", domain="hub.example.com"))),
    "own admin": site(admin=Admin(paths.OWN_ADMIN, own=True, reason="nobody ran sudo")),
    "beside others": site(sites=Sites(foreign=(OTHER,), stock_enabled=True)),
    "without sudo": site(
        Config.model_validate(
            {"spawner": {"kind": "systemd", "no_new_privileges": True, "environment": ["HTTPS_PROXY"]}}
        )
    ),
    "with backups": site(Config(backup=Backup(every="daily")), checkout=Path("/usr/local/lib/100% ours")),
    "with apps": site(
        Config.model_validate(
            {
                "apps": [
                    {"path": "/files/", "root": "/srv/files"},
                    {"path": "/a.b/", "upstream": "http://localhost:7001", "login": "none"},
                    {"path": "/c/", "upstream": "unix:/run/c.sock", "groups": ["staff"], "strip_prefix": False},
                ]
            }
        )
    ),
    "Let's Encrypt": site(LETSENCRYPT),
    "Let's Encrypt for an address": site(Config(tls=Tls(mode="letsencrypt", names=("9.9.9.9", "hub.example.com")))),
    "files": site(Config(tls=FILES)),
    "Ubuntu 22.04": site(systemd=249, nginx=(1, 18, 0)),
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_everything_is_in_order_and_can_be_stored_and_read_back(variant: Site, tmp_path: Path) -> None:
    resources = desired(variant)
    ordered = in_order(resources)
    assert len(ordered) == len(resources)
    store = Store(tmp_path, KINDS)
    assert [store.restored(stored(resource)) for resource in resources] == list(resources)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_texts_are_complete(variant: Site) -> None:
    for resource in desired(variant):
        if isinstance(resource, File):
            assert resource.text.endswith("\n"), resource.key
            assert "{{" not in resource.text, resource.key
            assert "{%" not in resource.text, resource.key


def test_what_is_asked_for_does_not_change_when_nginx_has_been_installed() -> None:
    shipped = {249: (1, 18, 0), 252: (1, 22, 1), 255: (1, 24, 0), 257: (1, 26, 3), 259: (1, 28, 0), 262: (1, 30, 0)}
    for systemd, version in shipped.items():
        before = desired(site(systemd=systemd, nginx=None, sites=Sites()))
        after = desired(site(systemd=systemd, nginx=version, sites=Sites()))
        assert before == after, f"systemd {systemd}"


def test_alone_it_is_the_default_site_and_beside_others_it_leaves_that_to_whoever_has_it() -> None:
    alone = text_of(web.resources(VARIANTS["bookworm"]), paths.NGINX_SITE)
    assert "listen 80 default_server;" in alone
    assert "listen 443 ssl http2 default_server;" in alone
    beside = text_of(web.resources(VARIANTS["beside others"]), paths.NGINX_SITE)
    assert "listen 80;" in beside
    assert "listen 443 ssl http2 default_server;" in beside
    owner = OTHER.model_copy(update={"default_ports": (80, 443)})
    neither = text_of(web.resources(site(sites=Sites(foreign=(owner,)))), paths.NGINX_SITE)
    assert "default_server" not in neither


def test_nginx_is_given_the_directives_it_understands() -> None:
    assert "http2 on;" in text_of(web.resources(VARIANTS["newer nginx"]), paths.NGINX_SITE)
    assert "http2 on;" not in text_of(web.resources(VARIANTS["Ubuntu 22.04"]), paths.NGINX_SITE)
    assert "[::]" not in text_of(web.resources(VARIANTS["no IPv6"]), paths.NGINX_SITE)


@pytest.mark.parametrize(
    ("settings", "strict"),
    [
        (Tls(), False),
        (Tls(hsts=True), True),
        (Tls(mode="letsencrypt"), True),
        (Tls(mode="letsencrypt", hsts=False), False),
        (Tls(mode="letsencrypt", staging=True), False),
        (Tls(mode="letsencrypt", directory_url="https://ca.example.org/dir"), False),
        (FILES, True),
    ],
)
def test_no_browser_is_locked_out_by_hsts(settings: Tls, *, strict: bool) -> None:
    config = Config(hub=Hub(domain="hub.example.com"), tls=settings)
    text = text_of(web.resources(site(config)), paths.NGINX_SITE)
    assert ('Strict-Transport-Security "max-age=63072000" always;' in text) is strict


def test_the_cas_questions_are_answered_only_where_there_is_one() -> None:
    assert "acme-challenge" not in text_of(web.resources(VARIANTS["files"]), paths.NGINX_SITE)
    text = text_of(web.resources(VARIANTS["Let's Encrypt"]), paths.NGINX_SITE)
    assert "disable_symlinks on" in text.partition("listen 443")[0]


def test_a_short_lived_certificate_is_looked_at_more_often_and_each_server_has_a_lineage() -> None:
    long, short = (VARIANTS[name] for name in ("Let's Encrypt", "Let's Encrypt for an address"))
    assert "OnCalendar=*-*-* 00/12:00:00\n" in text_of(tls.resources(long), paths.UNITS / paths.CERTIFICATE_TIMER_UNIT)
    assert "OnCalendar=*-*-* 00/6:00:00\n" in text_of(tls.resources(short), paths.UNITS / paths.CERTIFICATE_TIMER_UNIT)
    asking = text_of(tls.resources(short), paths.UNITS / paths.ACME_UNIT)
    assert "--server https://acme-v02.api.letsencrypt.org/directory" in asking
    assert "--profile shortlived" in asking
    assert "--profile" not in text_of(tls.resources(long), paths.UNITS / paths.ACME_UNIT)
    assert short.host == "9.9.9.9"
    assert short.url == "https://9.9.9.9/"
    trial = site(Config(hub=Hub(domain="hub.example.com"), tls=Tls(mode="letsencrypt", staging=True)))
    assert letsencrypt.lineage(trial) != letsencrypt.lineage(long)


def test_our_own_certificate_stands_in_where_another_is_to_come() -> None:
    for name, stands_in in (("bookworm", False), ("files", True), ("Let's Encrypt", True)):
        made = next(each for each in tls.resources(VARIANTS[name]) if isinstance(each, SiteCertificate))
        assert made.stand_in is stands_in, name


def test_another_site_of_the_same_name_is_named() -> None:
    same = OTHER.model_copy(update={"names": ("hub.example.org",)})
    with pytest.raises(Conflict) as caught:
        web.resources(site(sites=Sites(foreign=(same,))))
    assert caught.value.what == "nginx already serves hub.example.org from /etc/nginx/conf.d/blog.conf"
    assert "hub.domain" in caught.value.hint


@pytest.mark.parametrize(
    ("config", "facts", "url"),
    [
        (Config(), {}, "https://hub.example.org/"),
        (Config(), {"fqdn": "hub"}, "https://192.0.2.10/"),
        (Config(), {"fqdn": "hub", "addresses": ()}, "https://hub/"),
        (Config(hub=Hub(domain="j.example.com", base_url="/jupyter/")), {}, "https://j.example.com/jupyter/"),
        (Config(hub=Hub(domain="2001:db8::1")), {}, "https://[2001:db8::1]/"),
    ],
)
def test_the_address_that_people_are_told(config: Config, facts: dict[str, Any], url: str) -> None:
    assert site(config, **facts).url == url


def test_the_one_who_ran_sudo_is_the_admin_unless_the_config_says_who() -> None:
    assert site().admin_users == ("ada",)
    assert site(Config(hub=Hub(admin_users=("grace",)))).admin_users == ("grace",)
    assert site(Config(hub=Hub(admin_users=()))).admin_users == ()


def test_there_is_no_timer_unless_the_config_asks_for_one() -> None:
    assert backup.resources(site()) == ()
    asked = VARIANTS["with backups"]
    service = text_of(backup.resources(asked), paths.UNITS / paths.BACKUP_UNIT)
    assert "\nWorkingDirectory=/usr/local/lib/100%% ours\n" in service
    assert "\nOnCalendar=daily\n" in text_of(backup.resources(asked), paths.UNITS / paths.BACKUP_TIMER_UNIT)


def test_root_runs_by_itself_only_what_is_roots() -> None:
    with pytest.raises(Conflict, match=r"/home/ada/x can be changed by others than root"):
        desired(site(Config(backup=Backup(every="daily")), checkout_open=Path("/home/ada/x")))
    assert desired(site(checkout_open=Path("/home/ada/x")))


def test_an_app_has_a_place_of_its_own_and_the_gate_is_there_only_where_it_is_asked() -> None:
    asked = VARIANTS["with apps"]
    text = text_of(desired(asked), paths.NGINX_SITE)
    assert "upstream jupyterhub_app_2 {\n    server 127.0.0.1:7001;" in text
    assert "upstream jupyterhub_app_3 {\n    server unix:/run/c.sock;" in text
    assert "proxy_pass http://jupyterhub_app_2$jupyterhub_app_2_path;" in text
    assert "proxy_pass http://jupyterhub_app_3;" in text
    assert '"~^/a[.]b(?<jupyterhub_rest>/.*)$"' in text
    rules = json.loads(text_of(desired(asked), paths.APPS_RULES))
    assert rules["apps"] == {
        "/files/": {"groups": [], "admins": False},
        "/c/": {"groups": ["staff"], "admins": False},
    }
    assert "LoadCredential=apps_token:" in text_of(desired(asked), paths.UNITS / paths.HUB_UNIT)
    assert '"access:services!service=apps"' in text_of(desired(asked), paths.HUB_CONFIG)
    for other in (site(), site(Config.model_validate({"apps": [{"path": "/a/", "root": "/b", "login": "none"}]}))):
        assert apps.resources(other) == ()
        assert "apps" not in text_of(desired(other), paths.HUB_CONFIG)
        assert "apps_token" not in text_of(desired(other), paths.UNITS / paths.HUB_UNIT)
