"""Apps: small real services under paths of the site, and the traps that such paths have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, pending
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.visitor import HOST, Visitor, until

pytestmark = pytest.mark.only_on("trixie")

GRACE, HENRY = "grace", "henry"
PASSWORD = "a fine password"
PORT = 7001
APPS = f"""\
apps:
- {{path: /open/, upstream: "http://127.0.0.1:{PORT}", login: none, body_size: 1M}}
- {{path: /own/prefix/, upstream: "http://localhost:{PORT}", login: none, strip_prefix: false, websocket: false}}
- {{path: /as-it-is/, upstream: "http://127.0.0.1:{PORT}", login: none, redirect_fix: false}}
- {{path: /sock/, upstream: "unix:/run/probe.sock"}}
- {{path: /staff/, upstream: "http://127.0.0.1:{PORT}", groups: [staff]}}
- {{path: /admins/, upstream: "http://127.0.0.1:{PORT}", admins: true}}
- {{path: /gone/, upstream: "http://127.0.0.1:7099", login: none}}
- {{path: /files/, root: /srv/files, login: none}}
- {{path: /notes/, root: /srv/files}}
"""


def start_app(machine: Machine, unit: str, where: str) -> None:
    """Run the small application as a service of the machine."""
    machine.run(
        ["systemd-run", "--quiet", f"--unit={unit}", "/opt/jupyter/.venv/bin/python", "-B", "/srv/probe_app.py", where]
    )


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        machine.put("/srv/probe_app.py", Path(__file__).with_name("probe_app.py").read_text())
        start_app(machine, "probe-port", str(PORT))
        start_app(machine, "probe-socket", "/run/probe.sock")
        for name, text in {"index.html": "<p>course", "sub/index.html": "<p>sub", ".git/config": "[core]"}.items():
            machine.put(f"/srv/files/{name}", text)
        add_person(machine, GRACE, PASSWORD, groups=["jupyterhub-users", "staff"])
        add_person(machine, HENRY, PASSWORD, groups=["jupyterhub-users"])
        machine.put(CONFIG, NO_KERNELS + APPS)
        applied = apply_as_root(machine)
        assert applied.ok, applied
        yield machine


@pytest.fixture
def stranger(campus: Machine) -> Iterator[Visitor]:
    """Somebody who hasn't logged in."""
    with Visitor(campus) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        yield visitor


# --- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "reached"),
    [
        ("/open/", "/"),
        ("/open/a/b?c=/d&e=%2Ff", "/a/b?c=/d&e=%2Ff"),
        ("/open/a%2Fb%20c/%C3%BC", "/a%2Fb%20c/%C3%BC"),
        ("/open//double", "//double"),
        ("/own/prefix/", "/own/prefix/"),
        ("/own/prefix/a%2Fb?x", "/own/prefix/a%2Fb?x"),
    ],
)
def test_the_app_gets_the_path_as_it_was_written(stranger: Visitor, asked: str, reached: str) -> None:
    assert stranger.send("GET", asked).json()["uri"] == reached


def test_without_the_slash_at_its_end_a_path_leads_to_the_app(stranger: Visitor) -> None:
    answer = stranger.send("GET", "/open?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/open/?x=1")
    assert "uri" not in stranger.get("/opened/").text


def test_what_the_app_is_told_of_its_visitor(stranger: Visitor) -> None:
    """Nothing of that can be forged."""
    forged = stranger.send(
        "GET",
        "/open/",
        X_Forwarded_User="root",
        X_Forwarded_For="10.0.0.1",
        X_Forwarded_Proto="http",
        Forwarded="for=10.0.0.1",
    )
    told = forged.json()["headers"]
    assert told["Host"] == HOST
    assert told["X-Forwarded-Proto"] == "https"
    assert told["X-Forwarded-Prefix"] == "/open"
    assert told["X-Forwarded-For"] == told["X-Real-Ip"] != "10.0.0.1"
    assert "X-Forwarded-User" not in told
    assert "Forwarded" not in told


@pytest.mark.parametrize(
    ("app", "to", "leads_to"),
    [
        ("/open/", "/login?next=/x", "/open/login?next=/x"),
        ("/open/", "/open/login", "/open/login"),
        ("/open/", "/opening", "/open/opening"),
        ("/open/", f"http://127.0.0.1:{PORT}/login", "/open/login"),
        ("/open/", f"http://{HOST}/login", "/open/login"),
        ("/open/", f"https://{HOST}/open/login", "/open/login"),
        ("/open/", "../up", "../up"),
        ("/open/", "//elsewhere.example/x", "//elsewhere.example/x"),
        ("/open/", "https://elsewhere.example/x", "https://elsewhere.example/x"),
        ("/own/prefix/", "/own/prefix/login", "/own/prefix/login"),
        ("/own/prefix/", f"http://localhost:{PORT}/own/prefix/x", "/own/prefix/x"),
        ("/as-it-is/", "/login", "/login"),
    ],
)
def test_redirects_stay_below_the_path(stranger: Visitor, app: str, to: str, leads_to: str) -> None:
    answer = stranger.send("GET", f"{app}redirect?to={to.replace('?', '%3F').replace('&', '%26')}")
    assert (answer.status_code, answer.headers["Location"]) == (302, leads_to)


@pytest.mark.parametrize(
    ("app", "path", "kept_as"),
    [
        ("/open/", "/", "/open/"),
        ("/open/", "/deep", "/open/deep"),
        ("/open/", "/open/x", "/open/x"),
        ("/open/", "/hub/", "/open/hub/"),
        ("/own/prefix/", "/", "/own/prefix/"),
        ("/own/prefix/", "/own/prefix", "/own/prefix"),
    ],
)
def test_cookies_stay_below_the_path(stranger: Visitor, app: str, path: str, kept_as: str) -> None:
    cookie = stranger.send("GET", f"{app}cookie?path={path}").headers["Set-Cookie"].lower()
    assert f"; path={kept_as};" in cookie


def test_cookies_of_the_hub_are_not_told(grace: Visitor) -> None:
    grace.get("/open/cookie?path=/")
    assert any(cookie.name == "jupyterhub-session-id" and cookie.path == "/" for cookie in grace.cookies())
    told = grace.send("GET", "/open/").json()["headers"]["Cookie"]
    assert "session=secret" in told
    assert "jupyterhub" not in told


def test_websockets(stranger: Visitor) -> None:
    line = stranger.websocket("/open/deep/echo")
    for message in ("hello", "x" * 100_000):
        line.send(message)
        assert line.recv() == message
    line.close()
    with pytest.raises(websocket.WebSocketBadStatusException):
        stranger.websocket("/own/prefix/echo")


def test_uploads_up_to_the_size_that_is_allowed(stranger: Visitor) -> None:
    assert stranger.send("POST", "/open/", b"x" * (1 << 20)).json()["body"] == 1 << 20
    assert stranger.send("POST", "/open/", b"x" * ((1 << 20) + 1)).status_code == 413
    assert stranger.send("POST", "/own/prefix/", b"x" * (20 << 20)).json()["body"] == 20 << 20


def test_an_app_that_is_not_there_is_a_page_and_no_trouble_to_others(stranger: Visitor) -> None:
    answer = stranger.send("GET", "/gone/")
    assert answer.status_code == 502
    assert "This service isn't running" in answer.text
    assert stranger.send("GET", "/open/").status_code == 200
    assert stranger.get("/hub/login").status_code == 200


def test_static_files(stranger: Visitor) -> None:
    assert stranger.send("GET", "/files/").text == "<p>course"
    assert stranger.send("GET", "/files/sub").headers["Location"] == "/files/sub/"
    assert stranger.get("/files/sub").text == "<p>sub"
    for path in ("/files/.git/config", "/files/none", "/files/%2e%2e/probe_app.py", "/files/..%2fprobe_app.py"):
        answer = stranger.send("GET", path)
        assert answer.status_code in {302, 404}, path
        assert "probe" not in answer.text, path
    assert "course" not in stranger.get("/files../probe_app.py").text


def test_our_own_pages_are_not_asked_for_by_name(stranger: Visitor) -> None:
    for path in ("/jupyterhub-pages/app-down.html", "/jupyterhub-login/check"):
        assert stranger.send("GET", path, X_App="/sock/").status_code == 404


# --- who gets in ---------------------------------------------------------------------------------


def test_who_has_not_logged_in_is_led_to_the_hub_and_back(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        page = visitor.get("/sock/wanted?page=1")
        assert str(page.url).startswith(f"https://{HOST}/hub/login?next=")
        visitor.login(GRACE, PASSWORD)
        page = visitor.get("/sock/wanted?page=1")
        assert str(page.url) == f"https://{HOST}/sock/wanted?page=1"
        told = page.json()
        assert told["uri"] == "/wanted?page=1"
        assert told["headers"]["X-Forwarded-User"] == GRACE
        assert "Cookie" not in told["headers"]
        assert visitor.send("GET", "/sock/", X_Forwarded_User="root").json()["headers"]["X-Forwarded-User"] == GRACE
        assert visitor.send("POST", "/sock/", b"12345").json()["body"] == 5
        line = visitor.websocket("/sock/echo")
        line.send("hello")
        assert line.recv() == "hello"
        line.close()
        assert visitor.get("/notes/sub/").text == "<p>sub"
        cookies = [cookie for cookie in visitor.cookies() if cookie.name == "jupyterhub-app"]
        assert {cookie.path for cookie in cookies} == {"/sock/", "/notes/"}
        for cookie in cookies:
            assert cookie.secure
            assert cookie.has_nonstandard_attr("HttpOnly")


def test_what_is_no_page_is_refused_and_not_led_away(stranger: Visitor) -> None:
    assert stranger.send("POST", "/sock/", b"x").status_code == 401
    assert stranger.send("GET", "/sock/api", Sec_Fetch_Mode="cors").status_code == 401
    with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
        stranger.websocket("/sock/echo")
    assert stranger.send("GET", "/notes/sub/").status_code == 302
    assert stranger.send("GET", "/sock/", Cookie="jupyterhub-app=2|1:0|10:1|nonsense").status_code == 302


def test_a_login_is_good_for_one_app_alone(grace: Visitor, stranger: Visitor) -> None:
    grace.get("/sock/")
    value = next(c.value for c in grace.cookies() if (c.name, c.path) == ("jupyterhub-app", "/sock/"))
    assert stranger.send("GET", "/sock/", Cookie=f"jupyterhub-app={value}").status_code == 200
    assert stranger.send("GET", "/notes/", Cookie=f"jupyterhub-app={value}").status_code == 302


def test_nobody_is_led_elsewhere_after_a_login(grace: Visitor) -> None:
    """A page that was made up, and an answer that nobody has waited for."""
    assert grace.send("GET", "/jupyterhub-login/callback?code=x&state=y").headers["Location"] == "/hub/home"
    location = grace.send("GET", "/notes/%0d%0aSet-Cookie:x").headers.get("Location", "")
    assert location.startswith("/hub/api/oauth2/authorize?") or not location


def test_groups_and_admins(campus: Machine, grace: Visitor) -> None:
    assert grace.get("/staff/").json()["headers"]["X-Forwarded-User"] == GRACE
    refused = grace.get("/admins/")
    assert refused.status_code == 403
    assert "Not for you" in refused.text
    with Visitor(campus) as henry:
        henry.login(HENRY, PASSWORD)
        assert henry.get("/staff/").status_code == 403
        campus.run(["gpasswd", "--add", HENRY, "staff"])
        assert henry.get("/staff/").json()["headers"]["X-Forwarded-User"] == HENRY
    with Visitor(campus) as ada:
        ada.login(ADMIN.name, ADMIN.password or "")
        assert ada.get("/admins/").json()["headers"]["X-Forwarded-User"] == ADMIN.name
        assert ada.get("/staff/").status_code == 403


def test_who_logs_out_of_the_hub_is_out_of_the_apps(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        assert visitor.get("/sock/").status_code == 200
        visitor.get("/hub/logout")
        # The hub's word counts for a minute; a service that has just been started has heard none.
        campus.run(["systemctl", "restart", "jupyterhub-apps.service"])
        assert visitor.send("GET", "/sock/").status_code == 302


def test_without_hub_or_gate_there_is_a_page_and_other_apps_go_on(campus: Machine, grace: Visitor) -> None:
    grace.get("/sock/")
    for stopped in (["jupyterhub-apps.socket", "jupyterhub-apps.service"], ["jupyterhub.service"]):
        campus.run(["systemctl", "stop", *stopped])
        campus.run(["systemctl", "try-restart", "jupyterhub-apps.service"])
        answer = grace.send("GET", "/sock/")
        assert answer.status_code == 500, answer.text
        assert "Nobody can log in just now" in answer.text
        assert grace.send("GET", "/open/").status_code == 200
        campus.run(["systemctl", "start", *stopped])
    until("the app", lambda: grace.send("GET", "/sock/").status_code == 200)


def test_the_gate_is_nobody_and_sees_next_to_nothing(campus: Machine) -> None:
    said = campus.run(["systemd-analyze", "security", "--no-pager", "jupyterhub-apps.service"], check=False).stdout
    exposure = float(said.rsplit("exposure level for jupyterhub-apps.service: ")[-1].split()[0])
    assert exposure < 1.5, said
    owner = campus.run("ps -o user:32= -p $(systemctl show -P MainPID jupyterhub-apps.service)").stdout.strip()
    assert owner == "jupyterhub-apps"
    # Who nginx says is asking is believed, so nobody else may ask.
    asked = "curl --silent --show-error --unix-socket /run/jupyterhub-apps.sock http://x/check"
    assert campus.run(asked).ok
    assert not campus.run(asked, user=GRACE, check=False).ok
    assert campus.run(["stat", "-c", "%a %G", "/run/jupyterhub-apps.sock"]).stdout.split() == ["660", "www-data"]


def test_nothing_is_left_to_do_and_doctor_names_the_app_that_is_gone(campus: Machine) -> None:
    assert pending(campus) == ""
    said = campus.run(["python3", "-m", "installer", "doctor"], cwd=CHECKOUT, check=False).stdout
    assert "/gone/" in said
    assert "/open/" not in said


def test_without_apps_nothing_of_them_is_left(campus: Machine) -> None:
    campus.put(CONFIG, NO_KERNELS)
    assert apply_as_root(campus).ok
    assert not campus.run(["systemctl", "is-active", "--quiet", "jupyterhub-apps.socket"], check=False).ok
    for path in ("/etc/jupyterhub/apps.json", "/etc/jupyterhub/secrets/apps_token", "/run/jupyterhub-apps.sock"):
        assert not campus.run(["test", "-e", path], check=False).ok, path
    with Visitor(campus) as visitor:
        assert "uri" not in visitor.get("/open/").text
