"""Logging in with the password that a directory has: OpenLDAP, with TLS, through nginx."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.system.conftest import Applied
from tests.system.directory_server import CA, GROUPS, HUB, PEOPLE, SECRET, DirectoryServer, config
from tests.system.directory_server import HOST as DIRECTORY
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root
from tests.system.machine_person import CHECKOUT, CONFIG, NO_KERNELS, add_person
from tests.system.machine_process import Result
from tests.system.visitor import Visitor, until

pytestmark = pytest.mark.only_on("trixie")

PASSWORD = "a fine password: ä €"
SECRET_FILE = "/etc/jupyterhub/secrets/ldap_password"
WRONG_NAMES = ("*", "len*", "lena)(uid=*", "*)(|(uid=*", "lena))(", "\\2a", "(", "lena,ou=people", "+", "#x")
ELSEWHERE = "elsewhere.test"

CHANGED = """if True:
    import sqlite3, sys
    line = sqlite3.connect(sys.argv[1])
    line.execute(sys.argv[2], sys.argv[3:])
    line.commit()
"""
"""What an older release did to its database."""

Campus = tuple[Machine, DirectoryServer]


def installer(machine: Machine, *words: str) -> Result:
    return machine.run(["python3", "-m", "installer", *words], cwd=CHECKOUT, check=False)


def configure(machine: Machine, auth: str) -> Result:
    machine.put(CONFIG, auth + NO_KERNELS)
    applied = apply_as_root(machine)
    assert applied.ok, applied
    return applied


def restart(machine: Machine) -> None:
    """The hub forgets what it has in memory, when it asked for somebody among it; back when this returns."""
    machine.run(["systemctl", "restart", "jupyterhub.service"])
    with Visitor(machine) as visitor:
        until("the hub", lambda: visitor.get("/hub/health", follow=False).status_code == httpx.codes.OK)


def said(machine: Machine) -> str:
    """What the hub has written to its journal."""
    return machine.run("journalctl --unit=jupyterhub.service --output=cat --no-pager").stdout


def enters(machine: Machine, name: str, password: str = PASSWORD) -> dict[str, object]:
    """Somebody logs in. Returns what the hub knows of them."""
    with Visitor(machine) as visitor:
        answer = visitor.login(name, password)
        assert answer.status_code == httpx.codes.FOUND, (answer.text[-2000:], said(machine)[-2000:])
        return visitor.hub_user()


def is_told(machine: Machine, name: str, password: str, status: int, what: str) -> None:
    """Somebody doesn't get in, and is told so."""
    with Visitor(machine) as visitor:
        answer = visitor.login(name, password)
    assert answer.status_code == status, (name, said(machine)[-2000:])
    assert what in answer.text.replace("&#39;", "'"), answer.text


def are_unknown(machine: Machine, attempts: Sequence[tuple[str, str]]) -> None:
    """These names and passwords don't go together; tried at once, since each refusal takes its time."""
    with ThreadPoolExecutor(len(attempts)) as pool:
        told = [
            pool.submit(is_told, machine, name, password, httpx.codes.FORBIDDEN, "Invalid username or password")
            for name, password in attempts
        ]
        for each in told:
            each.result()


@pytest.fixture(scope="module")
def bare(applied_server: Applied) -> Iterator[Campus]:
    """An applied machine with the directory on it, and an account of its own that is nobody's there."""
    with Machine(applied_server[0]) as machine:
        directory = DirectoryServer(machine)
        lena = directory.person("Lena", PASSWORD)
        otto = directory.person("otto", PASSWORD)
        for uid in ("eve", "mallory", "root", "local", "olga", "closed"):
            directory.person(uid, PASSWORD, **({"description": "closed"} if uid == "closed" else {}))
        directory.person("twice", PASSWORD, called=["twice", "twofold"])
        directory.add(f"cn=gone,{PEOPLE}", "referral", "extensibleObject", uid="wanda",
                      ref=f"ldap://{ELSEWHERE}:3890/cn=gone,{PEOPLE}")  # fmt: skip
        everybody = [f"cn={uid},{PEOPLE}" for uid in ("mallory", "root", "local", "olga", "closed", "twice")]
        directory.add(f"cn=students,{GROUPS}", "groupOfNames", member=[lena, *everybody])
        directory.add(f"cn=guests,{GROUPS}", "groupOfUniqueNames", uniqueMember=[otto, f"cn=eve,{PEOPLE}"])
        directory.add(f"cn=staff,{GROUPS}", "posixGroup", gidNumber="7000", memberUid=["otto"])
        add_person(machine, "local", "another password", groups=["jupyterhub-users"])
        yield machine, directory


@pytest.fixture(scope="module")
def campus(bare: Campus) -> Campus:
    """The same, where people log in with the directory, which wasn't there when that was applied."""
    machine, directory = bare
    machine.put(CONFIG, config(filter="(&(uid={name})(!(description=closed)))") + NO_KERNELS)
    refused = apply_as_root(machine)
    assert not refused.ok
    assert f"{SECRET_FILE}, the password of {HUB}, can't be read" in refused.stderr
    machine.put(SECRET_FILE, SECRET, mode="0644")
    assert "can be read by others than root (root, 0644)" in apply_as_root(machine).stderr
    machine.run(["chmod", "600", SECRET_FILE])
    directory.stop()
    applied = apply_as_root(machine)
    assert applied.ok, applied
    away = f"ldaps://{DIRECTORY} doesn't answer"
    assert f"nobody can log in yet: {away}" in " ".join(applied.stdout.split())
    assert away in " ".join(installer(machine, "plan").stdout.split())
    assert away in " ".join(installer(machine, "doctor").stdout.split())
    is_told(machine, "lena", PASSWORD, httpx.codes.SERVICE_UNAVAILABLE, "can't be reached at the moment")
    assert f"Nobody can log in: {away}" in said(machine)
    directory.start()
    assert f"the password that ldaps://{DIRECTORY} has" in " ".join(installer(machine, "doctor").stdout.split())
    return machine, directory


def test_a_student_enters_and_works(campus: Campus) -> None:
    machine, _ = campus
    with Visitor(machine) as visitor:
        assert visitor.login("lena", PASSWORD).status_code == httpx.codes.FOUND, said(machine)[-2000:]
        assert (visitor.hub_user()["name"], visitor.hub_user()["admin"]) == ("lena", False)
        visitor.start_server()
    assert machine.run("stat --format='%U %a' /home/lena").stdout.split() == ["lena", "700"]
    assert enters(machine, "LENA")["name"] == "lena"
    assert "'Lena' logs in as lena: in the group students (auth.allow.groups)" in said(machine)


def test_staff_are_admins(campus: Campus) -> None:
    assert enters(campus[0], "otto")["admin"] is True


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("eve", "'eve' refused: no rule of auth.allow lets them in"),
        ("mallory", "'mallory' refused: blocked (auth.blocked)"),
        ("root", "'root' refused: root is a name of the system's"),
        ("local", "'local' refused: the account local was there before"),
        ("twice", "'twice' refused: their entry has 2 values of uid, not one"),
    ],
)
def test_others_are_refused(campus: Campus, name: str, why: str) -> None:
    is_told(campus[0], name, PASSWORD, httpx.codes.FORBIDDEN, "Your password is right, but you can't use this hub")
    assert why in said(campus[0])


def test_a_name_is_never_a_part_of_the_question(campus: Campus) -> None:
    machine, _ = campus
    troubles = said(machine).count("Nobody can log in")
    are_unknown(machine, [(name, PASSWORD) for name in WRONG_NAMES])
    assert said(machine).count("Nobody can log in") == troubles


def test_guessing_is_slowed(campus: Campus) -> None:
    def guess(number: int) -> int:
        with Visitor(campus[0]) as visitor:
            return visitor.login("nobody-at-all", f"guess {number}").status_code

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(guess, range(8)))
    assert answers == [*[httpx.codes.FORBIDDEN] * 5, *[httpx.codes.TOO_MANY_REQUESTS] * 3]
    assert said(campus[0]).count("'nobody-at-all': too many wrong passwords") == 3


@pytest.mark.parametrize(
    "names",
    [
        ("olga", "OLGA", "\uff4f\uff4c\uff47\uff41", "\u24de\u24db\u24d6\u24d0"),
        ("twice", "twofold", "twice", "twofold"),
    ],
    ids=["look-alikes", "two names"],
)
def test_another_name_for_an_entry_is_no_other_guess(campus: Campus, names: tuple[str, ...]) -> None:
    def guess(name: str) -> int:
        with Visitor(campus[0]) as visitor:
            return visitor.login(name, "guess").status_code

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(guess, 2 * names))
    assert answers == [*[httpx.codes.FORBIDDEN] * 5, *[httpx.codes.TOO_MANY_REQUESTS] * 3]
    time.sleep(2)  # they have to wait for one, and are let in then
    if "olga" in names:
        enters(campus[0], "olga")


def test_no_password_is_none(campus: Campus) -> None:
    """The directory would say yes: to an empty one, and to what libraries make an empty one of."""
    are_unknown(
        campus[0], [("otto", password) for password in ("", "\N{SOFT HYPHEN}", "\N{ZERO WIDTH SPACE}", "\0", "x")]
    )


def test_the_filter_closes_accounts(campus: Campus) -> None:
    is_told(campus[0], "closed", PASSWORD, httpx.codes.FORBIDDEN, "Invalid username or password")
    assert "'closed': nobody of that name" in said(campus[0])


def test_no_other_server_gets_a_password(campus: Campus) -> None:
    """wanda's entry says that another server has her: one that listens to whatever it is told."""
    machine, _ = campus
    machine.run(f"echo 127.0.0.1 {ELSEWHERE} >>/etc/hosts")
    listen = "import socket; s = socket.create_server(('127.0.0.1', 3890)); s.accept(); open('/srv/asked', 'w')"
    machine.run(["systemd-run", "--quiet", "--collect", "--unit=elsewhere", "python3", "-c", listen])
    is_told(machine, "wanda", PASSWORD, httpx.codes.FORBIDDEN, "Invalid username or password")
    assert not machine.run("test -e /srv/asked", check=False).ok
    machine.run(["systemctl", "stop", "elsewhere.service"])


def test_whoever_is_taken_out_is_out(campus: Campus) -> None:
    """The directory is asked again after a few minutes (here at once: the hub has forgotten, by a restart)."""
    machine, directory = campus
    students = f"cn=students,{GROUPS}"
    machine.run(["gpasswd", "--delete", "local", "jupyterhub-users"])
    with Visitor(machine) as lena, Visitor(machine) as olga, Visitor(machine) as otto:
        for visitor, name in ((lena, "lena"), (olga, "olga"), (otto, "otto")):
            assert visitor.login(name, PASSWORD).status_code == httpx.codes.FOUND, said(machine)[-2000:]
        directory.change(students, member=f"cn=olga,{PEOPLE}")
        directory.remove(f"cn=olga,{PEOPLE}")
        directory.person("olga", PASSWORD)
        machine.run(["gpasswd", "--delete", "otto", "jupyterhub-users"])
        restart(machine)
        for visitor in (lena, olga, otto):
            assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.FOUND
        journal = said(machine)
        assert "lena has to log in again: no rule of auth.allow lets them in" in journal
        assert "olga has to log in again: the directory has somebody else of that name now" in journal
        assert "otto has to log in again: otto is not a member of jupyterhub-users" in journal
    is_told(machine, "olga", PASSWORD, httpx.codes.FORBIDDEN, "you can't use this hub")
    assert "'olga' refused: the account olga is somebody else's, who had that name before" in said(machine)
    directory.remove(f"cn=olga,{PEOPLE}")
    directory.change(students, member=f"cn=Lena,{PEOPLE}")
    machine.run(["gpasswd", "--add", "otto", "jupyterhub-users"])


def test_a_directory_that_is_away(campus: Campus) -> None:
    """Who is in stays in; who would log in is told."""
    machine, directory = campus
    with Visitor(machine) as inside:
        inside.login("lena", PASSWORD)
        directory.stop()
        try:
            restart(machine)
            is_told(machine, "otto", PASSWORD, httpx.codes.SERVICE_UNAVAILABLE, "can't be reached at the moment")
            assert inside.get("/hub/home", follow=False).status_code == httpx.codes.OK
        finally:
            directory.start()
    assert enters(machine, "otto")["name"] == "otto"


def test_a_wrong_secret(campus: Campus) -> None:
    machine, _ = campus
    machine.put(SECRET_FILE, "another secret\n", mode="0600")
    restart(machine)
    try:
        is_told(machine, "lena", PASSWORD, httpx.codes.SERVICE_UNAVAILABLE, "tell the administrator")
        wrong = f"ldaps://{DIRECTORY} refuses {HUB}: wrong password (is its password right?)"
        assert f"Nobody can log in: {wrong}" in said(machine)
        assert wrong in " ".join(installer(machine, "doctor").stdout.split())
    finally:
        machine.put(SECRET_FILE, SECRET, mode="0600")
        restart(machine)
    assert "another secret" not in said(machine)


def test_a_certificate_that_is_not_trusted(campus: Campus) -> None:
    """What says so is what a login goes by; asked before it is applied."""
    machine, _ = campus
    machine.put(CONFIG, config().replace(f"  ca_file: {CA}\n", "") + NO_KERNELS)
    plan = " ".join(installer(machine, "plan").stdout.split())
    assert (
        f"the certificate of ldaps://{DIRECTORY} is not trusted: self-signed certificate in certificate chain" in plan
    )
    for url in ("ldaps://127.0.0.1", "ldap://127.0.0.1"):
        machine.put(CONFIG, config(url=url) + NO_KERNELS)
        plan = " ".join(installer(machine, "plan").stdout.split())
        assert f"the certificate of {url} is not trusted: IP address mismatch" in plan


def test_places_that_there_are_not(campus: Campus) -> None:
    machine, _ = campus
    for key in ("base", "groups_base"):
        machine.put(CONFIG, config(**{key: "ou=nowhere,dc=example,dc=org"}) + NO_KERNELS)
        plan = " ".join(installer(machine, "plan").stdout.split())
        assert f"has no entry ou=nowhere,dc=example,dc=org, or doesn't show it to {HUB}" in plan
    machine.put(CONFIG, config().replace("[students,", "[Students,") + NO_KERNELS)
    lacks = f"auth.allow names the group Students, and ldaps://{DIRECTORY} shows no such group that has anybody in it"
    assert lacks in " ".join(installer(machine, "plan").stdout.split())
    assert "names the group staff" not in installer(machine, "plan").stdout


def test_in_the_clear_only_on_this_machine(campus: Campus) -> None:
    machine, directory = campus
    plain = config(url="ldap://localhost", plain=True)
    machine.put(CONFIG, plain + NO_KERNELS)
    assert "wants it otherwise: confidentialityRequired" in " ".join(installer(machine, "plan").stdout.split())
    directory.stop()
    directory.start(in_the_clear=True)
    assert "nobody can log in yet" not in installer(machine, "plan").stdout
    machine.put(CONFIG, config(url=f"ldap://{DIRECTORY}", plain=True) + NO_KERNELS)
    assert (
        "auth.provider: ldap with ldap.plain for a server that is not this machine" in installer(machine, "plan").stderr
    )
    directory.stop()
    directory.start()


def test_another_way_to_the_directory_is_the_same_directory(campus: Campus) -> None:
    """Also for those whom an older release has noted by the address. Who is forgotten is nobody's, until named."""
    machine, _ = campus
    change = "update installer_identities set provider = ? where account = 'lena'"
    database = "/var/lib/jupyterhub/jupyterhub.sqlite"
    words = ["python3", "-c", CHANGED, database, change, f"ldaps://{DIRECTORY}"]
    machine.run(words, user="jupyter", cwd="/")
    for url in (f"ldaps://{DIRECTORY}:636", f"ldap://{DIRECTORY}"):
        configure(machine, config(url=url))
        for name in ("lena", "otto"):
            assert enters(machine, name)["name"] == name
    machine.run(
        ["/opt/jupyter/.venv/bin/python", "-I", "-m", "installer.hub.owners", "--gone", "lena", database],
        user="jupyter", cwd="/",
    )  # fmt: skip
    is_told(machine, "lena", PASSWORD, httpx.codes.FORBIDDEN, "you can't use this hub")
    assert "refused: the account lena was there before" in said(machine)
    configure(machine, config().replace("allow: {", "allow: {users: [lena], "))
    assert enters(machine, "lena")["name"] == "lena"


def test_a_place_that_follows_from_the_name(campus: Campus) -> None:
    """With StartTLS, nobody to search as, and accounts that the machine has from elsewhere."""
    machine, _ = campus
    add_person(machine, "eve", None, groups=["jupyterhub-users"])
    auth = config(url=f"ldap://{DIRECTORY}", user_dn=f"cn={{name}},{PEOPLE}", base=None, bind_dn=None, groups_base=None,
                  accounts="existing")  # fmt: skip
    configure(machine, auth.replace("groups: [students, staff], admin_groups: [staff]", "all: true"))
    assert enters(machine, "eve")["name"] == "eve"
    with Visitor(machine) as visitor:
        visitor.login("eve", PASSWORD)
        restart(machine)
        assert visitor.get("/hub/home", follow=False).status_code == httpx.codes.OK
    is_told(machine, "twice", PASSWORD, httpx.codes.FORBIDDEN, "you can't use this hub")
    is_told(machine, "local", PASSWORD, httpx.codes.FORBIDDEN, "you can't use this hub")
    assert "'local' refused: local is not a member of jupyterhub-users" in said(machine)
    are_unknown(machine, [*((name, PASSWORD) for name in WRONG_NAMES), ("eve", "\N{SOFT HYPHEN}")])


def test_nothing_that_is_secret_is_told(campus: Campus) -> None:
    machine, _ = campus
    files = machine.read("/etc/jupyterhub/auth.json") + machine.read("/etc/jupyterhub/jupyterhub_config.py")
    assert json.loads(machine.read("/etc/jupyterhub/auth.json"))["provider"] == "ldap"
    for secret in (PASSWORD, SECRET):
        assert secret not in said(machine) + files
    assert machine.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
