"""Who may open an app: nginx asks with every request, and who isn't logged in is sent to the hub first.

Listens on the socket that systemd hands it. nginx says in X-App whose path was asked for, and in X-Original-URI what:
/check answers 200, 401 or 403 (nginx's auth_request); /login leads to the hub; /jupyterhub-login/callback is where the
hub leads back to.

usage: python -I -m installer.hub.gate RULES_FILE HUB_API_PORT
"""

from __future__ import annotations

import asyncio
import functools
import grp
import hashlib
import json
import logging
import os
import pwd
import secrets
import socket
import sys
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jupyterhub.services.auth import HubOAuth
from tornado import web
from tornado.httpserver import HTTPServer

from installer.hub import credentials

SERVICE = "apps"
CALLBACK = "/jupyterhub-login/callback"
COOKIE = "jupyterhub-app"
DAYS = 14
"""As long as the hub's own tokens live."""
LOGIN_MINUTES = 10
REMEMBERED_SECONDS = 60
"""How long the hub's word about somebody counts: after that, who has logged out is."""
LISTEN_FDS_START = 3
"""sd_listen_fds(3)."""

log = logging.getLogger("gate")


class Rules:
    """Who may open which app: whoever may log in, or members of groups, or the hub's admins."""

    def __init__(self, file: Path) -> None:
        read = json.loads(file.read_text(encoding="utf-8"))
        self.base_url: str = read["base_url"]
        self.apps: dict[str, dict[str, Any]] = read["apps"]

    def allow(self, app: str, name: str, *, admin: bool) -> bool:
        """Whether somebody may open an app."""
        rule = self.apps[app]
        if not rule["groups"] and not rule["admins"]:
            return True
        return bool((rule["admins"] and admin) or groups_of(name).intersection(rule["groups"]))


def groups_of(name: str) -> set[str]:
    """The Linux groups of an account, by name; none where there is no such account."""
    try:
        numbers = os.getgrouplist(name, pwd.getpwnam(name).pw_gid)
    except KeyError:
        return set()
    names = set()
    for number in numbers:
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return names


def without_ours(header: str) -> str:
    """A Cookie header as the app gets it: what logs its visitors in is none of its business."""
    parts = [part.strip() for part in header.split(";")]
    return "; ".join(part for part in parts if part and not part.startswith("jupyterhub-"))


class Handler(web.RequestHandler):
    """What all of them need."""

    def initialize(self, rules: Rules, hub: HubOAuth) -> None:
        """Take what the application is made with."""
        self.rules = rules
        self.hub = hub

    def set_default_headers(self) -> None:
        """Say nothing of what this is, and have nothing kept."""
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **_: object) -> None:
        """Answer in a line."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")

    @property
    def app(self) -> str:
        """The path of the app that is asked for; only nginx can ask."""
        app = self.request.headers.get("X-App", "")
        if app not in self.rules.apps:
            raise web.HTTPError(404)
        return app


class Check(Handler):
    """May this request go on to the app?"""

    async def get(self) -> None:
        """Answer by the status, and with the name that the app is told."""
        app = self.app
        user = await self.visitor(app)
        if user is None:
            raise web.HTTPError(401)
        allowed = functools.partial(self.rules.allow, app, user["name"], admin=bool(user.get("admin")))
        # Where accounts come from a directory, looking somebody's groups up may take a while.
        if not await asyncio.get_running_loop().run_in_executor(None, allowed):
            raise web.HTTPError(403)
        self.set_header("X-App-User", user["name"])
        self.set_header("X-App-Cookie", without_ours(self.request.headers.get("Cookie", "")))

    async def visitor(self, app: str) -> dict[str, Any] | None:
        """Who asks, as the hub knows them; None for who hasn't logged in, or not here."""
        for value in cookies_called(COOKIE, self.request.headers.get("Cookie", "")):
            token = self.get_signed_cookie(app, value, max_age_days=DAYS)
            if token is None:
                continue
            user: dict[str, Any] | None = await self.hub.user_for_token(token.decode(), sync=False)
            if user and user.get("kind") == "user" and self.hub.check_scopes(self.hub.access_scopes, user):
                return user
        return None


class Login(Handler):
    """Lead somebody who isn't logged in to the hub, and have them come back to the page they wanted."""

    def get(self) -> None:
        """Send a page's visitor on; what isn't a page is told that it may not."""
        app = self.app
        wanted = self.request.headers.get("X-Original-URI", "")
        headers = self.request.headers
        a_page = headers.get("Sec-Fetch-Mode", "navigate") == "navigate" and not headers.get("X-Original-Upgrade")
        if headers.get("X-Original-Method") not in {"GET", "HEAD"} or not a_page:
            raise web.HTTPError(401)
        nonce = secrets.token_urlsafe(16)
        state = json.dumps({"app": app, "next": wanted if wanted.startswith(app) else app})
        self.set_signed_cookie(
            f"jupyterhub-login-{nonce}",
            state,
            expires_days=LOGIN_MINUTES / 24 / 60,
            path=CALLBACK,
            **attributes(),
        )
        query = {
            "client_id": self.hub.oauth_client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "state": nonce,
        }
        self.redirect(f"{self.rules.base_url}hub/api/oauth2/authorize?{urlencode(query)}")

    # What nginx leads here keeps its method.
    head = post = put = patch = delete = options = get


class Callback(Handler):
    """The hub says who it was."""

    async def get(self) -> None:
        """Keep it in a cookie of the app's path alone, and go on to the page."""
        nonce = self.get_query_argument("state", "")
        name = f"jupyterhub-login-{nonce}"
        try:
            found = self.get_signed_cookie(name, max_age_days=LOGIN_MINUTES / 24 / 60)
            state = json.loads(found) if found else None
        except (ValueError, CookieError):
            state = None
        if state is None or state["app"] not in self.rules.apps:
            # An old page, or another browser's link.
            self.redirect(f"{self.rules.base_url}hub/home")
            return
        if self.get_query_argument("error", ""):
            raise web.HTTPError(403)
        token = await self.hub.token_for_code(self.get_query_argument("code"), sync=False)
        self.clear_cookie(name, path=CALLBACK)
        # Signed under the app's name: it is of no use under another's path.
        value = self.create_signed_value(state["app"], token)
        self.set_cookie(COOKIE, value, path=state["app"], expires_days=DAYS, **attributes())
        self.redirect(state["next"])


def attributes() -> dict[str, Any]:
    """What keeps a cookie from scripts, from the clear, and from other sites' pages."""
    return {"httponly": True, "secure": True, "samesite": "Lax"}


def cookies_called(name: str, header: str) -> list[str]:
    """All values of that name: a longer path than the app's own may have brought another one."""
    values = []
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            jar = SimpleCookie()
            jar.load(f"{name}={value}")
            values += [jar[name].value] if name in jar else []
    return values


def cookie_secret(token: str) -> bytes:
    """What cookies are signed with: as secret as the token, and not the token."""
    return hashlib.sha256(f"cookies {token}".encode()).digest()


def application(rules: Rules, port: int, token: str) -> web.Application:
    """The three of them."""
    prefix = f"{rules.base_url}hub/"
    hub = HubOAuth(
        api_token=token,
        api_url=f"http://127.0.0.1:{port}{prefix}api",
        hub_prefix=prefix,
        base_url="/",
        oauth_client_id=f"service-{SERVICE}",
        oauth_redirect_uri=CALLBACK,
        access_scopes={f"access:services!service={SERVICE}"},
        cache_max_age=REMEMBERED_SECONDS,
    )
    given = {"rules": rules, "hub": hub}
    return web.Application(
        [("/check", Check, given), ("/login", Login, given), (CALLBACK, Callback, given)],
        cookie_secret=cookie_secret(token),
        # nginx has written down who asked for what.
        log_function=lambda _: None,
    )


async def serve(app: web.Application) -> None:
    """Answer on the socket that systemd has opened."""
    server = HTTPServer(app, max_body_size=1 << 16)
    given = socket.socket(fileno=LISTEN_FDS_START)
    given.setblocking(False)
    server.add_socket(given)
    await asyncio.Event().wait()


def main() -> None:
    """Run until stopped."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    rules = Rules(Path(sys.argv[1]))
    asyncio.run(serve(application(rules, int(sys.argv[2]), credentials.read("apps_token"))))


if __name__ == "__main__":
    main()
