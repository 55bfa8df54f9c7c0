"""The page on which people change their own password: for those who are logged in, or whose password has run out.

Whoever comes with a right password that counts no more isn't logged in, but sent here with a ticket: a signed cookie
that says for a few minutes whose page it is. It opens nothing: the old password is asked for again.
"""

from __future__ import annotations

from typing import Any, Protocol

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.utils import url_path_join
from tornado import web
from tornado.httputil import url_concat

from installer.hub.attempts import Attempts
from installer.hub.logins import end_visits

PAGE = "change-password"
TICKET = "jupyterhub-change-password"
_TICKET_DAYS = 10 / (24 * 60)


class PasswordExpired(web.HTTPError):
    """The password is right, and has to be changed before it opens anything. name: whose it is."""

    def __init__(self, name: str) -> None:
        super().__init__(403, "Your password has expired: log in with a browser to choose a new one.")
        self.name = name


class Declined(Exception):  # noqa: N818 - an answer, not an error
    """The password stays as it was; the message is a sentence for the person.

    wrong: whether what was given as the old one isn't it.
    """

    def __init__(self, why: str, *, wrong: bool = False) -> None:
        super().__init__(why)
        self.wrong = wrong


class Changing(Protocol):
    """What an authenticator needs for the page."""

    async def change_password(self, name: str, current: str, new: str) -> None:
        """Change somebody's password. Raises Declined."""


class ChangingLogin(LoginHandler):  # type: ignore[misc]
    """JupyterHub's login, from which those whose password has run out are sent on to change it."""

    async def post(self) -> None:
        """Log in, or go there."""
        try:
            await super().post()
        except PasswordExpired as expired:
            self.log.info("%s has to choose a new password first", expired.name)
            page = url_path_join(self.hub.base_url, PAGE)
            self.set_secure_cookie(
                TICKET, expired.name, expires_days=None, path=page, secure=True, httponly=True, samesite="Strict"
            )
            following = self.get_argument("next", "")
            self.redirect(url_concat(page, {"next": following} if following else {}))


class ChangePasswordHandler(BaseHandler):  # type: ignore[misc]
    """The page itself. Forms are checked by JupyterHub's own token, as all of its are."""

    attempts = Attempts()

    async def get(self) -> None:
        """Show it."""
        name, expired = self._whose()
        if not name:
            self.redirect(url_concat(self.settings["login_url"], {"next": self.request.uri}))
            return
        await self._show(name, expired=expired, changed=bool(self.get_argument("changed", "")))

    async def post(self) -> None:
        """Change the password, end all other visits with the old one, and go on."""
        name, expired = self._whose()
        if not name:
            raise web.HTTPError(403, "Log in first, please.")
        new = self.get_argument("new", "", strip=False)
        try:
            await self._change(name, self.get_argument("current", "", strip=False), new)
        except Declined as why:
            self.set_status(403)
            await self._show(name, expired=expired, trouble=str(why))
            return
        self.log.info("%s has a new password", name)
        user = orm.User.find(self.db, name)
        if user is not None:
            end_visits(self.db, user)
        self.clear_cookie(TICKET, path=url_path_join(self.hub.base_url, PAGE))
        back = await self.login_user({"username": name, "password": new})
        if back is None:
            self.redirect(self.settings["login_url"])
        elif expired:
            self.redirect(self.get_next_url(back))
        else:
            self.redirect(url_concat(url_path_join(self.hub.base_url, PAGE), {"changed": "yes"}))

    def _whose(self) -> tuple[str, bool]:
        """Whose password it is about ("" for nobody's), and whether they are here because it has run out."""
        ticket = self.get_secure_cookie(TICKET, max_age_days=_TICKET_DAYS)
        if ticket:
            return ticket.decode(), True
        return (self.current_user.name if self.current_user is not None else ""), False

    async def _change(self, name: str, current: str, new: str) -> None:
        """Raises Declined."""
        if new != self.get_argument("again", "", strip=False):
            raise Declined("The new password is not the same in both fields.")
        if new == current:
            raise Declined("The new password is the old one.")
        if (seconds := self.attempts.begin(name)) > 0:
            self.log.warning("Change of the password of %.64r refused: too many wrong ones", name)
            raise Declined(f"Too many wrong passwords. Try again in {seconds / 60 + 1:.0f} minutes.")
        try:
            await self.authenticator.change_password(name, current, new)
        except Declined as why:
            self.log.warning("Change of the password of %.64r refused: %s", name, why)
            if not why.wrong:
                self.attempts.take_back(name)
            raise
        except web.HTTPError:
            self.attempts.take_back(name)
            raise
        self.attempts.forget(name)

    async def _show(self, name: str, **told: Any) -> None:  # noqa: ANN401 - what the template is told
        following = self.get_argument("next", "")
        self.set_header("Cache-Control", "no-store")
        self.finish(
            await self.render_template(
                "change-password.html",
                account=name,
                action=url_concat(url_path_join(self.hub.base_url, PAGE), {"next": following} if following else {}),
                **told,
            )
        )
