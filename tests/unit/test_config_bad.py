"""Every way to get the config file wrong: each is told with file, line, key, what was expected and an example."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.load import load
from installer.config.values import KEEPABLE
from installer.host import paths
from installer.host.errors import ConfigProblem
from tests.unit.config_mistakes import Bad, check, write

HOST = "a host name or IP address such as hub.example.org"
PATH = "a path such as / or /jupyter/"
NAME = "an account name such as ada"
NAMES = "a list of account names such as [ada, grace]"
DURATION = "a duration such as 1h, 30m or 90s"
TOP = "a section with any of hub, auth, tls, web, branding, spawner, limits, culler"
ONE_OF_HUB = "one of domain, base_url, admin_users"


def domain(value: str, wrong: str, found: str | None = None, example: str = "hub.example.org") -> Bad:
    found = f'"{value}"' if found is None else found
    return Bad(f"hub:\n  domain: {value}\n", 2, "hub.domain", wrong, HOST, found, f"hub: {{domain: {example}}}")


def base_url(value: str, wrong: str, found: str | None = None, example: str = "/jupyter/") -> Bad:
    found = f'"{value}"' if found is None else found
    return Bad(f"hub:\n  base_url: {value}\n", 2, "hub.base_url", wrong, PATH, found, f"hub: {{base_url: {example}}}")


def admin(value: str, wrong: str, found: str, example: str = "[ada, grace]") -> Bad:
    text = f"hub:\n  admin_users:\n    - grace\n    - {value}\n"
    return Bad(text, 4, "hub.admin_users[1]", wrong, NAME, found, f"hub: {{admin_users: {example}}}")


def timeout(value: str, wrong: str, found: str, example: str = "1h") -> Bad:
    text = f"culler:\n  timeout: {value}\n"
    return Bad(text, 2, "culler.timeout", wrong, DURATION, found, f"culler: {{timeout: {example}}}")


def keep(path: object, wrong: str) -> Bad:
    return Bad(
        f"keep:\n  - {path}\n", 2, "keep[0]", wrong, f"one of {', '.join(KEEPABLE)}", f'"{path}"',
        f"keep: [{paths.NGINX_SITE}]",
    )  # fmt: skip


CASES = {
    # --- files to keep
    "the hub's configuration to be kept": keep(
        paths.HUB_CONFIG, f"not to be kept (settings of yours go into {paths.CONF_D}/)"
    ),
    "the hub's unit to be kept": keep(
        paths.UNITS / "jupyterhub.service",
        "not to be kept (changes of yours go beside it: sudo systemctl edit jupyterhub.service)",
    ),
    "sudo's rule to be kept": keep(paths.SUDOERS, "not a file that can be kept"),
    "a secret to be kept": keep(paths.COOKIE_SECRET, "not a file that can be kept"),
    "a file to be kept by its name": keep("jupyterhub.conf", "not a file that can be kept"),
    "no path to be kept": keep("hub", "not a file that can be kept"),
    "a file to be kept twice": Bad(
        f"keep:\n  - {paths.NGINX_SITE}\n  - {paths.NGINX_SITE}\n",
        3, "keep[1]", "named twice", "each name once", f'"{paths.NGINX_SITE}"',
    ),
    "a file to be kept without brackets": Bad(
        f"keep: {paths.PAM_SERVICE}\n", 1, "keep", "wrong type", "a list of files", f'"{paths.PAM_SERVICE}"',
        f"keep: [{paths.PAM_SERVICE}]",
    ),
    # --- the file as a whole
    "list as root": Bad("- hub\n", 1, "top level", "wrong type", TOP, "a list"),
    "text as root": Bad("hub\n", 1, "top level", "wrong type", TOP, '"hub"'),
    "number as root": Bad("7\n", 1, "top level", "wrong type", TOP, "the number 7"),
    "unclear word as root": Bad("no\n", 1, "top level", "wrong type", TOP, '"no" (YAML 1.1 reads false'),
    "not UTF-8": Bad(b"hub:\n  domain: b\xfccher\n", 2, "hub.domain", "not UTF-8", "text in UTF-8", "the byte 0xfc"),
    "UTF-16": Bad("hub: {}\n".encode("utf-16"), 1, "top level", "not UTF-8", "text in UTF-8", "the byte 0xff"),
    "NUL": Bad(b"hub:\n  domain: a\x00b\n", 2, "hub.domain", "a character", "printable text", '"\\x00"'),
    "tab as indentation": Bad("hub:\n\tdomain: a\n", 2, "hub.domain", "a tab", "spaces for indentation", "a tab"),
    "tab after spaces": Bad("hub:\n  \tdomain: a\n", 2, "hub.domain", "a tab", "spaces for indentation", "a tab"),
    "tab after the colon": Bad("hub:\n  domain:\ta\n", 2, "hub.domain", "a tab", "a space after the colon", "a tab"),
    "tab in braces": Bad("hub: {\n\tdomain: a}\n", 2, "hub.domain", "a tab", "spaces", "a tab"),
    "two documents": Bad("hub: {}\n---\nhub: {}\n", 2, "top level", "a second document", "one document", "another ---"),
    "directive": Bad("%YAML 1.1\n---\nhub: {}\n", 2, "top level", "a directive", "keys and values", "starts with %"),
    "tag directive": Bad("%TAG ! x:\n---\nhub: {}\n", 2, "top level", "a directive", "keys and values", "a line"),
    "alias": Bad("hub:\n  domain: *d\n", 2, "hub.domain", "an alias", "the value written out", "*d"),
    "alias with a line separator": Bad("hub: *h\u2028\n", 1, "hub", "an alias", "the value", "*h\\u2028"),
    "anchor": Bad("hub: &h\n  domain: a\n", 1, "hub", "an anchor", "the value alone", "&h"),
    "billion laughs": Bad("a: &a [x, x]\nb: &b [*a, *a]\n", 1, "a", "an anchor", "the value alone", "&a"),
    "merge key": Bad("hub:\n  <<: {domain: a}\n", 2, 'hub."<<"', "unknown key", ONE_OF_HUB, '"<<"'),
    "python tag": Bad("hub: !!python/object:os.system {}\n", 1, "hub", "a tag", "the value alone", "python/object"),
    "local tag": Bad("hub:\n  domain: !secret a\n", 2, "hub.domain", "a tag", "the value alone", '"!secret"'),
    "standard tag": Bad("hub:\n  domain: !!str 7\n", 2, "hub.domain", "a tag", "the value alone", ":str"),
    "tag on a key": Bad("hub:\n  !!str domain: a\n", 2, "hub", "a tag", "the value alone", ":str"),
    "bottomless": Bad("[" * 5000, 1, "[0][0]", "nested too deep", "at most 16 levels", "more"),
    "bottomless below keys that are no text": Bad("{1: " * 5000, 1, "", "nested too deep", "at most 16 levels", "more"),
    "open quote": Bad("hub:\n  domain: 'a\n\n\n", 2, "hub.domain", "not valid YAML", "keys and values", "a mistake"),
    "open bracket": Bad("hub:\n  admin_users: [a,\n", 2, "hub.admin_users", "not valid YAML", "keys", "a mistake"),
    "two colons": Bad("hub:\n  domain: a: b\n", 2, "hub.domain", "not valid YAML", "keys and values", "a mistake"),
    "bad indentation": Bad("hub:\n  domain: a\n base_url: /\n", 3, "hub.base_url", "not valid YAML", "key", "block"),
    "text with an @": Bad("hub:\n  domain: @a\n", 2, "hub.domain", "not valid YAML", "keys and values", "'@'"),
    "impossible escape": Bad('hub:\n  domain: "\\U00ffffff"\n', 2, "hub.domain", "not valid YAML", "keys", "a mistake"),
    # --- keys
    "unknown section": Bad("zones: {}\n", 1, "zones", "unknown key", "one of hub, auth, tls, web", '"zones"'),
    "misspelt section": Bad("hubb: {}\n", 1, "hubb", "unknown key", "one of hub", '"hubb"', "hub: {"),
    "misspelt key": Bad(
        "hub:\n  domian: a\n", 2, "hub.domian", "unknown key", ONE_OF_HUB, '"domian"', "hub: {domain: hub.example.org}"
    ),
    "key in the wrong section": Bad(
        "hub: {timeout: 1h}\n", 1, "hub.timeout", "unknown key", ONE_OF_HUB, '"timeout"', "culler: {timeout: 1h}"
    ),
    "key without its section": Bad("base_url: /\n", 1, "base_url", "unknown key", "one of hub", "", "hub: {base_url:"),
    "dotted key": Bad("culler.max_age: 7d\n", 1, '"culler.max_age"', "unknown key", "one of", "", "culler: {max_age:"),
    "key in other letters": Bad("hub: {Base-URL: /}\n", 1, 'hub."Base-URL"', "unknown key", "", "", "hub: {base_url:"),
    "key of a later issue": Bad("hub: {database: sqlite}\n", 1, "hub.database", "unknown key", ONE_OF_HUB, "database"),
    "given twice": Bad("hub:\n  domain: a\n  domain: b\n", 3, "hub.domain", "given twice", "each key once", "line 2"),
    "section twice": Bad("hub: {}\ntls: {}\nhub: {}\n", 3, "hub", "given twice", "each key once", "it on line 1"),
    "twice in quotes": Bad('hub:\n  domain: a\n  "domain": a\n', 3, "hub.domain", "given twice", "each key once", ""),
    "number as key": Bad("hub:\n  1: a\n", 2, "hub", "a key that is not text", "a key such as", "the number 1"),
    "true as key": Bad("true: a\n", 1, "top level", "a key that is not text", "a key such as", "true"),
    "empty key": Bad("hub:\n  '': a\n", 2, "hub", "a key that is not text", "a key such as", '""'),
    "list as key": Bad("? [a]\n: b\n", 1, "top level", "a key that is not text", "a key such as", "something else"),
    "key with an escape": Bad('"a\\e[2J": b\n', 1, "top level", "a key that is not text", "a key", '"a\\x1b[2J"'),
    "key left empty": Bad("hub:\n  domain:\n", 2, "hub.domain", "no value", HOST, "nothing", "hub: {domain: hub"),
    "key set to null": Bad("culler: {timeout: ~}\n", 1, "culler.timeout", "no value", DURATION, "nothing", "culler: {"),
    "list for a section": Bad("hub:\n  - domain: a\n", 1, "hub", "wrong type", "a section with any of", "a list"),
    "text for a section": Bad("auth: pam\n", 1, "auth", "wrong type", "a section with any of provider", '"pam"'),
    # --- hub.domain
    "number as domain": domain("10", "wrong type", "the number 10"),
    "list as domain": domain("[a]", "wrong type", "a list"),
    "section as domain": domain("{a: b}", "wrong type", "a section with keys of its own"),
    "empty domain": domain('""', "empty text", '""'),
    "unquoted no as domain": domain("no", "unclear", '"no" (YAML 1.1 reads false, YAML 1.2 text)', '"no"'),
    "domain with a scheme": domain("https://Hub.example.org/x", "a whole URL"),
    "domain with a port": domain("hub.example.org:8443", "has a port"),
    "domain with a path": domain("hub.example.org/jupyter", "has a path"),
    "wildcard domain": domain('"*.example.org"', "a wildcard", '"*.example.org"', "example.org"),
    "domain with a last dot": domain("hub.example.org.", "ends with a dot"),
    "domain with two dots": domain("hub..org", "not a host name"),
    "domain with an underscore": domain("my_hub.example.org", "not a host name", example="my-hub.example.org"),
    "domain with a blank": domain('"hub example"', "not a host name", '"hub example"'),
    "domain with a newline": domain('"hub\\n.org"', "not a host name", '"hub\\n.org"'),
    "domain with a semicolon": domain('"a;reboot"', "not a host name", '"a;reboot"'),
    "domain with braces": domain('"a{}b"', "not a host name", '"a{}b"'),
    "domain with a dollar": domain("$host", "not a host name"),
    "hyphen at the end": domain("hub-.example.org", "not a host name"),
    "umlaut in a domain": domain("hub.bücher.example", "not ASCII", example="hub.xn--bcher-kva.example"),
    "long label": domain("a" * 64 + ".org", "not a host name", '"aaa'),
    "long domain": domain(".".join(["a" * 60] * 5), "longer than 253 characters", '"aaa'),
    "number at the end": domain("10.0.0.256", "its last part is a number"),
    "half an address": domain("10.0.0", "its last part is a number"),
    "address in brackets": domain('"[2001:db8::1]"', "has brackets", '"[2001:db8::1]"', '"2001:db8::1"'),
    "address of nobody": domain("224.0.0.1", "an address that no host has"),
    "address with a zone": domain('"fe80::1%eth0"', "not a host name", '"fe80::1%eth0"'),
    # --- hub.base_url
    "path without slashes": base_url("jupyter", "doesn't start with /"),
    "path without last slash": base_url("/a/b", "doesn't end with /", example="/a/b/"),
    "path with two slashes": base_url("/a//b/", "has an empty segment", example="/a/b/"),
    "path that climbs": base_url("/a/../b/", "has a segment that starts with a dot", example="/a/b/"),
    "path of .well-known": base_url("/.well-known/", "has a segment that starts with a dot"),
    "path as a URL": base_url("https://hub.example.org/lab/", "a whole URL", example="/lab/"),
    "encoded path": base_url("/a%2f/", "percent-encoded"),
    "path with a blank": base_url('"/a b/"', "has characters that are not safe", '"/a b/"'),
    "path with a quote": base_url("'/a\"/'", "has characters that are not safe", '"/a""'[:4]),
    "path with a semicolon": base_url("/a;/", "has characters that are not safe"),
    "path with braces": base_url('"/{a}/"', "has characters that are not safe", '"/{a}/"'),
    "path with a dollar": base_url("/$uri/", "has characters that are not safe"),
    "path with a newline": base_url('"/a\\n/"', "has characters that are not safe", '"/a\\n/"'),
    "path with a backslash": base_url("/a\\b/", "has characters that are not safe"),
    "path with a question": base_url("/a?b/", "has characters that are not safe"),
    "path with an umlaut": base_url("/bücher/", "has characters that are not safe"),
    "path of the hub's own": base_url("/hub/", "has a segment that JupyterHub itself uses"),
    "path of a user's own": base_url("/lab/user/", "has a segment that JupyterHub itself uses"),
    "long path": base_url("/" + "a" * 200 + "/", "longer than 200 characters", '"/aaa'),
    "list as path": base_url("[/]", "wrong type", "a list"),
    "true as path": base_url("true", "wrong type", "true"),
    # --- hub.admin_users
    "text for a list": Bad(
        "hub: {admin_users: ada}\n", 1, "hub.admin_users", "wrong type", NAMES, '"ada"', "hub: {admin_users: [ada]}"
    ),
    "section for a list": Bad("hub: {admin_users: {a: b}}\n", 1, "hub.admin_users", "wrong type", NAMES, "a section"),
    "true for a list": Bad("hub: {admin_users: true}\n", 1, "hub.admin_users", "wrong type", NAMES, "true"),
    "admin no": admin("no", "unclear without quotes", '"no" (YAML 1.1 reads false, YAML 1.2 text)', '["no"]'),
    "admin on": admin("on", "unclear without quotes", '"on" (YAML 1.1 reads true', '["on"]'),
    "admin y": admin("y", "unclear without quotes", '"y" (YAML 1.1 reads true', '["y"]'),
    "admin 0o17": admin("0o17", "unclear without quotes", "YAML 1.1 reads text, YAML 1.2 the number 15", '["0o17"]'),
    "admin 1e3": admin("1e3", "unclear without quotes", "YAML 1.1 reads text, YAML 1.2 the number 1000.0", '["1e3"]'),
    "admin 0b11": admin("0b11", "unclear without quotes", "YAML 1.1 reads the number 3, YAML 1.2 text", '["0b11"]'),
    "admin 1_000": admin("1_000", "unclear without quotes", "YAML 1.1 reads the number 1000", '["1_000"]'),
    "admin 2026-11-21": admin("2026-11-21", "unclear without quotes", "YAML 1.1 reads a date", '["2026-11-21"]'),
    "number as admin": admin("7", "wrong type", "the number 7"),
    "digits as admin": admin('"007"', "nothing but digits", '"007"'),
    "nothing as admin": admin("", "wrong type", "nothing"),
    "list as admin": admin("[ada]", "wrong type", "a list"),
    "root as admin": admin("root", "not a person's account", '"root"'),
    "hub's account as admin": admin("jupyter", "not a person's account", '"jupyter"'),
    "capital in an admin": admin("Ada", "not in lower case", '"Ada"', "[ada]"),
    "blank in an admin": admin("ada lovelace", "not an account name", '"ada lovelace"'),
    "hyphen first": admin('"-ada"', "not an account name", '"-ada"'),
    "group as admin": admin('"%sudo"', "not an account name", '"%sudo"'),
    "comma in an admin": admin('"ada,grace"', "not an account name", '"ada,grace"'),
    "escape in an admin": admin('"ada\\e[2J"', "not an account name", '"ada\\x1b[2J"'),
    "half a character": admin('"\\ud800"', "not an account name", '"\\ud800"'),
    "long admin": admin("a" * 33, "not an account name", '"aaa'),
    "admin twice": Bad(
        "hub: {admin_users: [ada, grace, ada]}\n", 1, "hub.admin_users[2]", "named twice", "each name once", '"ada"'
    ),
    # --- auth and tls
    "unknown provider": Bad("auth: {provider: ldap}\n", 1, "auth.provider", "not a choice", "pam", '"ldap"', "auth: {"),
    "provider off": Bad("auth: {provider: off}\n", 1, "auth.provider", "not a choice", "pam", '"off" (YAML 1.1 reads'),
    "unknown mode": Bad("tls: {mode: acme}\n", 1, "tls.mode", "not a choice", "self-signed", '"acme"'),
    "tls mode in a list": Bad("tls: {mode: [self-signed]}\n", 1, "tls.mode", "not a choice", "self-signed", "a list"),
    # --- culler
    "duration without unit": timeout("3600", "no unit", "the number 3600"),
    "duration in digits": timeout('"90"', "no unit", '"90"', "1m30s"),
    "duration of base 60": timeout("1:30", "not a duration", '"1:30" (YAML 1.1 reads the number 90, YAML 1.2 text)'),
    "duration in base 60 in quotes": timeout('"1:30"', "not a duration", '"1:30"'),
    "octal duration": timeout("010", "no unit", "YAML 1.1 reads the number 8, YAML 1.2 the number 10", "10s"),
    "duration no": timeout("no", "not a duration", '"no" (YAML 1.1 reads false'),
    "duration in words": timeout("90 minutes", "not a duration", '"90 minutes"', "90m"),
    "duration in capitals": timeout("2H", "not a duration", '"2H"', "2h"),
    "duration in months": timeout("1 month", "not a duration", '"1 month"'),
    "half an hour": timeout("0.5h", "not a duration", '"0.5h"'),
    "units upside down": timeout("30m1h", "not a duration", '"30m1h"'),
    "fraction": timeout("1.5", "wrong type", "the number 1.5"),
    "zero as fraction": timeout("0.0", "wrong type", "the number 0.0"),
    "false as duration": timeout("false", "wrong type", "false"),
    "infinite": timeout(".inf", "not a duration", '".inf"'),
    "negative": timeout("-1", "negative", "the number -1"),
    "negative with a unit": timeout("-1h", "not a duration", '"-1h"'),
    "two years": timeout("730d", "longer than 365d", '"730d"', "365d"),
    "endless digits": timeout("9" * 5000 + "s", "not a duration", '"999'),
    "other digits": timeout("\N{FULLWIDTH DIGIT ONE}h", "not a duration", '"\N{FULLWIDTH DIGIT ONE}h"'),
    "looks never": Bad("culler: {every: 0}\n", 1, "culler.every", "0 would be never", "more than 0", "the number 0"),
    "looks too seldom for timeout": Bad(
        "culler:\n  timeout: 5m\n  every: 10m\n",
        3, "culler.every", "longer than culler.timeout", "at most 5m", '"10m"', "culler: {every: 5m}",
    ),
    "looks too seldom for the default": Bad(
        "culler: {every: 2h}\n", 1, "culler.every", "longer than culler.timeout", "at most 1h", '"2h"', "culler: {every"
    ),
    "looks too seldom for max_age": Bad(
        "culler: {timeout: 0, max_age: 1h30m, every: 2h}\n",
        1, "culler.every", "longer than culler.max_age", "at most 1h30m", '"2h"', "culler: {every: 5m}",
    ),
    # --- the certificate
    "letsencrypt without a name": Bad(
        "tls: {mode: letsencrypt}\n", 1, "tls.mode", "letsencrypt without a name", "hub.domain or tls.names beside it",
        '"letsencrypt"',
    ),
    "letsencrypt for a private name": Bad(
        "hub: {domain: hub.lan}\ntls: {mode: letsencrypt}\n", 1, "hub.domain",
        "a name that the public CA can't reach", "a public name or address", '"hub.lan"', "hub: {domain: ",
    ),
    "letsencrypt for a name without a dot": Bad(
        "tls: {mode: letsencrypt, names: [hub]}\n", 1, "tls.names[0]", "a name that the public CA can't reach",
        "a public name or address", '"hub"', "tls: {names: [hub.example.org, jupyter.example.org]}",
    ),
    "letsencrypt for a private address": Bad(
        "tls: {mode: letsencrypt, names: [10.0.0.7]}\n", 1, "tls.names[0]", "a name that the public CA can't reach",
        "a public name or address", '"10.0.0.7"',
    ),
    "letsencrypt for another name": Bad(
        "hub: {domain: a.example.org}\ntls: {mode: letsencrypt, names: [b.example.org]}\n", 2, "tls.names",
        "without hub.domain", "a.example.org among them", "a list", "tls: {names: [b.example.org, a.example.org]}",
    ),
    "a wildcard": Bad(
        "tls: {names: ['*.example.org']}\n", 1, "tls.names[0]", "a wildcard", HOST, '"*.example.org"',
        "tls: {names: [example.org]}",
    ),
    "a name in unicode": Bad(
        "tls: {names: [bücher.example.org]}\n", 1, "tls.names[0]", "not ASCII", HOST, '"bücher.example.org"',
        "tls: {names: [xn--bcher-kva.example.org]}",
    ),
    "a name with a scheme": Bad(
        "tls: {names: ['https://hub.example.org']}\n", 1, "tls.names[0]", "a whole URL", HOST, '"https://hub',
        "tls: {names: [hub.example.org]}",
    ),
    "a name with a port": Bad(
        "tls: {names: ['hub.example.org:8443']}\n", 1, "tls.names[0]", "has a port", HOST, '"hub.example.org:8443"',
        "tls: {names: [hub.example.org]}",
    ),
    "a single name": Bad(
        "tls: {names: hub.example.org}\n", 1, "tls.names", "wrong type", "a list of names", '"hub.example.org"',
        "tls: {names: [hub.example.org]}",
    ),
    "files without files": Bad(
        "tls: {mode: files}\n", 1, "tls.mode", "files without a certificate", "certificate and key beside it", '"files"'
    ),
    "files without a key": Bad(
        "tls: {mode: files, certificate: /etc/ssl/a.pem}\n", 1, "tls.mode", "files without a key", "key beside it",
        '"files"',
    ),
    "a key in a home": Bad(
        "tls: {key: /home/ada/key.pem}\n", 1, "tls.key", "in a home", "the path of a file", '"/home/ada/key.pem"'
    ),
    "two servers": Bad(
        "tls: {staging: true, directory_url: 'https://ca.example.org/dir'}\n", 1, "tls.staging", "beside directory_url",
        "one of staging", "true",
    ),
    "a server without TLS": Bad(
        "tls: {directory_url: 'http://ca.example.org/dir'}\n", 1, "tls.directory_url", "without TLS", "the URL",
        '"http://ca', 'tls: {directory_url: "https://ca.example.org/dir"}',
    ),
    "a local mailbox": Bad("tls: {email: root}\n", 1, "tls.email", "not a mail address", "a mail address", '"root"'),
    "a switch in words": Bad("tls: {staging: 'yes'}\n", 1, "tls.staging", "wrong type", "true or false", '"yes"'),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES.keys())
def test_every_mistake_is_told_with_line_key_expectation_and_example(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


def test_all_mistakes_are_told_at_once_from_top_to_bottom(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "hub:\n  domain: a b\n  domain: c\n  base_url:\n  admin_users: [no, Ada]\nculler:\n  every: 0\nzones: {}\n",
    )
    with pytest.raises(ConfigProblem) as caught:
        load(file)
    lines = [caught.value.what, *caught.value.detail.splitlines()]
    assert [line.removeprefix(f"{file}:").split(": ")[:2] for line in lines] == [
        ["2", "hub.domain"],
        ["3", "hub.domain"],
        ["4", "hub.base_url"],
        ["5", "hub.admin_users[0]"],
        ["5", "hub.admin_users[1]"],
        ["7", "culler.every"],
        ["8", "zones"],
    ]
    assert all("expected" in line and "found" in line for line in lines)
    assert all("for example: " in line for line in [caught.value.hint, *lines[1:]])
