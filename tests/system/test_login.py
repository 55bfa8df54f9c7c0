"""Login with the machine's own accounts, through nginx on https; JupyterLab, and the default kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.kernel_talk import Kernel
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, add_person
from tests.system.visitor import HOST, Visitor, until

MEMBERS = "jupyterhub-users"
PASSWORD = "a fine password"
MANY, AT_ONCE = 12, 4
"""Kernels, of how many are started at a time."""
REFUSED: Mapping[str, tuple[str, str]] = {
    "wrong password": (ADMIN.name, "not it"),
    "empty password": (ADMIN.name, ""),
    "not a member": ("eve", PASSWORD),
    "root": ("root", PASSWORD),
    "system account": ("backupd", PASSWORD),
    "locked account": ("lara", PASSWORD),
    "no password": ("nils", ""),
    "no password, but one typed": ("nils", PASSWORD),
    "the hub's account": ("jupyter", PASSWORD),
    "nobody": ("no-such-account", PASSWORD),
    "a uid": ("#1000", ADMIN.password or ""),
}


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    """A hub, and people of every kind: all have a password, and all but eve are members."""
    with Machine(applied_server[0]) as machine:
        add_person(machine, "grace", PASSWORD, groups=[MEMBERS])
        add_person(machine, "eve", PASSWORD)
        for member in ("lara", "nils", "otto"):
            add_person(machine, member, PASSWORD, groups=[MEMBERS])
        machine.run("usermod --lock lara && passwd --delete nils && chage --expiredate 2020-01-01 otto")
        machine.run(f"useradd --system --create-home --groups={MEMBERS} backupd && gpasswd --add root {MEMBERS}")
        machine.run(["gpasswd", "--add", "jupyter", MEMBERS])
        machine.run(["chpasswd"], stdin="".join(f"{name}:{PASSWORD}\n" for name in ("root", "backupd", "jupyter")))
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    """A member who is logged in and whose server runs."""
    with Visitor(campus) as visitor:
        visitor.login("grace", PASSWORD)
        visitor.start_server()
        yield visitor


@pytest.fixture(scope="module")
def kernel(grace: Visitor) -> Iterator[Kernel]:
    kernel = grace.start_kernel()
    yield kernel
    kernel.close()


@pytest.fixture(scope="module")
def refusals(campus: Machine) -> dict[str, httpx.Response]:
    """What all those who may not log in are told; asked at once, since each refusal takes its time."""

    def attempt(name: str, password: str) -> httpx.Response:
        with Visitor(campus) as visitor:
            return visitor.login(name, password)

    with ThreadPoolExecutor(len(REFUSED)) as pool:
        attempts = {who: pool.submit(attempt, *login) for who, login in REFUSED.items()}
        return {who: attempt.result() for who, attempt in attempts.items()}


def test_https_is_trusted_with_the_machines_ca(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        assert visitor.get("/hub/health").status_code == httpx.codes.OK


def test_http_leads_to_https(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        answer = visitor.get(f"http://{HOST}/hub/login?next=%2Flab", follow=False)
    assert answer.status_code == httpx.codes.MOVED_PERMANENTLY
    assert answer.headers["Location"] == f"https://{HOST}/hub/login?next=%2Flab"


def test_nobody_is_locked_out_by_hsts(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        assert "Strict-Transport-Security" not in visitor.get("/hub/login").headers


def test_member_logs_in(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        assert visitor.login("grace", PASSWORD).status_code == httpx.codes.FOUND
        user = visitor.hub_user()
        assert (user["name"], user["admin"]) == ("grace", False)


def test_admin_who_ran_sudo_is_hub_admin(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        visitor.login(ADMIN.name, ADMIN.password or "")
        assert visitor.hub_user()["admin"] is True
        assert visitor.get("/hub/admin").status_code == httpx.codes.OK


def test_new_member_needs_no_apply(campus: Machine) -> None:
    """What the summary says: one gpasswd, and the account may log in; and no more once it is taken out again."""
    person = add_person(campus, "newcomer", PASSWORD)
    campus.run(["gpasswd", "--add", person.name, MEMBERS])
    with Visitor(campus) as visitor:
        assert visitor.login(person.name, PASSWORD).status_code == httpx.codes.FOUND
    campus.run(["gpasswd", "--delete", person.name, MEMBERS])
    with Visitor(campus) as visitor:
        assert visitor.login(person.name, PASSWORD).status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("who", REFUSED)
def test_refused(refusals: dict[str, httpx.Response], who: str) -> None:
    """Refused, and told no more than the others: not whether the account is there, nor whether it is a member."""
    answer = refusals[who]
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "Invalid username or password" in answer.text
    assert not [cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("jupyterhub-hub-login")]


def test_expired_account_is_told_so(campus: Machine) -> None:
    """With the right password alone."""
    with Visitor(campus) as visitor:
        assert "Your account is locked or has expired" in visitor.login("otto", PASSWORD).text
        assert visitor.login("otto", "not it").status_code == httpx.codes.FORBIDDEN


def test_cookies_stay_on_https(grace: Visitor) -> None:
    signed_in = [cookie for cookie in grace.cookies() if cookie.name.startswith("jupyterhub-")]
    assert signed_in
    assert all(cookie.secure and cookie.has_nonstandard_attr("HttpOnly") for cookie in signed_in)


def test_jupyterlab_opens(grace: Visitor) -> None:
    page = grace.get("/user/grace/lab")
    assert "<title>JupyterLab</title>" in page.text
    bundle = re.search(r'src="(/user/grace/static/lab/main\.[^"]+\.js[^"]*)"', page.text)
    assert bundle
    assert grace.get(bundle[1]).headers["Content-Type"].partition(";")[0].endswith("javascript")


def test_strangers_do_not_reach_somebodys_server(campus: Machine, grace: Visitor) -> None:
    assert grace.server_answers()
    with Visitor(campus) as visitor:
        assert visitor.get("/user/grace/api/kernels", follow=False).status_code == httpx.codes.FORBIDDEN
        visitor.login(ADMIN.name, ADMIN.password or "")
        admins = visitor.get("/user/grace/api/kernels")
        assert admins.status_code == httpx.codes.FORBIDDEN


def test_default_kernel_is_python3(grace: Visitor) -> None:
    specs = grace.api("GET", "/user/grace/api/kernelspecs").json()
    assert specs["default"] == "python3"
    assert specs["kernelspecs"]["python3"]["spec"]["language"] == "python"


def test_cell_runs_as_the_person(kernel: Kernel) -> None:
    assert kernel.run("print(6 * 7)") == "42"
    assert kernel.run("import getpass, os; print(getpass.getuser(), os.getcwd())") == "grace /home/grace"
    # As in a session on the machine itself, which PAM decides; in any case not the one of the hub's units.
    assert kernel.run("print(oct(os.umask(0o22)))") in {"0o22", "0o2"}
    assert kernel.run("import sys; print(sys.prefix.startswith('/opt/jupyter/'))") == "True"


def test_widgets_are_there(kernel: Kernel) -> None:
    assert kernel.run("import ipywidgets; ipywidgets.IntSlider().value") == "0"


def test_widgets_are_in_the_page(grace: Visitor) -> None:
    assert "@jupyter-widgets/jupyterlab-manager" in grace.get("/user/grace/lab").text


@pytest.mark.only_on("bookworm")
def test_many_kernels_in_one_server(grace: Visitor) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        kernels = [grace.kernel(identity) for identity in pool.map(lambda _: grace.launch_kernel(), range(MANY))]
    for number, one in enumerate(kernels):
        assert one.run(f"{number} + 1") == str(number + 1)
    assert grace.server_answers()
    for one in kernels:
        grace.shut_down_kernel(one)


@pytest.mark.only_on("trixie")
def test_member_without_a_shell_has_notebooks(campus: Machine) -> None:
    """And no terminals, which is what `doctor` says of them."""
    person = add_person(campus, "nora", PASSWORD, groups=[MEMBERS])
    campus.run(["usermod", "--shell=/usr/sbin/nologin", person.name])
    with Visitor(campus) as nora:
        nora.login(person.name, PASSWORD)
        nora.start_server()
        assert nora.start_kernel().run("6 * 7") == "42"
        nora.api("POST", "/user/nora/api/terminals", {})
        until("the terminal to end", lambda: nora.get("/user/nora/api/terminals").json() == [])
        assert nora.server_answers()


def test_nothing_failed(campus: Machine) -> None:
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
