"""What each login provider is asked, and how its answers read: who somebody is, and what they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import jwt

from installer.hub.discovery import Endpoints, NotBelieved, document_of, endpoints
from installer.hub.rules import Person
from installer.hub.sign_in import SignIn


class Unclear(Exception):  # noqa: N818 - an answer, not an error
    """The provider doesn't say who somebody is; the message says what is missing, in one line."""


class Ask(Protocol):
    """Fetch a page of the provider's, as JSON; None where it answers that there is nothing, or that it may not tell."""

    async def __call__(self, url: str, token: str | None = None) -> Any:  # noqa: ANN401 - JSON's
        """Do it."""


class Provider(Protocol):
    """A kind of provider."""

    async def endpoints(self, ask: Ask) -> Endpoints:
        """Where it is."""

    @property
    def scopes(self) -> list[str]:
        """What it is asked to tell."""

    def subject(self, told: Mapping[str, Any]) -> str:
        """The id that never changes."""

    def check(self, token_response: Mapping[str, Any], told: Mapping[str, Any], where: Endpoints) -> None:
        """Hold what came with the token against what was told. Raises NotBelieved."""

    async def person(self, told: Mapping[str, Any], token: str, ask: Ask) -> Person:
        """Who somebody is, without an account yet. Raises Unclear."""


class OpenIDConnect:
    """Any provider with a discovery document; GitLab, Google and Auth0 are such."""

    def __init__(self, sign_in: SignIn) -> None:
        self._issuer = str(sign_in["issuer"])
        self._sign_in = sign_in

    async def endpoints(self, ask: Ask) -> Endpoints:
        """What the document says. Raises NotBelieved."""
        return endpoints(self._issuer, await ask(document_of(self._issuer)))

    @property
    def scopes(self) -> list[str]:
        """The standard's, and those of the config."""
        return ["openid", "profile", "email", *self._sign_in["scopes"]]

    def subject(self, told: Mapping[str, Any]) -> str:
        """`sub`, which a provider never gives to anybody else."""
        return str(told.get("sub") or "")

    def check(self, token_response: Mapping[str, Any], told: Mapping[str, Any], where: Endpoints) -> None:
        """Whether the identity token is of this provider, for this hub, and about the same one."""
        token = token_response.get("id_token")
        if not token:
            return  # after a refresh there needn't be one
        try:
            # It came straight from the provider, on https: that vouches for it (OpenID Connect Core, 3.1.3.7, 6).
            claims = jwt.decode(
                token,
                audience=self._sign_in["client_id"],
                issuer=where.issuer,
                leeway=60,
                options={"verify_signature": False, "verify_aud": True, "verify_iss": True, "verify_exp": False},
            )
        except jwt.InvalidTokenError as error:
            raise NotBelieved(f"its identity token is not for this hub: {error}") from None
        if str(claims.get("sub") or "") != self.subject(told):
            raise NotBelieved("its identity token is about somebody else")

    async def person(self, told: Mapping[str, Any], token: str, ask: Ask) -> Person:
        """The claims that the config names."""
        del token, ask
        claim = str(self._sign_in["name_claim"])
        verified = told.get("email_verified") in (True, "true")
        known = frozenset({str(told["email"])}) if told.get("email") else frozenset[str]()
        emails = known if verified else frozenset[str]()
        name = told.get(claim)
        if not isinstance(name, str) or not name.strip():
            raise Unclear(f"it tells of no {claim}")
        if claim == "email" and not emails:
            raise Unclear("it has not verified the e-mail address")
        return Person(
            name=name.strip(),
            account="",
            groups=_words(told.get(self._sign_in["groups_claim"])),
            emails=emails,
            unverified=known - emails,
            workspace=str(told.get("hd") or "").lower(),
        )


class GitHub:
    """github.com, or a GitHub of one's own."""

    def __init__(self, sign_in: SignIn) -> None:
        self._url = str(sign_in["url"] or "https://github.com").rstrip("/")
        self._api = "https://api.github.com" if self._url == "https://github.com" else f"{self._url}/api/v3"
        self._allow = sign_in["allow"]
        self._blocks_addresses = any("@" in entry for entry in sign_in["blocked"])

    async def endpoints(self, ask: Ask) -> Endpoints:
        """Always the same."""
        del ask
        login = f"{self._url}/login/oauth"
        return Endpoints(self._url, f"{login}/authorize", f"{login}/access_token", f"{self._api}/user", basic=False)

    @property
    def scopes(self) -> list[str]:
        """No more than the rules need."""
        organizations = ["read:org"] if self._allow["organizations"] else []
        return organizations + (["user:email"] if self._asks_for_addresses else [])

    def subject(self, told: Mapping[str, Any]) -> str:
        """The number of the account: its name can be changed, and be taken by somebody else then."""
        return str(told.get("id") or "")

    def check(self, token_response: Mapping[str, Any], told: Mapping[str, Any], where: Endpoints) -> None:
        """There is nothing to hold it against."""
        del token_response, told, where

    async def person(self, told: Mapping[str, Any], token: str, ask: Ask) -> Person:
        """The login, which of the rules' organisations and teams it is in, and its addresses."""
        login = told.get("login")
        if not login:
            raise Unclear("it tells of no login")
        member = [entry for entry in self._allow["organizations"] if await self._is_in(entry, str(login), token, ask)]
        addresses = await ask(f"{self._api}/user/emails", token) if self._asks_for_addresses else []
        if addresses is None and self._blocks_addresses:
            # A token of before there was such a block: with a new one it is told.
            raise Unclear("it doesn't tell of their e-mail addresses, and auth.blocked has some")
        emails = {verified: set[str]() for verified in (True, False)}
        for each in addresses or []:
            emails[bool(each.get("verified"))].add(each["email"])
        return Person(
            name=str(login),
            account="",
            organizations=frozenset(member),
            emails=frozenset(emails[True]),
            unverified=frozenset(emails[False]),
        )

    @property
    def _asks_for_addresses(self) -> bool:
        return bool(self._allow["email_domains"]) or self._blocks_addresses

    async def _is_in(self, entry: str, login: str, token: str, ask: Ask) -> bool:
        """Whether somebody is in an organisation, or a team in one; by their name there, never by that here."""
        organization, _, team = entry.partition("/")
        if team:
            where = f"{self._api}/orgs/{quote(organization)}/teams/{quote(team)}/memberships/{quote(login)}"
        else:
            where = f"{self._api}/user/memberships/orgs/{quote(organization)}"
        found = await ask(where, token)
        return isinstance(found, dict) and found.get("state") == "active"


class Bitbucket:
    """bitbucket.org."""

    def __init__(self, sign_in: SignIn) -> None:
        del sign_in

    async def endpoints(self, ask: Ask) -> Endpoints:
        """Always the same."""
        del ask
        site, api = "https://bitbucket.org", "https://api.bitbucket.org/2.0"
        return Endpoints(
            site, f"{site}/site/oauth2/authorize", f"{site}/site/oauth2/access_token", f"{api}/user", basic=True
        )

    @property
    def scopes(self) -> list[str]:
        """Who somebody is."""
        return ["account"]

    def subject(self, told: Mapping[str, Any]) -> str:
        """The account's id, which outlives its name."""
        return str(told.get("uuid") or "")

    def check(self, token_response: Mapping[str, Any], told: Mapping[str, Any], where: Endpoints) -> None:
        """There is nothing to hold it against."""
        del token_response, told, where

    async def person(self, told: Mapping[str, Any], token: str, ask: Ask) -> Person:
        """The user name; never the display name, which anybody can choose."""
        del token, ask
        if not told.get("username"):
            raise Unclear("it tells of no username")
        return Person(name=str(told["username"]), account="")


def provider(sign_in: SignIn) -> Provider:
    """The one that the config names."""
    kinds: dict[str, type[GitHub] | type[Bitbucket]] = {"github": GitHub, "bitbucket": Bitbucket}
    return kinds.get(sign_in["provider"], OpenIDConnect)(sign_in)


def _words(claim: object) -> frozenset[str]:
    """A claim that is a list of words, or one word; all else is none."""
    if isinstance(claim, str):
        return frozenset({claim})
    return frozenset(word for word in claim if isinstance(word, str)) if isinstance(claim, list) else frozenset()
