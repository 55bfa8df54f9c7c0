"""The JSON Schema says the same as the loader, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from jsonschema import Draft7Validator

from installer.config.describe import Key, all_keys, entry_keys
from installer.config.load import load
from installer.config.schema import schema
from installer.host.errors import ConfigProblem
from tests.unit import config_limits

VALIDATOR = Draft7Validator(schema())

GOOD: dict[str, list[object]] = {
    "hub.domain": ["hub", "Hub.Example.org", "3com.example", "a.b1", "192.0.2.7", "2001:db8::7", "x" * 63 + ".org"],
    "hub.base_url": ["/", "/jupyter/", "/a/b-1.0/~x/", "/hubs/", "/a/users/"],
    "hub.admin_users": [[], ["ada"], ["ada", "g_h.o-2", "2ada", "roots", "a" * 32]],
    "auth.provider": ["pam", "native"],
    "auth.sign_up": ["approval", "closed"],
    "auth.client_id": ["jupyterhub", "0oa1b2-c3.d4_e5", "https://hub.example.org/"],
    "auth.issuer": ["https://login.example.org", "https://[::1]:8443/realms/campus/", "https://a.org/x~y/v2.0"],
    "auth.url": ["https://gitlab.example.org", "https://lab.eu.auth0.com/"],
    "auth.ca_file": ["/etc/ssl/ca.example.org.pem"],
    "auth.scopes": [[], ["groups", "offline_access"], ["https://example.org/scope"]],
    "auth.username_claim": ["preferred_username", "https://example.org/name"],
    "auth.groups_claim": ["groups", "https://example.org/groups"],
    "auth.blocked": [[], ["mallory", "Eve@Example.org", "Dr. Ö"]],
    "auth.create_accounts": [True, False],
    "auth.server_tokens": [[], ["access_token"], ["id_token", "access_token"]],
    "auth.allow.users": [[], ["ada", "Ada Lovelace", "ada@example.org"]],
    "auth.allow.groups": [["students", "/campus/students", "CN=a,DC=b"]],
    "auth.allow.organizations": [[], ["our-lab", "our-lab/students", "X/a.b_c"]],
    "auth.allow.email_domains": [[], ["example.org", "mail.Example.org"]],
    "auth.allow.file": ["/etc/jupyterhub/userlist"],
    "auth.allow.admin_groups": [["hub-admins"]],
    "auth.allow.all": [True, False],
    "auth.names.rule": ["lowercase", "exact"],
    "auth.names.map": ["/etc/jupyterhub/names"],
    "auth.names.prefix": ["gh-", "a", "abcdefghijkl"],
    "auth.names.domain": ["example.org"],
    "tls.mode": ["self-signed", "off"],
    "web.server": ["nginx", "none"],
    "web.listen": ["127.0.0.1:8080", "0.0.0.0:80", "[::1]:65535"],
    "web.trusted_proxies": [[], ["192.0.2.7", "10.0.0.0/8"], ["2001:db8::/32", "::1"]],
    "tls.names": [[], ["hub.example.org", "192.0.2.7", "2001:db8::7"]],
    "tls.certificate": ["/etc/ssl/hub/fullchain.pem", "/etc/ssl/a+b_c-d.1"],
    "tls.key": ["/etc/ssl/hub/privkey.pem"],
    "tls.email": ["ada@example.org", "a.b+hub@mail.example.org"],
    "tls.staging": [True, False],
    "tls.directory_url": ["https://ca.example.org/acme/directory", "https://localhost:14000/dir", "https://[::1]:9/d"],
    "tls.ca_file": ["/etc/ssl/ca.pem"],
    "tls.preflight": [True, False],
    "tls.hsts": [True, False],
    "branding.logo": ["/etc/jupyterhub/branding/logo.svg"],
    "branding.title": ["Jupyter at Example University", "<b>π</b>"],
    "branding.announcement": ["x", 'a "b" <c> {{ d }} %', "x" * 500, "once\n"],
    "branding.login_text": ["x", "one\ntwo\n\nthree\n", "x" * 2000],
    "branding.templates": ["/etc/jupyterhub/branding/templates"],
    "spawner.kind": ["sudo", "systemd"],
    "spawner.private_tmp": [True, False],
    "spawner.no_new_privileges": [True, False],
    "spawner.environment": [[], ["HTTPS_PROXY", "a1", "_x"], ["X" * 128]],
    **config_limits.GOOD,
    "culler.timeout": [0, "0", "1h", "30m", "1d2h3m4s", "90s"],
    "culler.max_age": [0, "365d"],
    "culler.every": ["1s", "5m"],
    "notify.command": ["/usr/local/bin/notify-failed", "/opt/a_b/c++.sh"],
    "notify.mail": ["root", "ada@example.org", "a.b+hub@mail.example.org"],
    "backup.every": ["hourly", "daily", "weekly", "monthly"],
    "backup.keep": [1, 14, 1000],
    "backup.directory": ["/var/backups/jupyterhub", "/mnt/a b/ö"],
    "keep": [
        [],
        ["/etc/nginx/conf.d/jupyterhub.conf"],
        ["/etc/pam.d/jupyterhub", "/etc/systemd/system/jupyterusers.slice"],
    ],
    "channels": [
        ["conda-forge"],
        ["bioconda", "conda-forge"],
        ["org/label/dev"],
        ["https://mirror.example.org/conda-forge"],
        ["http://192.0.2.7:8080/a/b/", "https://[2001:db8::7]/x", "https://mirror.example.org"],
        ["file:///srv/t/channel", "https://example.org/~ada/t/x", "file:///srv/a%20b/c-1.0_x/"],
    ],
    "kernels": [
        [],
        ["python"],
        ["r", {"name": "science"}],
        [{"name": "a.b-c_d", "recipe": "python", "packages": ["numpy<2"], "pip": ["x"], "display_name": "Ä (ö)"}],
        ["a" * 32, "0", "3d"],
    ],
    "default_kernel": ["python", "go"],
    "kernels[].name": ["science", "py3.12", "a", "r_4-dev"],
    "kernels[].recipe": ["python"],
    "kernels[].environment": ["/environment.yml", "/srv/a b/ö/.hidden/x..y", "/a" * 500],
    "kernels[].lock": ["/srv/kernels/science.lock"],
    "kernels[].packages": [
        [],
        ["numpy"],
        ["numpy<2", "python=3.12", "pandas >=2,<3", "scipy 1.11.* *_0", "r-base==4.3", "zlib~=1.2", "a!=1|2", "_x"],
        ["conda-forge::numpy", "org/label/dev::x", "https://mirror.example.org/ch::x>1", "file:///srv/c::x"],
        ["numpy[version='>=1,<2', build=py*]"],
    ],
    "kernels[].pip": [
        [],
        ["flask", "flask>=3", "requests[socks]>=2,<3 ; python_version < '3.13'", "A.b-c_d==1.0.*", "x (>=1,<2)"],
        ["thing @ https://example.org/thing-1.0.tar.gz", "x@git+https://example.org/x.git#subdirectory=y"],
        ["e==1!2.0+local.1", "y~=1.4", "z===any"],
    ],
    "kernels[].display_name": ["Python 3 (science)", "π", "x" * 80],
    "kernels[].revision": ["3f9c0a7b51de", "000000000000"],
    "apps": [
        [],
        [{"path": "/a/", "upstream": "unix:/x"}, {"path": "/ab/", "root": "/srv/www", "groups": ["a"], "admins": True}],
    ],
    "apps[].path": ["/a/", "/a/b-1.0/~x/", "/jupyterhub/", "/hubs/"],
    "apps[].upstream": [
        "http://127.0.0.1:1",
        "http://localhost:65535",
        "http://[::1]:8080",
        "http://192.0.2.255:80",
        "unix:/run/app@1/http.sock",
    ],
    "apps[].root": ["/srv", "/srv/www/a_b-c+d@e/x.y"],
    "apps[].login": ["hub", "none"],
    "apps[].groups": [[], ["staff", "Domain_Users.x-1"]],
    "apps[].admins": [True, False],
    "apps[].strip_prefix": [True, False],
    "apps[].websocket": [True, False],
    "apps[].body_size": [0, "0", "1K", "999999G"],
    "apps[].read_timeout": ["1s", "20d"],
    "apps[].redirect_fix": [True, False],
}
BAD: dict[str, list[object]] = {
    **config_limits.BAD,
    "hub.domain": [1, True, [], {}, "", "a b", "a..b", "a.", "-a", "a-", "a_b", "1.2.3", "a:80", "a/b", "x" * 64],
    "hub.base_url": [1, "", "a", "/a", "a/", "//", "/a//b/", "/../", "/a b/", "/$x/", "/%20/", "/hub/", "/a/user/"],
    "hub.admin_users": ["ada", {}, [1], [[]], ["Ada"], ["root"], ["jupyter"], ["12"], ["-a"], ["a" * 33], ["a", "a"]],
    "auth.provider": ["ldap", "", 1, ["pam"]],
    "auth.sign_up": ["open", True, ""],
    "auth.client_id": ["", "a b", 'a"b', "ä", 7, "x" * 201],
    "auth.issuer": ["", "login.example.org", "http://a.org", "https://", "https://u:p@a.org", "https://a.org/?x", 1],
    "auth.url": ["github.com", "https://a b.org", "https://a.org/%20"],
    "auth.ca_file": ["ca.pem", "/home/ada/ca.pem"],
    "auth.scopes": ["groups", ["a b"], ["a", "a"], [1]],
    "auth.username_claim": ["", "a b", 1],
    "auth.groups_claim": ["", "a b", []],
    "auth.blocked": ["eve", ["x", "x"], [""], [1], ["x" * 255]],
    "auth.create_accounts": ["yes", 1],
    "auth.server_tokens": ["access_token", ["refresh_token"], ["password"], ["id_token", "id_token"]],
    "auth.allow.users": ["ada", [""], [1], ["ada", "ada"], {}],
    "auth.allow.groups": ["students", [1]],
    "auth.allow.organizations": ["our-lab", ["org:team"], ["a/b/c"], ["-a"], ["@a"], ["a", "a"]],
    "auth.allow.email_domains": ["example.org", ["@example.org"], ["*.example.org"], ["localhost"], ["a@b.org"]],
    "auth.allow.file": ["userlist", "/home/ada/userlist", "/etc/a b"],
    "auth.allow.admin_groups": ["x", [1]],
    "auth.allow.all": ["yes", 1],
    "auth.names.rule": ["Lowercase", "map", ""],
    "auth.names.map": ["names", "/root/names"],
    "auth.names.prefix": ["", "Gh-", "1a", "_a", "abcdefghijklm", "a_"],
    "auth.names.domain": ["@example.org", "localhost", ""],
    "tls.mode": ["on", False],
    "web.server": ["apache", "", True],
    "web.listen": ["", 8080, "8080", "localhost:80", "127.0.0.1", "::1:80", "127.0.0.1:0", "127.0.0.1:80;", "unix:/x"],
    "web.trusted_proxies": ["::1", ["host"], ["a b"], [1], ["::1", "::1"], ["10.0.0.0/"], ["10.0.0.1;"]],
    "branding.logo": ["logo.svg", "", 1, "/a/../b", "/a\nb"],
    "branding.title": ["", " x", "a\nb", "x" * 81, 1],
    "branding.announcement": ["", " ", "a\nb", "a\tb", "\x1b[2J", "x" * 501, 7, ["a"]],
    "branding.login_text": ["", "\n", "a\tb", "\x00", "x" * 2001, 7, ["a"]],
    "branding.templates": ["templates", "", "/a//b"],
    "spawner.kind": ["local", "", None, 1],
    "spawner.private_tmp": ["maybe", 1],
    "spawner.no_new_privileges": ["maybe", 0],
    "spawner.environment": [
        ["PATH"],
        ["LD_PRELOAD"],
        ["PYTHONPATH"],
        ["A=B"],
        ["1A"],
        [""],
        "A-B",
        ["A", "A"],
        ["X" * 129],
    ],
    "tls.names": [
        "hub.example.org",
        ["*.example.org"],
        ["a", "a"],
        ["a:80"],
        ["https://a.org"],
        ["bücher.example"],
        [1],
    ],
    "tls.certificate": [
        "hub.pem",
        "/home/ada/hub.pem",
        "/root/x",
        "/etc/a b",
        "/etc/../x",
        "/a;b",
        "/%i",
        "/a\nb",
        1,
        "",
    ],
    "tls.key": ["./x", "/a$b"],
    "tls.email": ["root", "a@b", "a b@example.org", "-a@example.org", 1],
    "tls.staging": ["yes", 1, []],
    "tls.directory_url": [
        "https://ca.example.org/../x",
        "http://ca.example.org/x",
        "ca.example.org",
        "https://u:p@ca.org/",
        "https://a/?x",
        "https://a b/",
    ],
    "tls.ca_file": ["ca.pem"],
    "tls.preflight": ["false", 0],
    "tls.hsts": ["true", 1],
    "culler.timeout": [1, -1, 1.5, True, "", "1", "h", "1 h", "1H", "30m1h", "1h1h", "-1h", [], {}],
    "culler.max_age": ["1w", 3600],
    "culler.every": ["1:30", 5],
    "notify.command": ["notify", "./x", "/", "/a b", "/a/../b", "/a//b", "/a/", "/a;b", "/%i", "/a$b", 1, [], ""],
    "notify.mail": ["", "-root", "a b", "a@", "@b", "a@b@c", "a,b", "a@-b", "a\nb", 1, []],
    "keep": ["/etc/pam.d/jupyterhub", ["/etc/sudoers.d/jupyterhub"], ["/etc/pam.d/jupyterhub"] * 2, [""], [1], {}],
    "channels": [
        "conda-forge",
        [],
        {},
        [1],
        [""],
        ["a b"],
        ["-x"],
        ["a", "a"],
        ["defaults"],
        ["nodefaults"],
        ["/srv/channel"],
        ["ftp://example.org/x"],
        ["https://"],
        ["https:///x"],
        ["https://user:pass@example.org/x"],
        ["file://srv/x"],
        ["https://example.org/t/secret/x"],
        ["https://example.org/x?y"],
        ["https://example.org/x#y"],
        ["file:///"],
        ["conda-forge/linux-64"],
        ["https://example.org/x/noarch"],
        ["file:///srv/../x"],
        ["x/../y"],
        ["a//b"],
        ["https://exa mple.org/x"],
        ["conda-forge[linux-64]"],
        ["https://example.org/;x"],
        ["https://example.org:x/y"],
    ],
    "kernels": [
        "python",
        {},
        {"name": "a"},
        ["python", "python"],
        [1],
        [None],
        [[]],
        ["Python"],
        ["a/b"],
        [".."],
        [{}],
        ["a b"],
        [{"recipe": "python"}],
        [{"name": "a", "nme": "b"}],
        [{"name": "a", "packages": "numpy"}],
        [{"name": "a", "packages": None}],
    ],
    "default_kernel": ["", "A", 1, ["python"], "../x"],
    "kernels[].name": [
        "",
        "A",
        "a b",
        "a/b",
        ".a",
        "a.",
        "-a",
        "a-",
        "_a",
        "a..b",
        "a" * 33,
        "ä",
        1,
        None,
        ["a"],
    ],
    "kernels[].recipe": ["../python", "Python", 1],
    "kernels[].environment": [
        "",
        "environment.yml",
        "~/x",
        "/",
        "/a/",
        "/a//b",
        "/../b",
        "/a/.",
        "/a\nb",
        "/a" * 501,
        1,
    ],
    "kernels[].lock": ["x.lock", ["/x"]],
    "backup.every": ["", "never", "1d", 1, ["daily"]],
    "backup.keep": [0, -1, 1001, "14", 1.5, True, [1]],
    "backup.directory": ["", "backups", "/", "/a/../b", "/a\nb", 1],
    "kernels[].packages": [
        "numpy",
        {},
        [1],
        [""],
        ["-c x"],
        ["--help"],
        [" numpy"],
        ["numpy "],
        ["numpy\n"],
        ["numpy\x1b"],
        ["<2"],
        ["*"],
        ["numpy", "numpy"],
        ["https://example.org/x.conda"],
        ["a b::x"],
        ["https://u:p@example.org/c::x"],
        ["::x"],
        ["x" * 201],
        ["numpy;reboot"],
        ["numpy,scipy"],
        ["$(x)"],
    ],
    "kernels[].pip": [
        "flask",
        [1],
        [""],
        ["-r x"],
        ["-e ."],
        ["--index-url https://example.org"],
        ["flask --pre"],
        ["flask>=3 -i x"],
        ["./flask"],
        ["/srv/x.whl"],
        ["https://example.org/x.whl"],
        ["git+https://example.org/x"],
        ["flask\nx"],
        ["x @ https://user:pass@example.org/x"],
        ["flask==1 scipy"],
        ["flask>=1<2"],
        ["flask=1"],
        ["a", "a"],
        ["x" * 201],
    ],
    "kernels[].display_name": ["", " a", "a ", "a\nb", "a\x1b[2J", "x" * 81, 3, ["x"]],
    "apps": ["/a/", {}, {"path": "/a/", "root": "/b"}, ["/a/"], [1], [{"root": "/b"}], [{"path": "/a/", "x": 1}]],
    "apps[].path": ["", "/", "a", "/a", "a/", "/../", "/a//", "/a b/", "/hub/", "/x/services/", "/jupyterhub-x/", 1],
    "apps[].upstream": [
        "",
        "8080",
        8080,
        "127.0.0.1:80",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:80/",
        "http://app.example.org:80",
        "https://127.0.0.1:443",
        "http://127.0.0.1:80;",
        "unix:x",
        "unix:/a/../b",
        "unix:/a b",
        "unix:/" + "x" * 120,
    ],
    "apps[].root": [
        "",
        "/",
        "srv",
        "/srv/",
        "/a//b",
        "/a/../b",
        "/a b",
        "/a;b",
        '/a"',
        "/a\nb",
        "/$x",
        "/" + "x" * 200,
    ],
    "apps[].login": ["", "pam", True],
    "apps[].groups": ["staff", [""], ["a b"], ["-a"], ["a", "a"], ["a" * 33], [1]],
    "apps[].admins": ["true", 1, "ada"],
    "apps[].strip_prefix": ["no", 0],
    "apps[].websocket": ["yes", 1],
    "apps[].body_size": [1, -1, "1", "1m", "0M", "1 M", "1MB", "1000000K", "", True],
    "apps[].read_timeout": [5, "5", "1w"],
    "apps[].redirect_fix": ["off", []],
    "kernels[].revision": ["", "3f9c", "3F9C0A7B51DE", "3f9c0a7b51deX", "g" * 12, 123456789012],
}


def loads(directory: Path, config: str) -> bool:
    file = directory / "installer.yaml"
    file.write_text(config, encoding="utf-8")
    file.chmod(0o644)
    try:
        load(file)
    except ConfigProblem:
        return False
    return True


def config_with(key: Key, value: object) -> dict[str, object]:
    """The same as `key.set_to`, not yet written as YAML."""
    config: object = value
    *above, name = key.path
    if key.beside is not None:
        entry = {**key.beside, name: value}
        config, name = [entry] if key.called is None else {key.called: entry}, above.pop()
    config = {name: config}
    for section in reversed(above):
        config = {section: config}
    return cast("dict[str, object]", config)


@pytest.mark.parametrize("key", (*all_keys(), *entry_keys()), ids=lambda key: key.name)
def test_schema_and_loader_agree(key: Key, tmp_path: Path) -> None:
    assert GOOD[key.name]
    assert BAD[key.name]
    for value in GOOD[key.name]:
        assert loads(tmp_path, key.set_to(value)), value
        assert VALIDATOR.is_valid(config_with(key, value)), value
    for value in BAD[key.name]:
        assert not loads(tmp_path, key.set_to(value)), value
        assert not VALIDATOR.is_valid(config_with(key, value)), value


@pytest.mark.parametrize("config", [None, {}, {"hub": None}, {"hub": {}, "culler": {}}])
def test_empty_sections_are_fine(config: object) -> None:
    assert VALIDATOR.is_valid(config)


@pytest.mark.parametrize("config", [[], "hub", {"hub": []}, {"hbu": {}}, {"hub": {"x": 1}}, {"hub": {"domain": None}}])
def test_other_shapes_are_not(config: object) -> None:
    assert not VALIDATOR.is_valid(config)


def test_it_is_a_schema_that_tells_an_editor_everything() -> None:
    Draft7Validator.check_schema(schema())
    whole = schema()
    json.dumps(whole)
    for key in (*all_keys(), *entry_keys()):
        told = whole
        for name in key.path:
            told = told.get("items", told.get("additionalProperties") or told)
            told = told["oneOf"][1] if "oneOf" in told else told
            told = told["properties"][name]
        assert told["description"] == key.description
        assert told["examples"] == [key.example]
        assert told.get("default") == key.default
