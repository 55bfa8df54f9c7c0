"""Log in with a name and a password of the hub's own: for a class without accounts anywhere.

An administrator's word for each is what lets people in, and nothing else does: whoever asks on the hub's page waits
for it. As which Linux account, and whether that may be used, `admission` decides, as for people from elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from jupyterhub.auth import Authenticator
from tornado import web

from installer.hub.accounts import AccountRefused
from installer.hub.admission import admit
from installer.hub.change_password import PAGE, ChangePasswordHandler, ChangingLogin, Declined, PasswordExpired
from installer.hub.helper import HelperUnreachable
from installer.hub.identities import Identities, Identity
from installer.hub.linux_accounts import uid_of
from installer.hub.names import NoAccount
from installer.hub.password_rules import too_easy
from installer.hub.passwords import LONGEST, NOBODYS, hashed, is_right
from installer.hub.people import Entry, People, StoreTrouble, person_of
from installer.hub.rules import Decision, Person
from installer.hub.sign_in import SignIn, Unreadable
from installer.hub.sign_up import ANSWERS, SIGN_UP, AnswersHandler, SignUpHandler
from installer.hub.slowed import Slowed, WrongPassword
from installer.hub.turns import Turns

PROVIDER = "native"

AT_ONCE = 2
"""Passwords looked at at a time: each takes 32 MB and a processor for a moment."""

CLOSED = "Nobody can log in at the moment. Please tell the administrator."
NO_HELPER = "Accounts can't be made at the moment. Please tell the administrator."
WAITING = "An administrator of this hub hasn't answered your request yet. Please try again later."

_Result = TypeVar("_Result")


class NativeAuthenticator(Authenticator):  # type: ignore[misc]
    """Whoever an administrator has let in, by their name and password."""

    sign_in: SignIn
    """Set by the hub's config, on the class."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets' own
        super().__init__(**kwargs)
        self.people = People(Path(self.sign_in["people"]))
        self._workers = ThreadPoolExecutor(AT_ONCE, "passwords")
        self._slowed = Slowed(self.log, Turns(AT_ONCE, AT_ONCE))
        # Who gets in is decided further down, before JupyterHub asks.
        self.any_allow_config = True

    @property
    def told_to_pages(self) -> dict[str, str]:
        """Pages of ours that there are, for the links to them."""
        open_to_all = {"sign_up_page": SIGN_UP} if self.sign_in["sign_up"] == "approval" else {}
        return {"change_password_page": PAGE, "answers_page": ANSWERS, **open_to_all}

    def get_handlers(self, app: object) -> list[tuple[str, type[object]]]:
        """The login, and those pages."""
        found = [
            ("/login", ChangingLogin),
            (f"/{PAGE}", ChangePasswordHandler),
            (f"/{ANSWERS}", AnswersHandler),
            (f"/{SIGN_UP}", SignUpHandler),
        ]
        del app
        return found if "sign_up_page" in self.told_to_pages else found[:-1]

    async def work(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Have something done that takes its time, while the hub goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    # --- logging in --------------------------------------------------------------------------------
    def normalize_username(self, username: str) -> str:
        """Lower case, and without the blanks that phones add."""
        return str(super().normalize_username(username.strip()))

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ANN401 - JupyterHub's
        """Log somebody in; None where name or password is wrong. Raises HTTPError with what they are told."""
        name = self.normalize_username(data["username"])
        return await self._slowed.check(handler, name, lambda _: self._log_in(handler, name, data["password"]))

    async def _log_in(self, handler: Any, name: str, password: str) -> dict[str, Any]:  # noqa: ANN401 - JupyterHub's
        """Raises WrongPassword, HTTPError."""
        entry, right = await self._looked_up(name, password)
        if entry is None or not right:
            raise WrongPassword("wrong password" if entry else "no such name")
        if not entry.approved:
            self.log.warning("Login of %.64r refused: nobody has approved them yet", name)
            raise web.HTTPError(403, WAITING)
        if entry.once:
            raise PasswordExpired(name)
        try:
            person, decision = await self._admit(handler.db, entry)
        except (NoAccount, AccountRefused) as why:
            self._refused(name, str(why))
        except HelperUnreachable as why:
            self.log.error("Accounts can't be made: %s. See: systemctl status jupyterhub-account.socket", why)  # noqa: TRY400
            raise web.HTTPError(503, NO_HELPER) from None
        if not decision.allowed:
            self._refused(name, decision.why)
        return {"name": person.account, "admin": decision.admin or None}

    async def _looked_up(self, name: str, password: str) -> tuple[Entry | None, bool]:
        """Who it is, and whether that is the password; as slow where there is nobody of that name."""

        def look() -> tuple[Entry | None, bool]:
            entry = self.people.find(name)
            right = is_right(password[: LONGEST + 1], entry.password if entry else NOBODYS)
            return entry, right and len(password) <= LONGEST

        try:
            return await self.work(look)
        except StoreTrouble as why:
            self.log.error("Nobody can log in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, CLOSED) from None

    async def _admit(self, session: object, entry: Entry) -> tuple[Person, Decision]:
        """Raises NoAccount, AccountRefused, HelperUnreachable; HTTPError where the rules can't be read."""
        try:
            return await admit(Identities(session), self.sign_in, Identity(PROVIDER, entry.name), person_of(entry))
        except Unreadable as why:
            self.log.error("Nobody can log in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, CLOSED) from None

    def _refused(self, name: str, why: str) -> NoReturn:
        """Say so, once in the log and once to the one who waits."""
        self.log.warning("Login of %.64r refused: %s", name, why)
        raise web.HTTPError(403, "Your password is right, but you can't use this hub. Please ask its administrator.")

    async def check_allowed(self, username: str, auth_model: object) -> bool:
        """It was decided before."""
        del username
        return auth_model is not None

    def check_blocked_users(self, username: str, auth_model: object) -> bool:
        """It was decided before."""
        del username, auth_model
        return True

    # --- later on ----------------------------------------------------------------------------------
    async def refresh_user(self, user: Any, handler: Any = None) -> bool:  # noqa: ANN401 - JupyterHub's
        """Whether somebody may still be here; a password that an administrator gave ends all visits."""
        if user.name == self.sign_in["selftest"]:
            return True
        del handler
        try:
            entry = await self.work(self.people.find, user.name)
            why = "nobody has let them in" if entry is None or not entry.approved else ""
            if entry is not None and not why:
                _, decision = await self._admit(user.db, entry)
                why = "" if decision.allowed else decision.why
                why = why or ("they have a password for one login" if entry.once else "")
        except (NoAccount, AccountRefused) as refusal:
            why = str(refusal)
        except (StoreTrouble, HelperUnreachable) as trouble:
            # No reason to send everybody to a login that would fail as well.
            self.log.error("People can't be looked at: %s", trouble)  # noqa: TRY400 - it is all in the line
            return True
        if why:
            self.log.warning("%s has to log in again: %s", user.name, why)
        return not why

    def delete_user(self, user: Any) -> None:  # noqa: ANN401 - JupyterHub's
        """Whoever is deleted in the hub comes back by asking anew."""
        super().delete_user(user)
        try:
            self.people.forget([user.name])
        except StoreTrouble as why:
            self.log.error("%s can't be forgotten: %s", user.name, why)  # noqa: TRY400 - it is all in the line

    # --- what the pages ask for --------------------------------------------------------------------
    async def change_password(self, name: str, current: str, new: str) -> None:
        """Change somebody's password. Raises Declined; HTTPError where it can't be kept."""
        entry, right = await self._looked_up(name, current)
        if entry is None or not right:
            raise Declined("The current password is wrong.", wrong=True)
        trouble = too_easy(new, name)
        if trouble is not None:
            raise Declined(trouble)
        try:
            kept = await self.work(lambda: self.people.change(name, hashed(new)))
        except StoreTrouble as why:
            self.log.error("The password of %s can't be changed: %s", name, why)  # noqa: TRY400
            raise web.HTTPError(503, "It can't be kept at the moment. Please tell the administrator.") from None
        if not kept:
            raise Declined(WAITING)

    async def ask(self, name: str, password: str, about: str) -> None:
        """Note that somebody wants to come, unless the name is somebody's. Raises StoreTrouble."""
        kept = await self.work(hashed, password)
        taken = uid_of(name) is not None or name in self.sign_in["admins"]
        if not taken:
            taken = not await self.work(self.people.ask, name, kept, about)
        if taken:
            self.log.warning("Sign-up as %.64r not taken: there is one of that name, or too many wait", name)
        else:
            self.log.info("Sign-up as %s waits: installer user approve %s", name, name)
