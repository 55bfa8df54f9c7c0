"""Every way to get `auth.ldap` wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.load import load
from installer.host.errors import ConfigProblem
from tests.unit.config_mistakes import Bad, check, write

WHERE = "url: 'ldaps://l.example', base: 'ou=p,dc=e'"


def key(name: str, value: str, wrong: str, expected: str, found: str | None = None, *, example: str = "") -> Bad:
    text = f"auth: {{ldap: {{{name}: {value}}}}}\n"
    return Bad(
        text, 1, f"auth.ldap.{name}", wrong, expected, found or value.replace("'", '"'), f"auth: {{ldap{example}"
    )


def needs(ldap: str, wrong: str, expected: str, allow: str = "all: true") -> Bad:
    text = f"auth: {{provider: ldap, allow: {{{allow}}}, ldap: {{{ldap}}}}}\n"
    return Bad(text, 1, "auth.provider", f"ldap {wrong}", expected, '"ldap"')


CASES = {
    "https": key("url", "'https://l.example'", "not a URL that starts with ldaps://", "a URL such as",
                 example=': {url: "ldaps://l.example"'),
    "no scheme": key("url", "'l.example:636'", "not a URL that starts with ldaps://", "a URL such as",
                     example=': {url: "ldaps://l.example:636"'),
    "a place in the url": key("url", "'ldaps://l.example/dc=x'", "not the URL of a server alone", "a URL such as"),
    "port": key("url", "'ldaps://l.example:70000'", "has a port", "a URL such as"),
    "credentials": key("url", "'ldap://u:p@l.example'", "has credentials", "a URL such as", '"ldap://…@l.example"'),
    "no entry": key("base", "'people'", "not the name of an entry", "a distinguished name"),
    "half an entry": key("base", "'ou=people,dc'", "not the name of an entry", "a distinguished name"),
    "a line end": key("bind_dn", '"cn=a\\nb"', "has characters that can't be shown", "a distinguished name"),
    "everybody's place": key("bind_dn", "'cn={name},dc=x'", "has {name} in it", "the name of one entry"),
    "nobody's place": key("user_dn", "'ou=people,dc=x'", "has {name} in it 0 times", "it once"),
    "a filter for nobody": key("filter", "'(objectClass=person)'", "has no {name} in it", "a filter such as"),
    "a filter for many": key("filter", "'(uid={name}*)'", "has a * beside {name}", "a filter such as"),
    "a filter without brackets": key("filter", "'uid={name}'", "not a filter", "a filter such as",
                                     example=': {filter: "(uid={name})"'),
    "a bracket too few": key("filter", "'(&(uid={name})'", "not a filter", "a filter such as"),
    "no operator": key("filter", "'((uid={name})(a=b))'", "not a filter", "a filter such as"),
    "a way that there isn't": key("accounts", "'adopt'", "not a choice", "create or existing"),
    "no server": needs("base: 'ou=p,dc=e'", "without ldap.url", "ldap: {url: ...} beside it"),
    "nowhere": needs("url: 'ldaps://l.example'", "without ldap.base", "one of ldap.base and ldap.user_dn"),
    "two ways": needs(f"{WHERE}, user_dn: 'uid={{name}},dc=e'", "with both ldap.base and ldap.user_dn", "one of"),
    "in the clear": needs(
        "url: 'ldap://l.example', base: 'ou=p,dc=e', plain: true", "with ldap.plain for a server", "ldap.plain: false"
    ),
    "in the clear, or not": needs(
        "url: 'ldaps://localhost', base: 'ou=p,dc=e', plain: true", "with ldap.plain for a server", "ldap.plain: false"
    ),
    "nobody": needs(WHERE, "without a rule that lets anybody in", "all: true", allow="admin_groups: [x]"),
    "the password for all to read": Bad(
        "auth: {bind_password: x}\n", 1, "auth.bind_password", "for everybody to read in this file",
        "a config without it", '"x"',
    ),
    "no TLS": Bad("auth: {tls_strategy: insecure}\n", 1, "auth.tls_strategy", "unsafe: anybody on the way",
                  "a config without it", '"insecure"'),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES)
def test_mistake(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


@pytest.mark.parametrize(
    "wanted",
    [
        "(uid={name})",
        "(|(uid={name})(mail={name}))",
        "(&(sAMAccountName={name})(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
        "(&(uid={name})(|(a=1)(!(b~=2))(c>=3))(cn=x*y))",
        "(mail={name}@example.org)",
    ],
)
def test_filters(wanted: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, f"auth: {{ldap: {{filter: '{wanted}'}}}}\n")).auth.ldap.filter == wanted


def test_in_the_clear_only_here(tmp_path: Path) -> None:
    for host in ("localhost", "127.0.0.1:3890", "[::1]"):
        text = (
            f"auth: {{provider: ldap, allow: {{all: true}}, ldap: {{url: 'ldap://{host}', base: 'dc=e', plain: true}}}}"
        )
        assert load(write(tmp_path, text + "\n")).auth.ldap.plain


def test_names_with_odd_values(tmp_path: Path) -> None:
    name = r"cn=Lovelace\, Ada,ou=Büro+l=x,2.5.4.11=y z,dc=example"
    assert load(write(tmp_path, f"auth: {{ldap: {{bind_dn: '{name}'}}}}\n")).auth.ldap.bind_dn == name


@pytest.mark.parametrize("text", ["{ldap: {base: 'dc=e'}}", "{provider: pam, ldap: {accounts: create}}"])
def test_it_is_for_ldap(text: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, f"auth: {text}\n")).auth.idle == ("ldap", "is for ldap")


def test_long_ones_are_refused_at_once(tmp_path: Path) -> None:
    for value in ("(" * 5000 + "uid={name}" + ")" * 5000, "(&" * 300 + "(uid={name})" + ")" * 299):
        with pytest.raises(ConfigProblem):
            load(write(tmp_path, f"auth: {{ldap: {{filter: '{value}'}}}}\n"))
