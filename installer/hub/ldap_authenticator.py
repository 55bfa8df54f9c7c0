"""Log in with the password that a directory has: who gets in, and as which account, `admission` decides.

Not the packaged LDAPAuthenticator: as it comes it looks at no certificate, it waits for the directory while everybody
else waits for the hub, knows people by their names alone, and asks for them once, at the login.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

from jupyterhub.auth import Authenticator
from tornado import web

from installer.hub.accounts import AccountRefused
from installer.hub.admission import admit
from installer.hub.directory import Away, Directory, Entry, NotThem, Trouble, Unusable
from installer.hub.guessing import alike
from installer.hub.helper import HelperUnreachable
from installer.hub.identities import Identities, Identity
from installer.hub.names import NoAccount
from installer.hub.rules import Decision, Person
from installer.hub.sign_in import SignIn, Unreadable
from installer.hub.slowed import Slowed, WrongPassword
from installer.hub.turns import Turns

AT_ONCE, KEPT = 8, 4
"""Logins under way at a time, the others wait for their turn; and how many are kept for browsers that are known."""

REFRESHES_AT_ONCE = 4
"""Looks at people who are logged in already: apart, or a flood of logins would make them wait too."""

WITHOUT_WORD = 24 * 3600.0
"""Seconds for which somebody stays logged in whom the directory can't be asked about without their password."""

HELD = "installer"
"""Where we keep our own in auth_state."""

AWAY = "The directory that you log in with can't be reached at the moment. Please try again in a while."
MISFIT = "This hub and the directory that you log in with don't understand each other. Please tell the administrator."
NO_HELPER = "Accounts can't be made at the moment. Please tell the administrator."
NOT_HERE = "Your password is right, but you can't use this hub. Please ask its administrator."

_Found = TypeVar("_Found")


class DirectoryAuthenticator(Authenticator):  # type: ignore[misc]
    """Whoever is in the directory and knows their password, whom the rules let in, as the account that is theirs."""

    sign_in: SignIn
    """Set by the hub's config, on the class."""
    secret = ""
    """The password of `bind_dn`; set likewise."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets' own
        super().__init__(**kwargs)
        self._directory = Directory(self.sign_in["ldap"], self.sign_in["ca_file"], self.secret)
        self._logins = ThreadPoolExecutor(AT_ONCE + KEPT, "login")
        self._looks = ThreadPoolExecutor(REFRESHES_AT_ONCE, "refresh")
        self._slowed = Slowed(self.log, Turns(AT_ONCE, KEPT))
        self.enable_auth_state = True
        # Who gets in is decided further down, before JupyterHub asks.
        self.any_allow_config = True

    def normalize_username(self, username: str) -> str:
        """As it is: an account's name has been normalised by the rule for names."""
        return username

    async def authenticate(self, handler: Any, data: Mapping[str, str]) -> dict[str, Any] | None:  # noqa: ANN401
        """The account, if the password is right and the rules let them in, else None. Raises HTTPError."""
        typed = data["username"].strip()
        # Names that the directory takes for one are one to who counts the guesses, too; and so are those by which it
        # finds one entry, say somebody's name and their address.
        return await self._slowed.check(
            handler, alike(typed), lambda count: self._log_in(handler, typed, data.get("password", ""), count)
        )

    async def _log_in(
        self,
        handler: Any,  # noqa: ANN401 - JupyterHub's
        typed: str,
        password: str,
        count: Callable[[str], None],
    ) -> dict[str, Any]:
        """Raises WrongPassword, TooSoon, HTTPError."""
        try:
            entry = await self._in(self._logins, lambda: self._directory.log_in(typed, password, count))
        except NotThem as why:
            raise WrongPassword(str(why)) from None
        except Unusable as why:
            return self._refused(typed, str(why))
        except Trouble as why:
            self._tell(why)
            raise web.HTTPError(503, AWAY if isinstance(why, Away) else MISFIT) from None
        try:
            person, decision = await self._admit(handler.db, entry)
        except (NoAccount, AccountRefused) as why:
            return self._refused(entry.name, str(why))
        except HelperUnreachable as why:
            self.log.error("Accounts can't be made: %s. See: systemctl status jupyterhub-account.socket", why)  # noqa: TRY400
            raise web.HTTPError(503, NO_HELPER) from None
        except Unreadable as why:
            self.log.error("Nobody can log in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, MISFIT) from None
        if not decision.allowed:
            return self._refused(entry.name, decision.why)
        self.log.info("%r logs in as %s: %s", person.name, person.account, decision.why)
        return _model(person, decision, typed, entry)

    async def _in(self, executor: Executor, work: Callable[[], _Found]) -> _Found:
        """Have something done that blocks."""
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def _tell(self, why: Trouble) -> None:
        self.log.error("Nobody can log in: %s", why)

    async def _admit(self, session: object, entry: Entry) -> tuple[Person, Decision]:
        """Raises NoAccount, AccountRefused, HelperUnreachable, Unreadable."""
        person = Person(entry.name, "", groups=entry.groups)
        return await admit(Identities(session), self.sign_in, Identity(self.sign_in.vouching, entry.identity), person)

    def _refused(self, name: str, why: str) -> dict[str, Any]:
        """Say so, once in the log and once to the one who waits."""
        self.log.warning("Login of %.64r refused: %s", name, why)
        raise web.HTTPError(403, NOT_HERE)

    async def check_allowed(self, username: str, auth_model: object) -> bool:
        """It was decided before."""
        del username
        return auth_model is not None

    def check_blocked_users(self, username: str, auth_model: object) -> bool:
        """It was decided before."""
        del username, auth_model
        return True

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:  # noqa: ANN401 - JupyterHub's
        """Whether somebody may still be here: the directory is asked, and the rules as they are now."""
        del handler
        if user.name == self.sign_in["selftest"]:
            return True
        state = await user.get_auth_state()
        held = (state or {}).get(HELD)
        if held is None:
            return False
        try:
            entry = await self._news_of(held)
            person, decision = await self._admit(user.db, entry)
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
        model = _model(person, decision, held["typed"], entry)
        model["auth_state"][HELD]["at"] = held["at"]
        return model

    async def _news_of(self, held: Mapping[str, Any]) -> Entry:
        """Who somebody is by now; who they were, while the directory doesn't answer. Raises NoAccount."""
        before = Entry(held["dn"], held["name"], held["identity"], frozenset(held["groups"]))
        if not self._directory.answers_later:
            if time.time() - held["at"] > WITHOUT_WORD:
                raise NoAccount("a day has gone by since their login")
            return before
        try:
            entry = await self._in(self._looks, lambda: self._directory.look(held["typed"]))
        except Trouble as why:
            # No reason to send everybody to a login that would fail as well; the rules count all the same.
            self._tell(why)
            return before
        except (NotThem, Unusable) as why:
            raise NoAccount(str(why)) from None
        if entry is None:
            raise NoAccount("the directory has nobody of that name any more")
        if entry.identity != before.identity:
            raise NoAccount("the directory has somebody else of that name now")
        return entry


def _model(person: Person, decision: Decision, typed: str, entry: Entry) -> dict[str, Any]:
    held = {
        "typed": typed,
        "dn": entry.dn,
        "name": entry.name,
        "identity": entry.identity,
        "groups": sorted(entry.groups),
        "at": time.time(),
    }
    return {"name": person.account, "admin": decision.admin, "auth_state": {HELD: held}}
