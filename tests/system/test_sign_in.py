"""Logging in at a provider: OpenID Connect, GitHub, GitLab, Google, Auth0 and Bitbucket, through nginx with TLS."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.login_provider import CA, SECRET, LoginProvider, browser, log_in
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.machine_process import Result
from tests.system.visitor import HOST, Visitor, until

pytestmark = pytest.mark.only_on("bookworm")

PASSWORD = "a fine password"
SECRET_FILE = "/etc/jupyterhub/secrets/client_secret"
CALLBACK = f"https://{HOST}/hub/oauth_callback"
PEOPLE: dict[str, Any] = {
    "u1": {"preferred_username": "Lena", "email": "lena@example.org", "email_verified": True, "groups": ["students"]},
    "u2": {"preferred_username": "eve", "email": "eve@evil.example", "email_verified": True},
    "u3": {"preferred_username": "grace", "groups": ["students", "teachers"]},
    "u4": {"preferred_username": "mallory", "groups": ["students"]},
    "u5": {"preferred_username": "root", "groups": ["students"]},
    "u6": {"preferred_username": "backupd", "groups": ["students"]},
    "u7": {"preferred_username": "local", "groups": ["students"]},
    "u8": {"preferred_username": "lena.lovelace@example.org", "groups": ["students"]},
    "u9": {"preferred_username": "LENA", "groups": ["students"]},
    "u10": {"preferred_username": "olga", "groups": ["students"]},
    "u11": {"preferred_username": "Ünal ✨ O'Neil; rm -rf /", "groups": ["students"]},
    "u13": {"preferred_username": "Pi", "groups": ["students"]},
    "u12": {"preferred_username": "-" + 127 * "Ab", "groups": ["students"]},
    "g1": {"id": 11, "login": "Bob-Smith", "organizations": ["our-lab"], "email": "b@x.org", "email_verified": True},
    "g2": {"id": 12, "login": "carol", "organizations": ["other/students"], "email": "c@x.org"},
    "g3": {"id": 13, "login": "dave", "organizations": [], "email": "d@example.org", "email_verified": False},
    "l1": {"preferred_username": "frank", "groups": ["campus/course"], "email": "f@example.org"},
    "l2": {"preferred_username": "Frank", "groups": ["campus/course"]},
    "h1": {"email": "Judith.L@example.org", "email_verified": True, "hd": "example.org"},
    "h2": {"email": "kim@example.org", "email_verified": True},
    "a1": {"email": "heidi@example.org", "email_verified": True},
    "a2": {"email": "ivan@example.org", "email_verified": False},
    "b1": {"uuid": "{7}", "login": "judy"},
}  # fmt: skip
OIDC = """\
auth:
  provider: oidc
  issuer: https://login.test/.well-known/openid-configuration
  client_id: hub
  ca_file: /etc/ssl/login-ca.pem
  allow: {groups: [students], admin_groups: [teachers]}
  blocked: [Mallory]
"""


def configure(machine: Machine, auth: str) -> None:
    machine.put(CONFIG, auth + NO_KERNELS)
    applied = apply_as_root(machine)
    assert applied.ok, applied


def installer(machine: Machine, *words: str) -> Result:
    return machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=False)


def restart(machine: Machine) -> None:
    """The hub forgets all that it has only in memory; back when this returns."""
    machine.run(["systemctl", "restart", "jupyterhub.service"])
    with browser(machine) as visitor:
        until("the hub", lambda: visitor.get("/hub/health", follow=False).status_code == httpx.codes.OK)


def give_secret(machine: Machine, secret: str) -> None:
    machine.put(SECRET_FILE, f"{secret}\n", mode="0600")
    restart(machine)


def said(machine: Machine) -> str:
    """What the hub has written to its journal."""
    return machine.run("journalctl --unit=jupyterhub.service --output=cat --no-pager").stdout


def enters(machine: Machine, who: str) -> dict[str, Any]:
    """Somebody logs in. Returns what the hub knows of them."""
    with browser(machine) as visitor:
        page = log_in(visitor, who)
        assert page.status_code == httpx.codes.OK, (page.url, page.text[-2000:])
        return visitor.hub_user()


def is_refused(machine: Machine, who: str, why: str) -> None:
    """Somebody is told that this is not for them; the reason is in the journal."""
    with browser(machine) as visitor:
        page = log_in(visitor, who)
    assert (page.status_code, page.url.host) == (httpx.codes.FORBIDDEN, HOST), (page.url, page.text[-2000:])
    assert "You can&#39;t use this hub" in page.text or "You can't use this hub" in page.text
    journal = said(machine)
    assert why in journal
    assert not re.search(r"[?&](code|state)=(?!\[secret\])", journal)


@pytest.fixture(scope="module")
def bare(applied_server: Applied) -> Iterator[tuple[Machine, LoginProvider]]:
    """An applied machine with the providers on it, and accounts of its own that are nobody's there."""
    with Machine(applied_server[0]) as machine:
        provider = LoginProvider(machine)
        provider.tell(PEOPLE)
        add_person(machine, "local", PASSWORD, groups=["jupyterhub-users"])
        machine.run("useradd --system --groups=jupyterhub-users backupd")
        yield machine, provider


def test_rules_hold_for_accounts_of_the_machine_too(bare: tuple[Machine, LoginProvider]) -> None:
    machine, _ = bare
    machine.put("/etc/jupyterhub/userlist", f"local admin\n{ADMIN.name}\n")
    configure(machine, f"auth: {{allow: {{file: /etc/jupyterhub/userlist}}, blocked: [{ADMIN.name}]}}\n")
    add_person(machine, "other", PASSWORD, groups=["jupyterhub-users"])
    with browser(machine) as visitor:
        assert visitor.login("local", PASSWORD).status_code == httpx.codes.FOUND
        assert visitor.hub_user()["admin"] is True
    for name, password in (("other", PASSWORD), (ADMIN.name, ADMIN.password or "")):
        with browser(machine) as visitor:
            assert visitor.login(name, password).status_code == httpx.codes.FORBIDDEN
    assert "Login of 'other' refused: no rule of auth.allow lets them in" in said(machine)
    assert f"Login of '{ADMIN.name}' refused: blocked (auth.blocked)" in said(machine)
    assert (
        "late does not get in: no rule of auth.allow lets them in" in installer(machine, "user", "add", "late").stdout
    )
    machine.put(CONFIG, NO_KERNELS + "auth: {allow: {groups: [studnets]}}\n")
    plan = " ".join(installer(machine, "plan").stdout.split())
    assert "auth.allow names the group studnets, and this machine has no such group" in plan


@pytest.fixture(scope="module")
def campus(bare: tuple[Machine, LoginProvider]) -> Machine:
    """The same, where people log in with OpenID Connect."""
    machine, _ = bare
    refused_first(machine)
    machine.put(SECRET_FILE, SECRET + "\n", mode="0600")
    configure(machine, OIDC)
    return machine


def refused_first(machine: Machine) -> None:
    """Nothing is changed as long as the secret isn't there, or others can read it; the provider is whom it says."""
    machine.put(CONFIG, OIDC + NO_KERNELS)
    refused = apply_as_root(machine)
    assert not refused.ok
    assert f"{SECRET_FILE}, the secret that the login provider gave for this hub, can't be read" in refused.stderr
    machine.put(SECRET_FILE, SECRET, mode="0644")
    assert "can be read by others than root (root, 0644)" in apply_as_root(machine).stderr
    machine.run(["chmod", "600", SECRET_FILE])
    machine.put(CONFIG, OIDC.replace("login.test", "liar.test") + NO_KERNELS)
    liar = apply_as_root(machine)
    assert not liar.ok
    assert "says that it is the provider 'https://someone-else.test', not https://liar.test" in liar.stderr
    assert "Login with" not in machine.run(f"curl -sk https://{HOST}/hub/login --resolve {HOST}:443:127.0.0.1").stdout


def test_the_callback_is_told(campus: Machine) -> None:
    assert f"people come back to: {CALLBACK}" in installer(campus, "plan").stdout
    assert CALLBACK in installer(campus, "doctor").stdout


def test_a_student_enters_and_works(campus: Machine) -> None:
    with browser(campus) as visitor:
        page = log_in(visitor, "u1")
        assert page.status_code == httpx.codes.OK, page.text
        user = visitor.hub_user()
        assert (user["name"], user["admin"]) == ("lena", False)
        visitor.name = "lena"
        visitor.start_server()
    assert campus.run("stat --format='%U %a' /home/lena").stdout.split() == ["lena", "700"]
    environment = campus.run("cat /proc/$(pgrep --uid lena --full jupyterhub-singleuser | head -1)/environ").stdout
    assert "\0AUTH_" not in environment, "tokens of the provider's are given to servers only where that is asked for"


def test_a_teacher_is_an_admin(campus: Machine) -> None:
    assert enters(campus, "u3")["admin"] is True


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("u2", "'eve' refused: no rule of auth.allow lets them in"),
        ("u4", "'mallory' refused: blocked (auth.blocked)"),
        ("u5", "refused: root is a name of the system's"),
        ("u6", "refused: backupd is root or an account of the system's"),
        ("u7", "refused: the account local was there before"),
    ],
)
def test_others_are_refused(campus: Machine, who: str, why: str) -> None:
    is_refused(campus, who, why)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("Lena --group students", "Lena gets in as the account lena: in the group students (auth.allow.groups)"),
        ("grace --group teachers --group students", "grace gets in as the account grace, a hub admin: in the group"),
        ("eve", "eve does not get in: no rule of auth.allow lets them in"),
        ("mallory --group students", "mallory does not get in: blocked (auth.blocked)"),
        ("root --group students", "root does not get in: root is a name of the system's"),
        ("local --group students", "local does not get in: the account local was there before"),
        ("physicist --group students", "physicist does not get in: the name physicist is that of a group"),
        ("homeless --group students", "homeless does not get in: /home/homeless is there already, and may be somebody"),
    ],
)
def test_it_can_be_asked_beforehand(campus: Machine, words: str, answer: str) -> None:
    campus.run("groupadd --force physicist && mkdir --parents /home/homeless")
    said = installer(campus, "user", "allowed", *words.split())
    assert answer in said.stdout
    assert said.ok is ("gets in" in answer)


@pytest.mark.parametrize(
    ("who", "begins"),
    [("u13", "pi-x"), ("u8", "lena-lovelace-"), ("u11", "unal-o-neil-rm-rf-x"), ("u12", "ababababababababababa-x")],
)
def test_a_name_that_no_account_can_have(campus: Machine, who: str, begins: str) -> None:
    name = enters(campus, who)["name"]
    assert name.startswith(begins)
    assert enters(campus, who)["name"] == name
    listed = {each["name"]: each for each in json.loads(installer(campus, "user", "list", "--json").stdout)}
    assert listed[name]["identity"] == PEOPLE[who]["preferred_username"]
    assert campus.run(["id", "--group", "--name", name]).stdout.strip() == "jupyterhub-accounts"


def test_never_two_on_one_account(campus: Machine) -> None:
    enters(campus, "u1")
    is_refused(campus, "u9", "'LENA' refused: the account lena is somebody else's, who had that name before")


def test_whoever_changes_name_and_address_keeps_the_account(bare: tuple[Machine, LoginProvider]) -> None:
    machine, provider = bare
    assert enters(machine, "u1")["name"] == "lena"
    changed = {**PEOPLE["u1"], "preferred_username": "countess", "email": "countess@example.org"}
    provider.tell(
        {**PEOPLE, "u1": changed, "u2": {**PEOPLE["u2"], "preferred_username": "lena", "groups": ["students"]}}
    )
    try:
        assert enters(machine, "u1")["name"] == "lena"
        is_refused(machine, "u2", "the account lena is somebody else's, who had that name before")
    finally:
        provider.tell(PEOPLE)


def test_a_new_name_or_address_gets_nobody_around_a_block(bare: tuple[Machine, LoginProvider]) -> None:
    machine, provider = bare
    configure(machine, OIDC + "  names: {prefix: c-}\n")
    nina = {"preferred_username": "nina", "email": "nina@evil.example", "groups": ["students"]}
    try:
        provider.tell({**PEOPLE, "u20": nina, "u21": {**nina, "preferred_username": "nora"}})
        assert enters(machine, "u20")["name"] == "c-nina"
        configure(machine, OIDC.replace("[Mallory]", "[Nina]") + "  names: {prefix: c-}\n")
        provider.tell({**PEOPLE, "u20": {**nina, "preferred_username": "angel"}})
        is_refused(machine, "u20", "'angel' refused: blocked (auth.blocked)")
        configure(machine, OIDC.replace("[Mallory]", "[nina@Evil.example]"))
        provider.tell({**PEOPLE, "u21": {**nina, "preferred_username": "nora"}})
        is_refused(machine, "u21", "'nora' refused: blocked (auth.blocked)")
    finally:
        provider.tell(PEOPLE)
        configure(machine, OIDC)


def test_whoever_leaves_the_group_is_out(bare: tuple[Machine, LoginProvider]) -> None:
    """The provider is asked again after a few minutes (here at once: the hub has forgotten, by a restart)."""
    machine, provider = bare
    with browser(machine) as visitor:
        log_in(visitor, "u1")
        visitor.hub_user()
        provider.tell({**PEOPLE, "u1": {**PEOPLE["u1"], "groups": []}})
        try:
            restart(machine)
            assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
        finally:
            provider.tell(PEOPLE)
    assert "lena has to log in again: no rule of auth.allow lets them in" in said(machine)


def test_tokens_are_kept_encrypted_and_refreshed(bare: tuple[Machine, LoginProvider]) -> None:
    machine, provider = bare
    provider.tell({**PEOPLE, "lasts": 3, "refreshes": True})
    try:
        with browser(machine) as visitor:
            # Without a server, which would ask for something as soon as the hub is back, while the token is still good.
            assert log_in(visitor, "u10", to="/hub/home").url.path == "/hub/home"
            expired = time.monotonic() + 4
            restart(machine)
            until("the token's end", lambda: time.monotonic() > expired)
            assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.OK
            assert "Refreshing oauth access token for olga" in said(machine)
    finally:
        provider.tell(PEOPLE)
    kept = machine.run(
        "python3 -c \"import sqlite3; print(sqlite3.connect('/var/lib/jupyterhub/jupyterhub.sqlite')"
        ".execute('SELECT encrypted_auth_state FROM users WHERE name = ?', ('olga',)).fetchone()[0])\""
    ).stdout
    assert len(kept) > len("access_token")
    assert "access_token" not in kept


def come_back_at_once(machine: Machine, visitor: Visitor) -> None:
    """Ten requests of olga's once her token has ended: it is refreshed for one of them."""
    expired = time.monotonic() + 4
    restart(machine)
    until("the token's end", lambda: time.monotonic() > expired)
    before = said(machine).count("Refreshing oauth access token for olga")
    with ThreadPoolExecutor(10) as pool:
        pages = list(pool.map(lambda _: visitor.get("/hub/home", follow=False), range(10)))
    assert {page.status_code for page in pages} == {httpx.codes.OK}
    assert said(machine).count("Refreshing oauth access token for olga") == before + 1


def test_a_refresh_token_is_used_once(bare: tuple[Machine, LoginProvider]) -> None:
    """Providers that give a new one each time take one that was used before for stolen, and end the login."""
    machine, provider = bare
    provider.tell({**PEOPLE, "lasts": 3, "refreshes": True, "rotates": True})
    try:
        with browser(machine) as visitor:
            assert log_in(visitor, "u10", to="/hub/home").url.path == "/hub/home"
            for _ in range(2):
                come_back_at_once(machine, visitor)
    finally:
        provider.tell(PEOPLE)


AGED = """
import asyncio, sqlite3, sys
from jupyterhub.crypto import CryptKeeper, decrypt, encrypt
async def age(kept):
    state = await decrypt(kept)
    assert not state.get('refresh_token'), state
    state['installer']['at'] -= 25 * 3600
    return await encrypt(state)
CryptKeeper.instance().keys = [bytes.fromhex(sys.stdin.read().strip())]
hub = sqlite3.connect('/var/lib/jupyterhub/jupyterhub.sqlite')
(kept,) = hub.execute("SELECT encrypted_auth_state FROM users WHERE name = 'olga'").fetchone()
hub.execute("UPDATE users SET encrypted_auth_state = ? WHERE name = 'olga'", (asyncio.run(age(kept)),))
hub.commit()
"""
"""Have a day gone by since olga's login."""


def test_a_login_without_a_refresh_token_lasts_for_a_day(bare: tuple[Machine, LoginProvider]) -> None:
    machine, provider = bare
    provider.tell({**PEOPLE, "lasts": 3})
    try:
        with browser(machine) as visitor:
            assert log_in(visitor, "u10", to="/hub/home").url.path == "/hub/home"
            expired = time.monotonic() + 4
            restart(machine)
            until("the token's end", lambda: time.monotonic() > expired)
            assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.OK
            machine.run(["systemctl", "stop", "jupyterhub.service"])
            key = machine.read("/etc/jupyterhub/secrets/auth_state_key")
            machine.run(["/opt/jupyter/.venv/bin/python", "-c", AGED], user="jupyter", cwd="/", stdin=key)
            restart(machine)
            assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
    finally:
        provider.tell(PEOPLE)
    assert "olga has to log in again: the provider tells no more of them" in said(machine)
    assert enters(machine, "u10")["name"] == "olga"


def test_a_provider_that_is_away(bare: tuple[Machine, LoginProvider]) -> None:
    """Who is in stays in; who would log in is told; an apply goes on, and says so."""
    machine, provider = bare
    with browser(machine) as inside, browser(machine) as outside:
        log_in(inside, "u1")
        provider.stop()
        try:
            restart(machine)
            page = outside.get("/hub/oauth_login")
            assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert "be reached at the moment" in page.text
            assert inside.get("/hub/home", follow=False).status_code == httpx.codes.OK
            assert "the login provider doesn't answer" not in installer(machine, "status").stdout
            doctor = installer(machine, "doctor")
            assert "the login provider doesn't answer at https://login.test/.well-known" in doctor.stdout
            applied = apply_as_root(machine)
            assert applied.ok, applied
        finally:
            provider.start()
    assert enters(machine, "u1")["name"] == "lena"


def test_a_provider_that_says_it_is_another(bare: tuple[Machine, LoginProvider]) -> None:
    """Also where it began to after it was applied: nobody is let in on its word."""
    machine, provider = bare
    provider.answer_as("liar.test")
    try:
        restart(machine)
        with browser(machine) as visitor:
            page = visitor.get("/hub/oauth_login")
        assert page.status_code == httpx.codes.BAD_GATEWAY
        assert "understand each other" in page.text
        assert "is not to be believed: it says that it is 'https://someone-else.test'" in said(machine)
        assert "says that it is the provider 'https://someone-else.test'" in installer(machine, "doctor").stdout
    finally:
        provider.answer_as("$host")
    assert enters(machine, "u1")["name"] == "lena"


def test_a_wrong_secret(campus: Machine) -> None:
    give_secret(campus, "another secret")
    try:
        with browser(campus) as visitor:
            page = log_in(visitor, "u1")
        assert page.status_code == httpx.codes.BAD_GATEWAY, page.text
        assert "tell the administrator" in page.text
        assert "the provider refuses this hub: invalid_client" in said(campus)
    finally:
        give_secret(campus, SECRET)
    assert "another secret" not in said(campus)


def test_a_wrong_callback(bare: tuple[Machine, LoginProvider]) -> None:
    """The provider says so itself, before anybody logs in; what was to be told to it is what `plan` says."""
    campus, provider = bare
    before = said(campus)
    provider.register(CALLBACK.replace("oauth_callback", "oauth-callback"))
    try:
        with browser(campus) as visitor:
            page = log_in(visitor, "u1")
        assert (page.status_code, page.url.host) == (httpx.codes.BAD_REQUEST, "login.test")
        assert "redirect_uri" in page.text
        assert "refused" not in said(campus).removeprefix(before), "the hub can't know of it"
    finally:
        provider.register(CALLBACK)
    campus.put(CONFIG, OIDC + NO_KERNELS + "hub: {domain: elsewhere.example.org}\n")
    plan = installer(campus, "plan")
    assert "people come back to: https://elsewhere.example.org/hub/oauth_callback" in plan.stdout
    campus.put(CONFIG, OIDC + NO_KERNELS)


def test_a_map_that_says_two_things_is_told_and_lets_nobody_in(campus: Machine) -> None:
    campus.put("/etc/jupyterhub/names", "\ufeffLena.Lovelace@example.org teacher\n")
    configure(campus, OIDC + "  names: {map: /etc/jupyterhub/names}\n")
    assert enters(campus, "u8")["name"] == "teacher", "the byte order mark is no part of the name"
    campus.put("/etc/jupyterhub/names", "lena.lovelace@example.org teacher\nLena.Lovelace@example.org lecturer\n")
    why = "/etc/jupyterhub/names: line 2: Lena.Lovelace@example.org is the same name as lena.lovelace@example.org"
    with browser(campus) as visitor:
        assert log_in(visitor, "u8").status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert f"Nobody can log in: {why}" in said(campus)
    assert why in " ".join(installer(campus, "doctor").stdout.split())
    campus.put(CONFIG, OIDC + "  names: {map: /etc/jupyterhub/names}\n  server_tokens: [id_token]\n" + NO_KERNELS)
    assert why in " ".join(apply_as_root(campus).stderr.split())
    configure(campus, OIDC)


def test_a_list_that_is_none_is_told_and_changes_nothing(campus: Machine) -> None:
    campus.put("/etc/jupyterhub/userlist", "lena admin\neve admn\n")
    campus.put(CONFIG, OIDC.replace("{groups: [students]", "{file: /etc/jupyterhub/userlist") + NO_KERNELS)
    refused = apply_as_root(campus)
    assert not refused.ok
    assert "/etc/jupyterhub/userlist: line 2: expected a name, or a name and admin" in refused.stderr
    campus.put("/etc/jupyterhub/userlist", "lena admin\neve\n")
    assert apply_as_root(campus).ok
    assert enters(campus, "u1")["admin"] is True
    assert enters(campus, "u2")["name"] == "eve"
    campus.put("/etc/jupyterhub/userlist", "lena\n")
    assert enters(campus, "u1")["admin"] is False, "it is read at every login"
    is_refused(campus, "u2", "'eve' refused: no rule of auth.allow lets them in")


def test_another_name_here_keeps_whose_it_is(campus: Machine) -> None:
    """The account is its owner's as long as it is there; one of that name that comes later is not."""
    campus.put("/etc/jupyterhub/userlist", "grace\n")
    assert enters(campus, "u3")["name"] == "grace"
    campus.run("echo mine >~grace/notes && chown grace: ~grace/notes")
    for new in ("ada.lovelace", "7ada", "pi", "docker", "a" * 32):
        refused = installer(campus, "user", "rename", "grace", new)
        assert f"the account grace is one of the hub's making, and it lets nobody in as {new}" in " ".join(
            refused.stderr.split()
        )
    renamed = installer(campus, "user", "rename", "grace", "hopper")
    assert renamed.ok, renamed
    assert enters(campus, "u3")["name"] == "hopper"
    assert campus.read("/home/hopper/notes") == "mine\n"
    assert "grace gets in as the account hopper" in installer(campus, "user", "allowed", "grace").stdout
    removed = installer(campus, "user", "remove", "hopper", "--delete-home")
    assert removed.ok, removed
    added = installer(campus, "user", "add", "hopper")
    assert added.ok, added
    assert "hopper does not get in: no rule of auth.allow lets them in" in added.stdout
    assert campus.read("/etc/jupyterhub/userlist") == "", "the line went with the account"
    campus.put("/etc/jupyterhub/userlist", "grace\n")
    assert enters(campus, "u3")["name"] == "grace"
    assert not campus.run(["test", "-e", "/home/grace/notes"], check=False).ok


def test_a_table_of_people_from_elsewhere(campus: Machine) -> None:
    """Whoever is in it has the account that it says, with its groups, from the first login on."""
    words = "{file: /etc/jupyterhub/userlist"
    campus.put("/etc/jupyterhub/names", "# who is who\n")
    campus.put("/etc/jupyterhub/userlist", "grace")
    configure(campus, OIDC.replace("{groups: [students]", words) + "  names: {map: /etc/jupyterhub/names}\n")
    campus.run(["groupadd", "physics"])
    campus.put("/root/course.csv", "\ufeffname,groups,identity\neveline,physics,eve\nlena2,,nobody@example.org\n")
    dry = installer(campus, "user", "import", "/root/course.csv", "--dry-run")
    assert "+ /etc/jupyterhub/names: eve eveline" in dry.stdout
    assert "2 accounts to make" in dry.stdout
    is_refused(campus, "u2", "'eve' refused: no rule of auth.allow lets them in")
    made = installer(campus, "user", "import", "/root/course.csv")
    assert made.ok, made
    assert campus.read("/etc/jupyterhub/userlist") == "grace\neve\nnobody@example.org\n"
    assert enters(campus, "u2")["name"] == "eveline"
    assert "physics" in campus.run(["id", "--groups", "--name", "eveline"]).stdout.split()
    assert campus.run(["passwd", "--status", "eveline"]).stdout.split()[1] == "L"
    assert "2 in already" in installer(campus, "user", "import", "/root/course.csv").stdout
    listed = {each["name"]: each for each in json.loads(installer(campus, "user", "list", "--json").stdout)}
    assert (listed["eveline"]["identity"], listed["eveline"]["groups"]) == ("eve", ["physics"])
    renamed = installer(campus, "user", "rename", "eveline", "evelina")
    assert renamed.ok, renamed
    assert "eve evelina\n" in campus.read("/etc/jupyterhub/names")
    assert enters(campus, "u2")["name"] == "evelina"
    campus.put("/etc/jupyterhub/names", "# who is who\neve evelina # she\nnobody@example.org lena2\n")
    campus.put("/etc/jupyterhub/userlist", "grace # the first\nEve\nnobody@example.org\n")
    removed = installer(campus, "user", "remove", "evelina", "--delete-home")
    assert removed.ok, removed
    assert "gets in" not in removed.output
    assert campus.read("/etc/jupyterhub/names") == "# who is who\nnobody@example.org lena2\n"
    assert campus.read("/etc/jupyterhub/userlist") == "grace # the first\nnobody@example.org\n"
    is_refused(campus, "u2", "'eve' refused: no rule of auth.allow lets them in")
    campus.run(["userdel", "--remove", "lena2"])
    assert installer(campus, "user", "remove", "lena2").ok
    assert campus.read("/etc/jupyterhub/names") == "# who is who\n"


def test_whoever_comes_back_is_told_of(campus: Machine) -> None:
    """By a rule that names them, and by one that the provider has the say in."""
    configure(campus, OIDC.replace("groups: [students]", "users: [eve], groups: [students]"))
    for who, name, why in (
        ("u2", "eve", "note: eve still gets in: named in auth.allow.users: block them (auth.blocked), or change that"),
        ("u10", "olga", "note: olga still gets in if the provider says so: in the group students (auth.allow.groups)"),
    ):
        assert enters(campus, who)["name"] == name
        removed = installer(campus, "user", "remove", name, "--delete-home")
        assert removed.ok, removed
        assert why in " ".join(removed.stderr.split())
        assert enters(campus, who)["name"] == name
    removed = installer(campus, "user", "remove", "olga")
    assert "gets in" not in removed.output, "not as long as the home stays"
    is_refused(campus, "u10", "/home/olga is there already, and may be somebody else's")
    told = installer(campus, "user", "allowed", "olga", "--group", "students")
    assert "olga does not get in: /home/olga is there already, and may be somebody" in told.stdout
    campus.run(["rm", "-r", "/home/olga"])
    assert enters(campus, "u10")["name"] == "olga"


def test_no_password_is_checked_here(campus: Machine) -> None:
    assert not campus.run("test -e /run/jupyterhub-pam.sock -o -e /etc/pam.d/jupyterhub", check=False).ok
    assert "failed" not in campus.run("systemctl --failed --no-legend --plain", check=False).stdout
    assert "has nobody log in by it" in installer(campus, "doctor").stdout


def test_github(campus: Machine) -> None:
    configure(
        campus,
        "auth:\n  provider: github\n  url: https://github.test\n  client_id: hub\n  ca_file: /etc/ssl/login-ca.pem\n"
        "  allow: {organizations: [our-lab, other/students], email_domains: [example.org]}\n"
        "  names: {prefix: gh-}\n  server_tokens: [access_token]\n",
    )
    assert enters(campus, "g1")["name"] == "gh-bob-smith"
    assert enters(campus, "g2")["name"] == "gh-carol"
    is_refused(campus, "g3", "'dave' refused: no rule of auth.allow lets them in")
    with browser(campus) as visitor:
        log_in(visitor, "g2")
        visitor.name = "gh-carol"
        visitor.start_server()
    words = "cat /proc/$(pgrep --uid gh-carol --full jupyterhub-singleuser | head -1)/environ | tr '\\0' '\\n'"
    names = {line.partition("=")[0] for line in campus.run(words).stdout.splitlines() if line.startswith("AUTH_")}
    assert names == {"AUTH_ACCESS_TOKEN"}
    configure(
        campus,
        "auth:\n  provider: github\n  url: https://github.test\n  client_id: hub\n  ca_file: /etc/ssl/login-ca.pem\n"
        "  allow: {organizations: [our-lab, other/students]}\n  blocked: [C@x.org]\n  names: {prefix: gh-}\n",
    )
    assert enters(campus, "g1")["name"] == "gh-bob-smith"
    is_refused(campus, "g2", "'carol' refused: blocked (auth.blocked)")


def test_gitlab(campus: Machine) -> None:
    configure(
        campus,
        "auth:\n  provider: gitlab\n  url: https://gitlab.test\n  client_id: hub\n  ca_file: /etc/ssl/login-ca.pem\n"
        "  allow: {groups: [campus/course]}\n  names: {rule: exact}\n",
    )
    assert enters(campus, "l1")["name"] == "frank"
    assert enters(campus, "l2")["name"].startswith("frank-x"), "where case counts, that is somebody else"
    is_refused(campus, "u3", "'grace' refused: no rule of auth.allow lets them in")


def test_google(campus: Machine) -> None:
    """People of a Workspace; and others by their addresses, out of a table, as the accounts that it says."""
    for file in ("names", "userlist"):
        campus.put(f"/etc/jupyterhub/{file}", "")
    configure(
        campus,
        "auth:\n  provider: google\n  client_id: hub\n  ca_file: /etc/ssl/login-ca.pem\n"
        "  allow: {email_domains: [example.org], file: /etc/jupyterhub/userlist}\n"
        "  names: {map: /etc/jupyterhub/names}\n",
    )
    assert enters(campus, "h1")["name"].startswith("judith-l-example-org-x")
    is_refused(campus, "h2", "'kim@example.org' refused: no rule of auth.allow lets them in")
    campus.put("/root/guests.csv", '\ufeff"name";"identity"\r\n"visitor";"Kim@example.org"\r\n')
    imported = installer(campus, "user", "import", "/root/guests.csv")
    assert imported.ok, imported
    assert enters(campus, "h2")["name"] == "visitor"


def test_auth0(bare: tuple[Machine, LoginProvider]) -> None:
    campus, provider = bare
    with browser(campus) as before:
        log_in(before, "l1")
        configure(
            campus,
            "auth:\n  provider: auth0\n  url: https://auth0.test/\n  client_id: hub\n  ca_file: /etc/ssl/login-ca.pem\n"
            "  allow: {email_domains: [example.org]}\n  names: {domain: example.org}\n",
        )
        assert before.get("/hub/home", follow=False).status_code == httpx.codes.FOUND, "who came from elsewhere is out"
    assert enters(campus, "a1")["name"] == "heidi"
    provider.tell({**PEOPLE, "a1": {"email": "heidi.b@example.org", "email_verified": True}})
    assert enters(campus, "a1")["name"] == "heidi", "another address, and the same person"
    provider.tell(PEOPLE)
    is_refused(campus, "a2", "it has not verified the e-mail address")
    is_refused(campus, "u2", "only names of @example.org have accounts here")


def test_bitbucket(campus: Machine) -> None:
    auth = (
        "auth:\n  provider: bitbucket\n  client_id: hub\n  ca_file: /etc/ssl/login-ca.pem\n  allow: {users: [judy]}\n"
    )
    campus.put(CONFIG, f"{auth}  blocked: [eve@evil.example]\n{NO_KERNELS}")
    assert "auth.blocked has eve@evil.example, an address: this hub is told of none" in apply_as_root(campus).stderr
    configure(campus, auth)
    assert enters(campus, "b1")["name"] == "judy"


def test_the_rules_are_what_the_hub_reads(campus: Machine) -> None:
    rules = json.loads(campus.read("/etc/jupyterhub/auth.json"))
    assert (rules["callback_url"], rules["ca_file"]) == (CALLBACK, CA)
    assert SECRET not in campus.read("/etc/jupyterhub/auth.json") + campus.read("/etc/jupyterhub/jupyterhub_config.py")
