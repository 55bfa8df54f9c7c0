"""How the hub shows itself: in a real browser, with the hub down, with templates that fail, and gone again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.browser import SITE, chromium, listen, screenshot
from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, failed, pending
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("bookworm")

DIRECTORY = "/etc/jupyterhub/branding"
LOGO, TEMPLATES = f"{DIRECTORY}/logo.svg", f"{DIRECTORY}/templates"
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 40" width="210" height="40">
<rect width="40" height="40" rx="8" fill="#00538a"/><path d="M8 28 L20 8 L32 28 Z" fill="#fff"/>
<text x="50" y="28" font-family="sans-serif" font-size="20" fill="#00538a">Example Univ.</text></svg>
"""
TITLE = "Jupyter at Example University"
BANNER = "Closed on Friday from 18:00: <b>power</b> & cooling are being worked on."
CONFIGURED = f"""\
{NO_KERNELS}
branding:
  logo: {LOGO}
  title: {TITLE}
  announcement: "{BANNER}"
  login_text: |
    Log in with your university account.
    Questions: <script>document.title = "taken"</script> hub@example.org
"""
FOOTER = '{% extends "site/page.html" %}\n{% block footer %}<p id="ours">Imprint</p>{% endblock footer %}\n'
FAILING = '{% extends "site/login.html" %}\n{% block login %}\n{{ nothing.here }}\n{% endblock login %}\n'


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        machine.put(LOGO, SVG)
        machine.put(CONFIG, CONFIGURED)
        applied = apply_as_root(machine)
        assert applied.ok, applied
        yield machine


def login_page(machine: Machine) -> str:
    with Visitor(machine) as visitor:
        answer = visitor.get("/hub/login")
        assert answer.status_code == 200
        return answer.text


def test_what_people_see(campus: Machine, tmp_path: Path) -> None:
    assert pending(campus) == ""
    with chromium(campus, tmp_path) as browser:
        page: Page = browser.pages[0]
        complaints = listen(page)
        page.goto(f"https://{SITE}/")
        expect(page).to_have_title(TITLE)
        expect(page.locator(".announcement")).to_have_text(BANNER)
        expect(page.locator("#login-text p").nth(0)).to_have_text("Log in with your university account.")
        expect(page.locator("#login-text p").nth(1)).to_contain_text("<script>")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert page.locator("#jupyterhub-logo img").evaluate("image => image.naturalWidth") == 210
        assert complaints == []
        screenshot(page, campus, "branding")


def test_it_is_there_without_the_hub_and_on_a_closed_site(campus: Machine) -> None:
    campus.run(["systemctl", "stop", "jupyterhub.service"])
    campus.run(["python3", "-m", "installer", "web", "maintenance", "on"], cwd=CHECKOUT)
    try:
        with Visitor(campus) as visitor:
            closed = visitor.send("GET", "/hub/login")
            assert closed.status_code == 503
            assert f"<title>Closed for maintenance · {TITLE}</title>" in closed.text
            logo = visitor.send("GET", "/hub/logo")
            assert (logo.status_code, logo.text) == (200, SVG)
            assert logo.headers["Content-Type"].startswith("image/svg+xml")
            assert "sandbox" in logo.headers["Content-Security-Policy"]
            campus.run(["python3", "-m", "installer", "web", "maintenance", "off"], cwd=CHECKOUT)
            down = visitor.send("GET", "/hub/login")
            assert TITLE in down.text
            assert '<img src="/hub/logo"' in down.text
    finally:
        campus.run(["python3", "-m", "installer", "web", "maintenance", "off"], cwd=CHECKOUT)
        campus.run(["systemctl", "start", "jupyterhub.service"])


def test_only_root_writes_it_and_what_was_changed_by_hand_is_set_back(campus: Machine) -> None:
    others = ["find", "/opt/jupyter/branding", "(", "-not", "-user", "root", "-o", "-perm", "/022", ")"]
    assert campus.run(others).stdout == ""
    campus.run("echo '<svg/>' > /opt/jupyter/branding/*/logo.svg")
    assert "logo.svg" in campus.run(["python3", "-m", "installer", "diff"], cwd=CHECKOUT).stdout
    assert apply_as_root(campus).ok
    assert campus.run("cat /opt/jupyter/branding/*/logo.svg").stdout == SVG


def test_a_template_that_can_not_be_parsed_changes_nothing(campus: Machine) -> None:
    campus.put(f"{TEMPLATES}/login.html", "{% if %}\n")
    campus.put(CONFIG, f"{CONFIGURED}  templates: {TEMPLATES}\n")
    for words in (["plan"], ["apply", "--yes"]):
        refused = campus.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=False)
        assert refused.code == 2, refused
        assert refused.stderr.startswith(f"error: {TEMPLATES}/login.html:1: this template can't be parsed: "), refused


def test_templates_of_ones_own_are_tried_before_the_hub_has_them(campus: Machine) -> None:
    before = login_page(campus)
    campus.put(f"{TEMPLATES}/login.html", FAILING)
    campus.put(f"{TEMPLATES}/page.html", FOOTER)
    campus.put(CONFIG, f"{CONFIGURED}  templates: {TEMPLATES}\n")
    error = failed(apply_as_root(campus))
    assert f"{TEMPLATES}/login.html:3: the page 'login' fails: UndefinedError: 'nothing' is undefined" in error
    assert "Imprint" not in before + login_page(campus)

    campus.run(["rm", f"{TEMPLATES}/login.html"])
    applied = apply_as_root(campus)
    assert applied.ok, applied
    assert pending(campus) == ""
    page = login_page(campus)
    assert '<p id="ours">Imprint</p>' in page
    assert f"<title>{TITLE}</title>" in page
    assert 'id="login-text"' in page
    assert campus.run("ls /opt/jupyter/branding | wc -l").stdout == "1\n"


def test_it_goes_without_a_trace(campus: Machine) -> None:
    campus.put(CONFIG, NO_KERNELS)
    applied = apply_as_root(campus)
    assert applied.ok, applied
    assert pending(campus) == ""
    assert not campus.run(["test", "-e", "/opt/jupyter/branding"], check=False).ok
    until("the hub's own title", lambda: "<title>JupyterHub</title>" in login_page(campus))
