"""Every way to get `auth` wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.config.auth import Auth
from installer.config.load import load
from installer.host.errors import ConfigProblem
from tests.unit.config_mistakes import Bad, check, write

GONE = "dead since 2026-02-27, when Atlassian took away what tells of Bitbucket's teams"


def key(name: str, value: str, wrong: str, expected: str, found: str | None = None, *, example: str = "") -> Bad:
    section, _, last = name.rpartition(".")
    text = f"auth: {{{section}: {{{last}: {value}}}}}\n" if section else f"auth: {{{last}: {value}}}\n"
    return Bad(text, 1, f"auth.{name}", wrong, expected, found or f'"{value}"', f"auth: {{{section or last}{example}")


def provider(text: str, wrong: str, expected: str) -> Bad:
    name = text.partition(",")[0].partition("}")[0]
    return Bad(f"auth: {{provider: {text}\n", 1, "auth.provider", wrong, expected, f'"{name}"', "auth: {")


def dead(name: str, why: str, value: str = "[x]", found: str = "a list") -> Bad:
    return Bad(f"auth: {{{name}: {value}}}\n", 1, f"auth.{name}", why, "a config without it", found, "auth: {")


CASES = {
    "no id": provider("github}", "github without client_id", "client_id beside it"),
    "no issuer": provider("oidc, client_id: x}", "oidc without issuer", "issuer beside it"),
    "no tenant": provider("auth0, client_id: x}", "auth0 without url", "url beside it"),
    "nobody": provider("google, client_id: x}", "google without a rule that lets anybody in", "all: true"),
    "nobody but admins": provider(
        "auth0, client_id: x, url: 'https://x.auth0.com', allow: {admin_groups: [a]}}", "auth0 without a rule", "users"
    ),
    "all is not said": provider("github, client_id: x, allow: {all: false}}", "github without a rule", "users"),
    "in the clear": key(
        "issuer", "http://a.example", "without TLS", "a URL such as", example=': "https://a.example"'
    ),
    "no scheme": key("url", "a.example", "not a URL that starts with https://", "a URL", example=': "https://a.example"'),
    "port": key("issuer", "'https://a.example:70000'", "has a port", "a URL", '"https://a.example:70000"'),
    "query": key("issuer", "'https://a.example/?x=1'", "has a query", "a URL", '"https://a.example/?x=1"'),
    "credentials": key("issuer", "'https://u:p@a.example'", "has credentials", "a URL", '"https://…@a.example"'),
    "blanks in an id": key("client_id", "a b", "has blanks", "a word such as"),
    "one group": key("allow.groups", "students", "wrong type", "a list of names", example=": {groups: [students]"),
    "team with a colon": key(
        "allow.organizations", "['a:b']", "not an organisation", "an organisation such as", '"a:b"',
        example=": {organizations: [a/b]",
    )._replace(key="auth.allow.organizations[0]"),
    "an address for a domain": key(
        "allow.email_domains", "['ada@a.example']", "a whole address", "a domain such as", '"ada@a.example"',
        example=": {email_domains: [a.example]",
    )._replace(key="auth.allow.email_domains[0]"),
    "a wildcard": key(
        "allow.email_domains", "['*.a.example']", "not a domain", "a domain such as", '"*.a.example"',
        example=": {email_domains: [a.example]",
    )._replace(key="auth.allow.email_domains[0]"),
    "new line in a name": Bad(
        'auth: {allow: {users: ["a\\nb"]}}\n', 1, "auth.allow.users[0]", "has characters", "a name", '"a\\nb"',
        "auth: {",
    ),
    "a list in a home": key("allow.file", "/home/ada/users", "in a home", "the path of a file"),
    "a rule that there isn't": key("names.rule", "upper", "not a choice", "lowercase or exact"),
    "a prefix in capitals": key("names.prefix", "GH-", "not the beginning", "a beginning", example=": {prefix: gh-"),
    "the token that lasts": Bad(
        "auth: {server_tokens: [refresh_token]}\n", 1, "auth.server_tokens[0]", "never given to a server",
        "one of access_token, id_token", '"refresh_token"', "auth: {server_tokens",
    ),
    "teams": dead("allowed_teams", GONE),
    "the map that asks about others": dead("username_map", "unsafe: organisations are then asked about somebody else",
                                           "{a: b}", "a section"),
    "a secret for all to read": dead("client_secret", "for everybody to read in this file", "x", '"x"'),
    "addresses that nobody has seen": dead("allow_unverified_email", "unsafe: anybody can say", "true", "true"),
    "no TLS": dead("validate_server_cert", "unsafe: anybody on the way", "false", "false"),
    "cut at the @": dead("strip_domain", "unsafe: ada@evil.example and ada@example.org", "true", "true"),
    "a hub that is root": dead("create_system_users", "unsafe: it wants a hub that runs as root", "true", "true"),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES)
def test_mistake(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("{client_id: x}", "client_id", "is for oidc, gitlab, google, auth0, github and bitbucket"),
        ("{provider: github, client_id: x, issuer: 'https://a.org', allow: {all: true}}", "issuer", "is for oidc"),
        ("{provider: bitbucket, client_id: x, allow: {users: [a], groups: [t]}}", "allow.groups", f"is {GONE}"),
        (
            "{provider: bitbucket, client_id: x, allow: {users: [a], organizations: [t]}}",
            "allow.organizations",
            f"is {GONE}",
        ),
        (
            "{provider: google, client_id: x, allow: {groups: [t]}}",
            "allow.groups",
            "can't work: Google tells of groups only to those who may act as an administrator of yours",
        ),
        ("{allow: {email_domains: [a.org]}}", "allow.email_domains", "is for oidc, gitlab, google, auth0 and github"),
        ("{sign_up: closed}", "sign_up", "is for native"),
        (
            "{provider: native, allow: {all: true}}",
            "allow.all",
            "has no say: people are let in one by one (installer user approve, or add; or on the hub's page)",
        ),
        (
            "{provider: bitbucket, client_id: x, allow: {users: [a]}, blocked: [eve, e@b.org]}",
            "blocked",
            "has e@b.org, an address: this hub is told of none (name people, or their accounts)",
        ),
        (
            "{provider: ldap, allow: {all: true}, blocked: [e@b.org], ldap: {url: 'ldaps://l.test', base: 'dc=e'}}",
            "blocked",
            "has e@b.org, an address: this hub is told of none (name people, or their accounts)",
        ),
        ("{names: {prefix: x}}", "names", "is for oidc, gitlab, google, auth0, github, bitbucket and ldap"),
    ],
)
def test_keys_that_the_provider_has_no_use_for(text: str, key: str, why: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, f"auth: {text}\n")).auth.idle == (key, why)


def test_the_address_of_the_discovery_document_will_do(tmp_path: Path) -> None:
    text = "auth: {provider: oidc, client_id: x, allow: {all: true}, issuer: 'https://a.org/r/.well-known/%s'}\n"
    assert load(write(tmp_path, text % "openid-configuration")).auth.issued_by == "https://a.org/r"
    with pytest.raises(ConfigProblem):
        load(write(tmp_path, text % "x?y"))


def test_an_address_is_blocked_where_it_can_be_somebody(tmp_path: Path) -> None:
    for text in (
        "{blocked: [e@b.org]}",
        "{provider: github, client_id: x, allow: {all: true}, blocked: [e@b.org]}",
        "{provider: ldap, allow: {all: true}, blocked: [e@b.org], ldap: {url: 'ldaps://l.test', base: 'dc=e',"
        " name_attribute: mail}}",
    ):
        assert load(write(tmp_path, f"auth: {text}\n")).auth.idle is None


def test_nothing_is_needed_for_pam() -> None:
    assert Auth().idle is None
    assert not Auth().is_oauth
