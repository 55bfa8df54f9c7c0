"""Log in at a provider (OAuth 2, OpenID Connect): who gets in, and as which account, `admission` decides.

The dance with the provider is oauthenticator's. What it has of rules and names is not used: it compares names after
they were changed, and knows no ids.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthenticator, OAuthLoginHandler
from tornado import web
from tornado.httpclient import HTTPClientError

from installer.hub.accounts import AccountRefused
from installer.hub.admission import admit
from installer.hub.discovery import Endpoints, NotBelieved
from installer.hub.helper import HelperUnreachable
from installer.hub.identities import Identities, Identity
from installer.hub.names import NoAccount
from installer.hub.providers import Unclear, provider
from installer.hub.rules import Decision, Person
from installer.hub.sign_in import SignIn, Unreadable

SECONDS = 10
"""How long the provider may take for one answer; people wait for several."""

DISCOVERED_FOR = 3600.0
"""Seconds after which the provider is asked again where it is."""

WITHOUT_WORD = 24 * 3600.0
"""Seconds for which somebody stays logged in without word from the provider, for want of a token that still works."""

HELD = "installer"
"""Where we keep our own in auth_state."""

UNREACHABLE = "The service that you log in with can't be reached at the moment. Please try again in a while."
NO_HELPER = "Accounts can't be made at the moment. Please tell the administrator."
MISFIT = "This hub and the service that you log in with don't understand each other. Please tell the administrator."


class Unreachable(web.HTTPError):
    """The provider doesn't answer, or answers that it can't."""

    def __init__(self) -> None:
        super().__init__(503, UNREACHABLE)
        self.reason = "Service Unavailable"


class LoginHandler(OAuthLoginHandler):  # type: ignore[misc]
    """Sends people to the provider, once that has been found."""

    async def get(self) -> None:
        """Find it first."""
        await self.authenticator.find_provider()
        super().get()


class CallbackHandler(OAuthCallbackHandler):  # type: ignore[misc]
    """Takes people back."""

    def check_error(self) -> None:
        """Say in the log as well what the provider found wrong: it is mostly for the administrator to mend."""
        if error := self.get_argument("error", ""):
            self.log.warning("Login failed: the provider answers %.200r", error)
        super().check_error()


class ProviderAuthenticator(OAuthenticator):  # type: ignore[misc]
    """Whoever the provider vouches for, whom the rules let in, as the account that is theirs."""

    login_handler = LoginHandler
    callback_handler = CallbackHandler
    sign_in: SignIn
    """Set by the hub's config, on the class."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets' own
        super().__init__(**kwargs)
        settings = self.sign_in.settings
        self._provider = provider(self.sign_in)
        self._found: Endpoints | None = None
        self._found_at = 0.0
        self.client_id = settings["client_id"]
        self.oauth_callback_url = settings["callback_url"]
        self.login_service = settings["service"]
        self.scope = self._provider.scopes
        self.enable_auth_state = True
        self.http_request_kwargs = {
            "request_timeout": SECONDS,
            "connect_timeout": SECONDS,
            **({"ca_certs": settings["ca_file"]} if settings["ca_file"] else {}),
        }
        self._refreshing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._answers: dict[str, tuple[float, bool]] = {}
        # Who gets in is decided further down, before JupyterHub asks.
        self.any_allow_config = True

    # --- talking to the provider -----------------------------------------------------------------

    async def find_provider(self) -> Endpoints:
        """Where the provider is; what it says of itself is kept for a while, and longer where it doesn't answer."""
        if self._found is None or time.monotonic() - self._found_at > DISCOVERED_FOR:
            try:
                found = await self._provider.endpoints(self._ask)
            except NotBelieved as why:
                self.log.error("Nobody can log in: %s is not to be believed: %s", self.sign_in["issuer"], why)  # noqa: TRY400
                raise web.HTTPError(502, MISFIT) from None
            except Unreachable:
                if self._found is None:
                    raise
                found = self._found
            if found != self._found:
                self.authorize_url, self.token_url, self.userdata_url = found.authorize, found.token, found.userinfo
                self.basic_auth = found.basic
            self._found, self._found_at = found, time.monotonic()
        return self._found

    async def _ask(self, url: str, token: str | None = None) -> Any:  # noqa: ANN401 - JSON's
        headers = self.build_userdata_request_headers(token, "bearer") if token else {"Accept": "application/json"}
        answer = await self.httpfetch(url, parse_json=False, raise_error=False, headers=headers)
        if answer.code in (401, 403, 404):
            return None
        if answer.code != 200:  # noqa: PLR2004 - HTTP's
            self.log.error("The login provider answers %s at %s", answer.code, url)
            raise Unreachable
        try:
            return json.loads(answer.body)
        except ValueError:
            return None

    async def httpfetch(self, url: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - oauthenticator's
        """Fetch; one line in the log, and a page that says so, where nobody answers."""
        try:
            return await super().httpfetch(url, *args, **kwargs)
        except HTTPClientError as error:
            if error.code < 500:  # noqa: PLR2004 - HTTP's
                raise
            said = f"{error.code} {error.message}"
        except OSError as error:
            said = str(error)
        except ValueError:
            said = "not JSON"
        self.log.error("The login provider doesn't answer at %s: %s", url.partition("?")[0], said)
        raise Unreachable

    async def get_token_info(self, handler: object, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - oauthenticator's
        """Turn a code into tokens; what the provider has against it is mostly for the administrator to mend."""
        try:
            return await self._ask_for_token(handler, params)
        except HTTPClientError as error:
            said = _error_of(error)
            if params["grant_type"] == "refresh_token":
                raise
            hint = " (is the secret in /etc/jupyterhub/secrets/client_secret right?)" if "client" in said else ""
            self.log.error("Login failed: the provider refuses this hub: %s%s", said, hint)  # noqa: TRY400
            raise web.HTTPError(502, MISFIT) from None
        except web.HTTPError as error:
            if isinstance(error, Unreachable):
                raise
            self.log.error("Login failed: the provider gives no token: %s", error.log_message)  # noqa: TRY400
            raise web.HTTPError(502, MISFIT) from None

    async def _ask_for_token(self, handler: object, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - oauthenticator's
        """The secret goes into a header, or into the form: providers offer both, and take from this hub but one."""
        try:
            return await super().get_token_info(handler, params)
        except HTTPClientError as error:
            if _error_of(error) != "invalid_client":
                raise
        given = {"client_id": self.client_id, "client_secret": self.client_secret}
        bare = {name: value for name, value in params.items() if name not in given}
        self.basic_auth = not self.basic_auth
        try:
            return await super().get_token_info(handler, bare if self.basic_auth else {**bare, **given})
        except HTTPClientError:
            self.basic_auth = not self.basic_auth
            raise

    # --- who it is, and whether they get in --------------------------------------------------------

    def user_info_to_username(self, user_info: Mapping[str, Any]) -> str:
        """Nothing yet: the account is found once all is known."""
        return self._provider.subject(user_info) or "-"

    def normalize_username(self, username: str) -> str:
        """As it is: an account's name has been normalised by the rule for names."""
        return username

    async def authenticate(self, handler: Any, data: object = None, **kwargs: Any) -> Any:  # noqa: ANN401 - JupyterHub's
        """Log somebody in. Raises HTTPError with what they are told."""
        await self.find_provider()
        model = await super().authenticate(handler, data, **kwargs)
        state = model["auth_state"]
        try:
            person = await self._person(state)
            person, decision = await self._admit(handler.db, person, state)
        except (NoAccount, AccountRefused) as why:
            return self._refused(state, str(why))
        except HelperUnreachable as why:
            self.log.error("Accounts can't be made: %s. See: systemctl status jupyterhub-account.socket", why)  # noqa: TRY400
            raise web.HTTPError(503, NO_HELPER) from None
        except Unreadable as why:
            self.log.error("Nobody can log in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, MISFIT) from None
        if not decision.allowed:
            return self._refused(state, decision.why, person)
        self.log.info("%r logs in as %s: %s", person.name, person.account, decision.why)
        return self._model(person, decision, state)

    async def _person(self, state: dict[str, Any]) -> Person:
        """Who the provider says it is. Raises NoAccount."""
        told = state[self.user_auth_state_key]
        if not isinstance(told, Mapping) or not self._provider.subject(told):
            raise NoAccount("the provider doesn't say who they are")
        try:
            self._provider.check(state["token_response"], told, await self.find_provider())
            return await self._provider.person(told, state["access_token"], self._ask)
        except (Unclear, NotBelieved) as why:
            raise NoAccount(f"the provider doesn't say who they are: {why}") from None

    async def _admit(self, session: object, person: Person, state: dict[str, Any]) -> tuple[Person, Decision]:
        """Raises NoAccount, Unreadable."""
        identity = Identity(self.sign_in.vouching, self._provider.subject(state[self.user_auth_state_key]))
        return await admit(Identities(session), self.sign_in, identity, person)

    def _model(self, person: Person, decision: Decision, state: dict[str, Any]) -> dict[str, Any]:
        held = {
            "name": person.name,
            "groups": sorted(person.groups),
            "organizations": sorted(person.organizations),
            "emails": sorted(person.emails),
            "unverified": sorted(person.unverified),
            "workspace": person.workspace,
            "at": time.time(),
        }
        return {"name": person.account, "admin": decision.admin, "auth_state": {**state, HELD: held}}

    def _refused(self, state: Mapping[str, Any], why: str, person: Person | None = None) -> None:
        """Say so, once in the log and once to the one who waits."""
        told = state.get(self.user_auth_state_key)
        name = person.name if person else str((told or {}).get("preferred_username") or (told or {}).get("login") or "")
        self.log.warning("Login of %.64r refused: %s", name, why)
        called = f" You are logged in there as {name}." if name else ""
        raise web.HTTPError(403, f"You can't use this hub.{called} If you should, please ask its administrator.")

    async def check_allowed(self, username: str, auth_model: object) -> bool:
        """It was decided before."""
        del username
        return auth_model is not None

    def check_blocked_users(self, username: str, auth_model: object) -> bool:
        """It was decided before."""
        del username, auth_model
        return True

    # --- later on ----------------------------------------------------------------------------------

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - JupyterHub's
        """Whether somebody may still be here: the provider is asked, and the rules as they are now."""
        if user.name == self.sign_in["selftest"]:
            return True
        came = time.monotonic()
        # One at a time: refresh tokens may be good for one use, and to use one twice may end the login at the provider.
        async with self._refreshing[user.name]:
            answered, still = self._answers.get(user.name, (-math.inf, True))
            if answered >= came:
                return still
            found = await self._refreshed(user, handler, **kwargs)
            self._answers[user.name] = (time.monotonic(), bool(found))
            return found

    async def _refreshed(self, user: Any, handler: Any, **kwargs: Any) -> bool | dict[str, Any]:  # noqa: ANN401 - JupyterHub's
        state = await user.get_auth_state()
        if not state or HELD not in state:
            return False
        try:
            person, news = await self._news_of(user, state, handler, **kwargs)
            if news is not state:
                # At once, whatever comes of it: with the tokens of before nobody may be let in again.
                await user.save_auth_state({**news, HELD: state[HELD]})
            state = news
            held = state.get(HELD)
            person, decision = await self._admit(user.db, person, state)
        except HelperUnreachable as why:
            # No reason to send everybody to a login that would fail as well.
            self.log.error("Accounts can't be looked at: %s", why)  # noqa: TRY400 - it is all in the line
            return True
        except (NoAccount, AccountRefused, Unreadable) as why:
            self.log.warning("%s has to log in again: %s", user.name, why)
            return False
        if not decision.allowed or person.account != user.name:
            self.log.warning("%s has to log in again: %s", user.name, decision.why)
            return False
        model = self._model(person, decision, state)
        if held:
            model["auth_state"][HELD] = held
        return model

    async def _news_of(
        self,
        user: Any,  # noqa: ANN401 - JupyterHub's
        state: dict[str, Any],
        handler: Any,  # noqa: ANN401 - JupyterHub's
        **kwargs: Any,  # noqa: ANN401 - JupyterHub's
    ) -> tuple[Person, dict[str, Any]]:
        """Who the provider says it is by now, with new tokens if need be; else who it was. Raises NoAccount."""
        try:
            await self.find_provider()
            model = await super().refresh_user(user, handler, **kwargs)
            if isinstance(model, dict):
                return await self._person(model["auth_state"]), model["auth_state"]
            if state.get("refresh_token") or time.time() - state[HELD]["at"] > WITHOUT_WORD:
                raise NoAccount("the provider tells no more of them")
        except Unreachable:
            # No reason to send everybody to a login that would fail as well; the rules count all the same.
            pass
        except web.HTTPError as error:
            raise NoAccount(f"the provider tells no more of them ({error.log_message})") from None
        return _as_held(state[HELD]), state


def give_tokens(spawner: Any, auth_state: Mapping[str, Any] | None) -> None:  # noqa: ANN401 - JupyterHub's
    """Put into a server's environment the tokens that the config names; a hook of the spawner's."""
    for name in ProviderAuthenticator.sign_in["server_tokens"]:
        token = (auth_state or {}).get(name)
        if token:
            spawner.environment = {**spawner.environment, f"AUTH_{name.upper()}": token}


def _as_held(held: Mapping[str, Any]) -> Person:
    return Person(
        name=held["name"],
        account="",
        groups=frozenset(held["groups"]),
        organizations=frozenset(held["organizations"]),
        emails=frozenset(held["emails"]),
        # Logins of older releases have none.
        unverified=frozenset(held.get("unverified", ())),
        workspace=held["workspace"],
    )


def _error_of(error: HTTPClientError) -> str:
    """What OAuth calls it (RFC 6749, 5.2), else the status."""
    try:
        said = json.loads(error.response.body if error.response else b"")["error"]
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.message}"
    return str(said)[:200]
