"""The gate's own decisions; logging in with a real hub is the system tests' (test_apps)."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
from pathlib import Path

import httpx
import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from installer.hub import gate

TOKEN = "0123456789abcdef"
ME = pwd.getpwuid(os.getuid()).pw_name
MY_GROUP = grp.getgrgid(os.getgid()).gr_name


def rules(directory: Path) -> gate.Rules:
    file = directory / "apps.json"
    everybody = {"groups": [], "admins": False}
    apps = {
        "/all/": everybody,
        "/group/": {"groups": [MY_GROUP], "admins": False},
        "/admins/": {"groups": [], "admins": True},
        "/both/": {"groups": ["no-such-group"], "admins": True},
    }
    file.write_text(json.dumps({"base_url": "/jupyter/", "apps": apps}))
    return gate.Rules(file)


@pytest.mark.parametrize(
    ("app", "name", "admin", "allowed"),
    [
        ("/all/", "nobody-of-that-name", False, True),
        ("/group/", ME, False, True),
        ("/group/", "nobody-of-that-name", True, False),
        ("/admins/", ME, False, False),
        ("/admins/", ME, True, True),
        ("/both/", ME, False, False),
        ("/both/", "nobody-of-that-name", True, True),
    ],
)
def test_who_may_open_what(tmp_path: Path, app: str, name: str, admin: bool, allowed: bool) -> None:
    assert rules(tmp_path).allow(app, name, admin=admin) is allowed


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("", ""),
        ("a=1", "a=1"),
        ("jupyterhub-app=x; a=1;jupyterhub-session-id=y; b=2", "a=1; b=2"),
        ("jupyterhub-app=x", ""),
        ("a=jupyterhub-app", "a=jupyterhub-app"),
    ],
)
def test_cookies_of_the_hub_are_taken_out(header: str, left: str) -> None:
    assert gate.without_ours(header) == left


def asked(directory: Path, method: str, path: str, **headers: str) -> httpx.Response:
    """What the gate answers, with no hub behind it."""

    async def ask() -> httpx.Response:
        server = HTTPServer(gate.application(rules(directory), 1, TOKEN))
        socket, port = bind_unused_port()
        server.add_socket(socket)
        async with httpx.AsyncClient(trust_env=False) as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await client.request(method, f"http://127.0.0.1:{port}{path}", headers=named)
        server.stop()
        return answer

    return asyncio.run(ask())


def test_who_has_no_cookie_is_not_logged_in(tmp_path: Path) -> None:
    assert asked(tmp_path, "GET", "/check", X_App="/all/").status_code == 401
    assert (
        asked(tmp_path, "GET", "/check", X_App="/all/", Cookie='jupyterhub-app="x"; jupyterhub-app=2|1').status_code
        == 401
    )
    assert asked(tmp_path, "GET", "/check", X_App="/none/").status_code == 404
    assert asked(tmp_path, "GET", "/check").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "back"), [("/all/x?y=1", "/all/x?y=1"), ("//evil.example/", "/all/"), ("https://evil.example/", "/all/")]
)
def test_a_page_is_remembered_and_the_hub_asked(tmp_path: Path, wanted: str, back: str) -> None:
    answer = asked(tmp_path, "GET", "/login", X_App="/all/", X_Original_URI=wanted, X_Original_Method="GET")
    assert answer.status_code == 302
    place = httpx.URL(answer.headers["Location"])
    assert place.path == "/jupyter/hub/api/oauth2/authorize"
    assert place.params["redirect_uri"] == gate.CALLBACK
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"jupyterhub-login-{place.params['state']}=")
    for attribute in ("HttpOnly", "Secure", "SameSite=Lax", f"Path={gate.CALLBACK}"):
        assert attribute in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    state = web.decode_signed_value(gate.cookie_secret(TOKEN), name, value.strip('"'))
    assert state is not None
    assert json.loads(state) == {"app": "/all/", "next": back}


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Original_Method": "POST"},
        {"X_Original_Method": "GET", "Sec_Fetch_Mode": "cors"},
        {"X_Original_Method": "GET", "X_Original_Upgrade": "websocket"},
        {},
    ],
)
def test_what_is_no_page_is_not_led_away(tmp_path: Path, headers: dict[str, str]) -> None:
    assert asked(tmp_path, "GET", "/login", X_App="/all/", X_Original_URI="/all/", **headers).status_code == 401


def test_an_answer_that_nobody_waits_for_leads_home(tmp_path: Path) -> None:
    answer = asked(tmp_path, "GET", f"{gate.CALLBACK}?code=x&state=y")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/jupyter/hub/home")
