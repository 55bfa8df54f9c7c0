"""The pages of a hub with names and passwords of its own: where people ask to come, and where admins answer.

Asking is answered in the same words, and as late, whether the name was free or not: the page tells nobody who is here.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyterhub.handlers import BaseHandler
from tornado import web

from installer.hub.linux_accounts import uid_of
from installer.hub.names import Naming, NoAccount, account_of, is_kept
from installer.hub.password_rules import SHORTEST, too_easy
from installer.hub.people import StoreTrouble

SIGN_UP, ANSWERS = "signup", "sign-ups"
_SECONDS = 2.0
"""How long an answer takes, whatever it comes to."""
_LONGEST_ABOUT = 200
_KEPT = "That name is one of the system's. Please take another."
_TROUBLE = "That can't be kept at the moment. Please tell the administrator."


def unfit_name(name: str) -> str | None:
    """Why nobody can be called so, as a sentence; None where somebody can."""
    try:
        fits = account_of(name, Naming()) == name
    except NoAccount:
        return _KEPT
    if fits:
        return None
    return _KEPT if is_kept(name) else "A name is a letter, then letters, digits and hyphens; 31 of them at most."


class SignUpHandler(BaseHandler):  # type: ignore[misc]
    """Where people ask to come."""

    async def get(self) -> None:
        """Show the form."""
        if self.current_user is not None:
            self.redirect(self.get_next_url(self.current_user))
            return
        await self._show()

    async def post(self) -> None:
        """Take a request."""
        started = time.monotonic()
        name = self.authenticator.normalize_username(self.get_argument("username", ""))
        password = self.get_argument("password", "", strip=False)
        about = " ".join(self.get_argument("about", "").split())
        trouble = unfit_name(name) or too_easy(password, name)
        if trouble is None and password != self.get_argument("again", "", strip=False):
            trouble = "The password is not the same in both fields."
        if trouble is None and (len(about) > _LONGEST_ABOUT or not about.isprintable()):
            trouble = f"Tell the administrator who you are in {_LONGEST_ABOUT} characters."
        if trouble is not None:
            self.set_status(400)
            await self._show(trouble=trouble, username=name[:64], about=about[:_LONGEST_ABOUT])
            return
        try:
            await self.authenticator.ask(name, password, about)
        except StoreTrouble as why:
            self.log.error("Nobody can sign up: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, _TROUBLE) from None
        finally:
            await asyncio.sleep(max(0.0, started + _SECONDS - time.monotonic()))
        await self._show(asked=name)

    async def _show(self, **told: Any) -> None:  # noqa: ANN401 - what the template is told
        self.set_header("Cache-Control", "no-store")
        self.finish(await self.render_template("signup.html", shortest=SHORTEST, **told))


class AnswersHandler(BaseHandler):  # type: ignore[misc]
    """Where hub admins let people in, or don't."""

    async def get(self) -> None:
        """Show who waits."""
        self._only_admins()
        await self._show()

    async def post(self) -> None:
        """Let some in, or forget that they asked."""
        admin = self._only_admins()
        names = self.get_arguments("name")
        answer = self.get_argument("answer", "")
        if answer not in ("approve", "reject"):
            raise web.HTTPError(400, "Neither approved nor rejected.")
        people = self.authenticator.people
        # An account that has come to be there meanwhile is nobody's for having the name.
        taken = [name for name in names if answer == "approve" and uid_of(name) is not None]
        try:
            change = people.approve if answer == "approve" else people.reject
            done = await self.authenticator.work(change, [name for name in names if name not in taken])
        except StoreTrouble as why:
            self.log.error("Nobody can be let in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, _TROUBLE) from None
        for name in done:
            self.log.info("%s: sign-up of %s: %s", admin, name, answer)
        await self._show(answer=answer, done=done, taken=taken)

    def _only_admins(self) -> str:
        """Who asks."""
        if self.current_user is None:
            raise web.HTTPError(403, "Log in first, please.")
        if not self.current_user.admin:
            raise web.HTTPError(403, "Only administrators of the hub let people in.")
        return str(self.current_user.name)

    async def _show(self, **told: Any) -> None:  # noqa: ANN401 - what the template is told
        try:
            waiting = await self.authenticator.work(self.authenticator.people.waiting)
        except StoreTrouble as why:
            self.log.error("Nobody can be let in: %s", why)  # noqa: TRY400 - it is all in the line
            raise web.HTTPError(503, _TROUBLE) from None
        admins = self.authenticator.sign_in["admins"]
        self.set_header("Cache-Control", "no-store")
        self.finish(await self.render_template("sign-ups.html", waiting=waiting, hub_admins=admins, **told))
