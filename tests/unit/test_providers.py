"""What login providers say, and how it reads: who somebody is, whether it may be believed, and whose an account is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from installer.hub import admission, identities
from installer.hub.discovery import Endpoints, NotBelieved, document_of, endpoints
from installer.hub.identities import Identities, Identity
from installer.hub.names import NoAccount
from installer.hub.providers import Bitbucket, GitHub, OpenIDConnect, Unclear
from installer.hub.rules import Decision, Person
from installer.hub.sign_in import SignIn

ISSUER = "https://login.example.org/realms/campus"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/me",
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
}
WHERE = Endpoints(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/me", basic=True)
SETTINGS: dict[str, Any] = {
    "provider": "oidc",
    "issuer": ISSUER,
    "url": None,
    "client_id": "hub",
    "scopes": [],
    "name_claim": "preferred_username",
    "groups_claim": "groups",
    "allow": {
        "users": ["ada"], "groups": ["students"], "organizations": ["our-lab", "other/team"],
        "email_domains": ["example.org"], "admin_groups": [], "all": False, "file": None,
    },
    "blocked": [],
    "admins": [],
    "members": False,
    "members_group": "members",
    "accounts_group": "made",
    "existing_accounts": False,
    "names": {"rule": "lowercase", "prefix": None, "domain": None, "map": None},
}  # fmt: skip
SIGN_IN = SignIn(SETTINGS)


def pages(known: Mapping[str, Any]) -> Callable[..., Any]:
    async def ask(url: str, token: str | None = None) -> Any:
        assert token == "t"
        return known.get(url)

    return ask


# --- discovery -----------------------------------------------------------------------------------
def test_a_document() -> None:
    assert endpoints(ISSUER, DOCUMENT) == WHERE
    assert document_of(ISSUER) == document_of(f"{ISSUER}/") == f"{ISSUER}/.well-known/openid-configuration"


def test_a_slash_at_the_end_is_the_providers_own_way() -> None:
    """Auth0's issuers end in one."""
    assert endpoints(ISSUER, {**DOCUMENT, "issuer": f"{ISSUER}/"}).issuer == f"{ISSUER}/"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({**DOCUMENT, "issuer": "https://evil.example"}, "it says that it is 'https://evil.example'"),
        ({**DOCUMENT, "issuer": f"{ISSUER}2"}, "it says that it is"),
        ({**DOCUMENT, "issuer": None}, "it says that it is None"),
        ({**DOCUMENT, "token_endpoint": "http://login.example.org/token"}, "its token_endpoint is not at an https://"),
        ({"issuer": ISSUER}, "its authorization_endpoint is not"),
        (["x"], "no discovery document"),
        (None, "no discovery document"),
    ],
)
def test_a_document_that_is_not_believed(document: object, why: str) -> None:
    with pytest.raises(NotBelieved, match=why):
        endpoints(ISSUER, document)


# --- OpenID Connect ------------------------------------------------------------------------------
def id_token(**claims: object) -> dict[str, str]:
    return {"id_token": jwt.encode({"iss": ISSUER, "aud": "hub", "sub": "7", **claims}, "k" * 32)}


def test_an_identity_token() -> None:
    provider = OpenIDConnect(SIGN_IN)
    provider.check(id_token(), {"sub": "7"}, WHERE)
    provider.check(id_token(aud=["hub", "x"]), {"sub": "7"}, WHERE)
    provider.check({}, {"sub": "7"}, WHERE)


@pytest.mark.parametrize(
    "claims", [{"iss": "https://evil.example"}, {"aud": "another"}, {"sub": "8"}, {"iss": f"{ISSUER}/"}]
)
def test_an_identity_token_of_another(claims: dict[str, object]) -> None:
    with pytest.raises(NotBelieved):
        OpenIDConnect(SIGN_IN).check(id_token(**claims), {"sub": "7"}, WHERE)


def who(told: Mapping[str, Any], **settings: Any) -> Person:
    return asyncio.run(OpenIDConnect(SignIn({**SETTINGS, **settings})).person(told, "t", pages({})))


def test_claims() -> None:
    told = {
        "preferred_username": " Ada ",
        "email": "a@example.org",
        "email_verified": True,
        "groups": ["x", 1],
        "hd": "E",
    }
    assert who(told) == Person("Ada", "", groups=frozenset({"x"}), emails=frozenset({"a@example.org"}), workspace="e")
    unverified = who({**told, "email_verified": "false"})
    assert not unverified.emails
    assert unverified.unverified == {"a@example.org"}
    assert who({**told, "groups": "x"}).groups == {"x"}
    assert who({**told, "groups": {"x": 1}}).groups == frozenset()
    assert who({**told, "https://e/g": ["y"]}, groups_claim="https://e/g").groups == {"y"}


@pytest.mark.parametrize("told", [{}, {"preferred_username": ""}, {"preferred_username": ["a"]}, {"name": "Ada"}])
def test_nobody_without_a_name(told: dict[str, Any]) -> None:
    with pytest.raises(Unclear, match="no preferred_username"):
        who(told)


def test_an_address_is_a_name_only_where_it_is_verified() -> None:
    assert who({"email": "a@b.org", "email_verified": True}, name_claim="email").name == "a@b.org"
    for told in ({"email": "a@b.org"}, {"email": "a@b.org", "email_verified": False}):
        with pytest.raises(Unclear, match="not verified"):
            who(told, name_claim="email")


# --- GitHub and Bitbucket ------------------------------------------------------------------------
def test_github_is_asked_about_the_name_that_it_knows() -> None:
    api = "https://api.github.com"
    known = {
        f"{api}/user/memberships/orgs/our-lab": {"state": "active"},
        f"{api}/orgs/other/teams/team/memberships/Bob-Smith": {"state": "pending"},
        f"{api}/user/emails": [{"email": "b@x.org", "verified": True}, {"email": "b@y.org", "verified": False}],
    }
    provider = GitHub(SIGN_IN)
    person = asyncio.run(provider.person({"id": 7, "login": "Bob-Smith"}, "t", pages(known)))
    assert person == Person(
        "Bob-Smith",
        "",
        organizations=frozenset({"our-lab"}),
        emails=frozenset({"b@x.org"}),
        unverified=frozenset({"b@y.org"}),
    )
    assert provider.subject({"id": 7, "login": "x"}) == "7"
    assert provider.scopes == ["read:org", "user:email"]


def test_github_is_asked_for_addresses_where_one_is_blocked() -> None:
    allow = {**SETTINGS["allow"], "organizations": [], "email_domains": []}
    assert GitHub(SignIn({**SETTINGS, "allow": allow, "blocked": ["eve"]})).scopes == []
    provider = GitHub(SignIn({**SETTINGS, "allow": allow, "blocked": ["b@y.org"]}))
    assert provider.scopes == ["user:email"]
    known = {"https://api.github.com/user/emails": [{"email": "b@y.org", "verified": False}]}
    person = asyncio.run(provider.person({"id": 7, "login": "bob"}, "t", pages(known)))
    assert person.unverified == {"b@y.org"}
    with pytest.raises(Unclear, match="doesn't tell of their e-mail addresses"):
        asyncio.run(provider.person({"id": 7, "login": "bob"}, "t", pages({})))


def test_bitbucket_never_goes_by_what_people_call_themselves() -> None:
    told = {"uuid": "{1}", "username": "judy", "display_name": "ada"}
    assert asyncio.run(Bitbucket(SIGN_IN).person(told, "t", pages({}))).name == "judy"
    with pytest.raises(Unclear):
        asyncio.run(Bitbucket(SIGN_IN).person({"display_name": "ada"}, "t", pages({})))


# --- whose an account is -------------------------------------------------------------------------
@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, str, frozenset[str]]]:
    """Accounts: uid, own group, groups. Those that are asked for are made, as the helper would."""
    there: dict[str, tuple[int, str, frozenset[str]]] = {
        "root": (0, "root", frozenset()),
        "local": (1001, "local", frozenset({"members"})),
        "alone": (1002, "alone", frozenset()),
    }

    async def ensure(name: str) -> bool:
        there.setdefault(name, (20000, "made", frozenset({"members"})))
        return True

    for module in (admission, identities):
        monkeypatch.setattr(module, "uid_of", lambda name: there[name][0] if name in there else None)
    monkeypatch.setattr(admission, "own_group_of", lambda name: there[name][1])
    monkeypatch.setattr(admission, "groups_of", lambda name: there[name][2])
    monkeypatch.setattr(admission, "ensure", ensure)
    return there


@pytest.fixture
def owners() -> Identities:
    return Identities(Session(create_engine("sqlite://")))


def admit(owners: Identities, subject: str, name: str, provider: str = "p", **settings: Any) -> Decision:
    sign_in = SignIn({**SETTINGS, **settings})
    person = Person(name, "", groups=frozenset({"students"}))
    found, decision = asyncio.run(admission.admit(owners, sign_in, Identity(provider, subject), person))
    return Decision(decision.allowed, found.account)


@pytest.mark.usefixtures("machine")
def test_an_account_is_its_first_owners_whatever_they_are_called(owners: Identities) -> None:
    assert admit(owners, "1", "grace").why == "grace"
    assert admit(owners, "1", "countess").why == "grace"
    with pytest.raises(NoAccount, match="somebody else's, who had that name before"):
        admit(owners, "2", "Grace")
    assert admit(owners, "2", "bob").why == "bob"


def test_it_is_free_once_it_is_gone(owners: Identities, machine: dict[str, Any]) -> None:
    admit(owners, "1", "grace")
    del machine["grace"]
    assert admit(owners, "2", "grace").why == "grace"
    with pytest.raises(NoAccount, match="somebody else's"):
        admit(owners, "1", "grace")


@pytest.mark.usefixtures("machine")
def test_an_account_that_was_there_is_given_by_name_alone(owners: Identities) -> None:
    with pytest.raises(NoAccount, match="was there before"):
        admit(owners, "1", "local")
    assert admit(owners, "1", "local", allow={**SETTINGS["allow"], "users": ["local"]}).why == "local"
    assert admit(owners, "1", "local").why == "local", "and is theirs from then on"
    with pytest.raises(NoAccount, match="alone is not a member of members"):
        admit(owners, "2", "alone", allow={**SETTINGS["allow"], "users": ["alone"]})


def test_two_at_once_are_one_and_none(
    owners: Identities, machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ensure(name: str) -> bool:
        await asyncio.sleep(0)
        machine.setdefault(name, (50000, "made", frozenset({"members"})))
        return True

    monkeypatch.setattr(admission, "ensure", ensure)
    someone = Person("grace", "", groups=frozenset({"students"}))

    async def both() -> list[object]:
        logins = [admission.admit(owners, SIGN_IN, Identity("p", subject), someone) for subject in ("1", "2")]
        return await asyncio.gather(*logins, return_exceptions=True)

    first, second = asyncio.run(both())
    assert isinstance(first, tuple)
    assert isinstance(second, NoAccount)
    assert owners.owner_of("grace") == Identity("p", "1")


@pytest.mark.usefixtures("machine")
def test_accounts_that_the_machine_has_from_the_directory(owners: Identities) -> None:
    """Who has one of them, the machine says: whoever is called so."""
    assert admit(owners, "1", "Local", existing_accounts=True).why == "local"
    assert admit(owners, "2", "local", existing_accounts=True).why == "local"
    assert not admit(owners, "1", "local", existing_accounts=True, blocked=["local"]).allowed
    with pytest.raises(NoAccount, match="this machine knows no account grace"):
        admit(owners, "1", "grace", existing_accounts=True)
    with pytest.raises(NoAccount, match="alone is not a member of members"):
        admit(owners, "1", "alone", existing_accounts=True)


@pytest.mark.usefixtures("machine")
def test_a_new_name_gets_nobody_around_a_block(owners: Identities) -> None:
    """Known by their id they would keep the account, which is called otherwise than they are."""
    names = {**SETTINGS["names"], "prefix": "gh-"}
    assert admit(owners, "1", "mal", names=names).why == "gh-mal"
    assert admit(owners, "1", "Mallory", names=names).why == "gh-mal"
    assert not admit(owners, "1", "angel", blocked=["mallory"], names=names).allowed
    assert not admit(owners, "1", "cherub", blocked=["mallory"], names=names).allowed, "and it stays what was noted"
    assert admit(owners, "2", "angel", blocked=["mallory"], names=names).allowed


@pytest.mark.usefixtures("machine")
def test_another_provider_is_another_identity(owners: Identities) -> None:
    admit(owners, "1", "grace")
    with pytest.raises(NoAccount, match="was there before"):
        admit(owners, "1", "grace", provider="q")
    assert admit(owners, "1", "grace", provider="q", allow={**SETTINGS["allow"], "users": ["grace"]}).allowed


@pytest.mark.usefixtures("machine")
def test_a_directory_is_the_same_at_another_address(owners: Identities) -> None:
    """Older releases noted the address; ids of a directory are nobody else's anywhere."""
    owners.give("local", Identity("ldap://l.example", "1"), "local")
    assert owners.owner_of("local") == Identity("ldap", "1")
    assert admit(owners, "1", "local", provider="ldap").why == "local"
    assert admit(owners, "1", "renamed", provider="ldap").why == "local"
    with pytest.raises(NoAccount, match="somebody else's"):
        admit(owners, "2", "local", provider="ldap", allow={**SETTINGS["allow"], "users": ["local"]})
    with pytest.raises(NoAccount, match="was there before"):
        admit(owners, "1", "local")
    owners.give("alone", Identity("ldaps://l.example:636", "3"), "alone")
    owners.give("grace", Identity("ldap", "3"), "grace")
    assert owners.owner_of("alone") is None, "one account for one identity"


def test_nothing_is_made_or_noted_for_those_who_are_refused(owners: Identities, machine: dict[str, Any]) -> None:
    before = dict(machine)
    assert not admit(owners, "1", "eve", allow={**SETTINGS["allow"], "groups": []}).allowed
    assert not admit(owners, "2", "grace", blocked=["GRACE"]).allowed
    assert machine == before
    assert owners.account_of(Identity("p", "1")) is None
