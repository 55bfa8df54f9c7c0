"""Log in with a Linux account, checked by the root helper behind jupyterhub-pam.socket: no /etc/shadow for the hub."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub.auth import LocalAuthenticator
from tornado import web
from traitlets import Unicode

from installer.hub.change_password import PAGE, ChangePasswordHandler, ChangingLogin, Declined, PasswordExpired
from installer.hub.helper import HelperUnreachable, ask
from installer.hub.linux_accounts import groups_of, uid_of
from installer.hub.names import Naming
from installer.hub.rules import Decision, Person, decide
from installer.hub.sign_in import SignIn, Unreadable
from installer.hub.slowed import Slowed, WrongPassword
from installer.hub.turns import Turns

AT_ONCE, KEPT = 8, 4
"""Logins under way at a time, the others wait for their turn; and how many are kept for browsers that are known."""

REFRESHES_AT_ONCE = 4
"""Looks at accounts of people logged in already: apart, or a flood of logins would make them wait too.

All of them together are what jupyterhub-pam.socket takes.
"""

CHANGES_AT_ONCE = 4
"""Changes of passwords under way at a time: what jupyterhub-password.socket takes."""

LONGEST_PASSWORD = 1024
"""The helper reads a bounded line; PAM itself stops at 512."""

SECONDS = 35
"""A little longer than the helper gives itself."""


class SocketPAMAuthenticator(LocalAuthenticator):  # type: ignore[misc]
    """PAM by socket. Who may log in (a person's account, a member's, not locked) is decided by the helper."""

    sign_in: SignIn
    """Set by the hub's config, on the class."""

    socket_path = Unicode("/run/jupyterhub-pam.sock", help="Socket of the password helper.").tag(config=True)
    password_socket_path = Unicode(
        "/run/jupyterhub-password.sock", help="Socket of the helper that changes passwords."
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets' own
        super().__init__(**kwargs)
        self._changes = asyncio.Semaphore(CHANGES_AT_ONCE)
        self._refreshes = asyncio.Semaphore(REFRESHES_AT_ONCE)
        self._slowed = Slowed(self.log, Turns(AT_ONCE, KEPT))

    @property
    def told_to_pages(self) -> dict[str, str]:
        """Pages of ours that there are, for the links to them."""
        return {"change_password_page": PAGE}

    def get_handlers(self, app: object) -> list[tuple[str, type[object]]]:
        """The login, and the page on which people change their password."""
        del app
        return [("/login", ChangingLogin), (f"/{PAGE}", ChangePasswordHandler)]

    def normalize_username(self, username: str) -> str:
        """Lower case, and without the blanks that phones add."""
        return str(super().normalize_username(username.strip()))

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ANN401
        """The account, if the password is right and the account may log in, else None. Raises HTTPError."""
        # Normalised before the password is checked, not only after: or an account "Ada" would log in as "ada".
        name = self.normalize_username(data["username"])
        address = str(handler.request.remote_ip)
        return await self._slowed.check(handler, name, lambda _: self._log_in(name, data["password"], address))

    async def _log_in(self, name: str, password: str, address: str) -> dict[str, Any] | None:
        """Raises WrongPassword, HTTPError."""
        if len(password) > LONGEST_PASSWORD:
            raise WrongPassword("longer than any password")
        question = {"username": name, "password": password, "address": address}
        try:
            reply = await ask(self.socket_path, question, seconds=SECONDS)
        except HelperUnreachable as error:
            self.log.error(  # noqa: TRY400 - the cause is in the message
                "Passwords can't be checked: %s. See: systemctl status jupyterhub-pam.socket", error
            )
            raise web.HTTPError(
                503, "Passwords can't be checked at the moment. Please tell the administrator."
            ) from None
        if reply.get("ok") and reply.get("name") == name:
            return self._decided(name)
        if reply.get("expired"):
            raise PasswordExpired(name)
        if reply.get("tell"):
            self.log.warning("Login of %.64r refused: %s", name, reply.get("reason"))
            raise web.HTTPError(403, reply["tell"])
        raise WrongPassword(str(reply.get("reason")))

    async def change_password(self, name: str, current: str, new: str) -> None:
        """Have the helper change an account's password. Raises Declined; HTTPError where it can't be asked."""
        if max(len(current), len(new)) > LONGEST_PASSWORD:
            raise Declined("That password is too long.", wrong=len(current) > LONGEST_PASSWORD)
        question = {"username": name, "password": current, "new": new}
        try:
            async with self._changes:
                reply = await ask(self.password_socket_path, question, seconds=SECONDS)
        except HelperUnreachable as error:
            self.log.error(  # noqa: TRY400 - the cause is in the message
                "Passwords can't be changed: %s. See: systemctl status jupyterhub-password.socket", error
            )
            raise web.HTTPError(
                503, "Passwords can't be changed at the moment. Please tell the administrator."
            ) from None
        if reply.get("ok") is True:
            return
        if not reply.get("tell"):
            raise Declined("The current password is wrong.", wrong=True)
        raise Declined(str(reply["tell"]))

    def _decided(self, name: str) -> dict[str, Any] | None:
        """Hold a member whose password was right against the rules."""
        decision = self._decide(name)
        if not decision.allowed:
            self.log.warning("Login of %.64r refused: %s", name, decision.why)
            raise web.HTTPError(
                403, "Your password is right, but you can't use this hub. Please ask its administrator."
            )
        return self._as_member(name, decision)

    def _decide(self, name: str) -> Decision:
        person = Person(name, name, uid_of(name), groups_of(name))
        try:
            return decide(person, self.sign_in.rules(), Naming())
        except Unreadable as why:
            self.log.error("Nobody can log in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, "Nobody can log in at the moment. Please tell the administrator.") from None

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:  # noqa: ANN401 - JupyterHub's
        """Whether the account may still be used: asked every few minutes, as a login lasts for two weeks."""
        try:
            async with self._refreshes:
                reply = await ask(self.socket_path, {"username": user.name, "password": None}, seconds=SECONDS)
        except HelperUnreachable as error:
            # A helper that is away is no reason to send everybody to a login that would fail as well.
            self.log.error(  # noqa: TRY400 - the cause is in the message
                "Accounts can't be looked at: %s. See: systemctl status jupyterhub-pam.socket", error
            )
            return True
        if not reply.get("ok"):
            self.log.warning("%s has to log in again: %s", user.name, reply.get("reason"))
            return False
        if user.name == self.sign_in["selftest"]:
            return True
        decision = self._decide(user.name)
        if not decision.allowed:
            self.log.warning("%s has to log in again: %s", user.name, decision.why)
            return False
        return self._as_member(user.name, decision)

    def _as_member(self, name: str, decision: Decision) -> dict[str, Any]:
        """What JupyterHub is told of somebody; conf.d may name admins, too."""
        return {"name": name, "admin": decision.admin or name in self.admin_users}
