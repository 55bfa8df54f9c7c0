"""Attacks: by members, by other local users, by a hub or proxy that was taken over, and from the network in front.

Each does what the attacker would do, and looks at what came of it.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from installer.host.paths import HUB_API_PORT
from tests.system.conftest import Applied, Boot
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, CHECKOUT, add_person
from tests.system.machine_process import Result
from tests.system.visitor import HOST, Visitor, trust, until

GRACE, MALLORY, EVE = "grace", "mallory", "eve"
"""A member at work, a member who attacks, and an account of this machine that is no member."""
HUB, PROXY, CULLER, BUILD = "jupyter", "jupyterhub-proxy", "jupyterhub-culler", "jupyterhub-build"
PASSWORD = "a very fine password 4711"
CURLE_SSL_CONNECT_ERROR = 35
AT_ONCE = 9
"""Questions to the password helper, which takes 16."""
PAM, ADOPT = "/run/jupyterhub-pam.sock", "/run/jupyterhub-adopt.sock"

# Sends what comes on standard input to a Unix socket, prints the answer and the seconds it took.
TALK = """if True:
    import socket, sys, time
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(sys.argv[1])
        connection.sendall(sys.stdin.buffer.read())
        print(connection.makefile().readline().strip())
    print(time.monotonic() - began)
"""

# Prints what a kernel's ports say within 4 seconds to who wants to hear everything.
LISTEN = """if True:
    import sys, time, zmq
    ear = zmq.Context().socket(zmq.SUB)
    ear.subscribe(b"")
    for port in sys.argv[1:]:
        ear.connect(f"tcp://127.0.0.1:{port}")
    end, heard = time.monotonic() + 4, b""
    while time.monotonic() < end:
        if ear.poll(200):
            heard += b"".join(ear.recv_multipart())
    print(heard)
"""


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        for member in (GRACE, MALLORY):
            add_person(machine, member, PASSWORD, groups=["jupyterhub-users"])
        add_person(machine, EVE, PASSWORD)
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    """The victim, her server running."""
    with Visitor(campus) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.start_server()
        yield visitor


@pytest.fixture(scope="module")
def mallory(campus: Machine) -> Iterator[Visitor]:
    """The attacker among the members, in a browser."""
    with Visitor(campus) as visitor:
        visitor.login(MALLORY, PASSWORD)
        yield visitor


@pytest.fixture(scope="module")
def victim(campus: Machine, grace: Visitor) -> int:
    """The process of the victim's server."""
    return int(campus.run(["pgrep", "--uid", GRACE, "--full", "jupyterhub-singleuser"]).stdout.split()[0])


def ask_pam(machine: Machine, question: object) -> tuple[dict[str, object], float]:
    """What the password helper answers the hub's account, and after how long."""
    said = machine.run(["python3", "-c", TALK, PAM], user=HUB, stdin=f"{json.dumps(question)}\n").stdout.splitlines()
    return dict(json.loads(said[0])), float(said[1])


def ask_pam_at_once(machine: Machine, questions: list[object]) -> list[dict[str, object]]:
    """What it answers each, all asked at the same time."""
    with ThreadPoolExecutor(len(questions)) as threads:
        return [answer for answer, _ in threads.map(lambda question: ask_pam(machine, question), questions)]


def tries_to_read(machine: Machine, user: str, path: str) -> Result:
    return machine.run(["cat", path], user=user, cwd="/", check=False)


def from_outside(machine: Machine, request: bytes) -> bytes:
    """What comes back, within a few seconds, for bytes that no browser would send."""
    answer = b""
    with (
        socket.create_connection((machine.address, 443), timeout=10) as line,
        trust(machine).wrap_socket(line, server_hostname=HOST) as connection,
        contextlib.suppress(TimeoutError, ConnectionError, ssl.SSLError),
    ):
        connection.sendall(request)
        while more := connection.recv(65536):
            answer += more
    return answer


# --- the network in front ----------------------------------------------------------------------------


def test_guesser_is_slowed_down(campus: Machine) -> None:
    """Many guesses at once from one address; from inside, so that it isn't the address of the other tests."""
    guess = """if True:
        import asyncio, ssl, sys
        context = ssl._create_unverified_context()
        async def guess(path):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", 443, ssl=context)
                head = f"POST {path} HTTP/1.1\\r\\nHost: {sys.argv[1]}\\r\\nContent-Length: 0\\r\\n\\r\\n"
                writer.write(head.encode())
                return (await asyncio.wait_for(reader.readline(), 10)).split()[1].decode()
            except asyncio.TimeoutError:
                return "waits"
            finally:
                writer.close()
        async def all_of_them():
            paths = ["/hub/login", "/hub/api/users/a%2Fb/tokens", "/hub/api/users/../tokens"]
            print(*await asyncio.gather(*(guess(paths[i % 3]) for i in range(180))))
        asyncio.run(all_of_them())
    """
    answers = campus.run(["python3", "-c", guess, HOST], user=EVE, timeout=60).stdout.split()
    assert answers.count("429") >= 30
    assert len(answers) - answers.count("429") - answers.count("waits") <= 80


def test_large_request_is_not_kept_in_memory(campus: Machine) -> None:
    for path in ("/hub/login", "/user/nobody/upload", "/nowhere"):
        head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 50000000\r\nConnection: close\r\n\r\n"
        answer = from_outside(campus, head.encode() + b"x" * 100_000)
        assert answer.split()[1] in {b"400", b"413", b"502", b"503"}, answer


def test_cookies_are_secure_whatever_the_request_says(campus: Machine) -> None:
    with Visitor(campus) as visitor:
        names = ("X-Scheme", "X-Forwarded-Proto", "X-ProxyScheme")
        visitor._client.headers.update({"Forwarded": "proto=http", **dict.fromkeys(names, "http")})
        visitor.login(MALLORY, PASSWORD)
        assert len(visitor.cookies()) >= 3
        assert [cookie for cookie in visitor.cookies() if not cookie.secure] == []


def test_nobody_chooses_the_address_that_is_logged(campus: Machine) -> None:
    request = f"GET /hub/nothing-here HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"
    from_outside(campus, f"{request}Connection: close\r\n\r\n".encode())
    log = campus.journal("--unit=jupyterhub")
    assert "nothing-here" in log
    assert "6.6.6.6" not in log


def test_session_cookies_are_for_https_and_not_for_scripts(grace: Visitor) -> None:
    logins = [
        cookie for cookie in grace.cookies() if cookie.name.startswith(("jupyterhub-hub-login", "jupyterhub-user"))
    ]
    assert len(logins) >= 2
    for cookie in logins:
        assert cookie.secure, cookie
        assert cookie.has_nonstandard_attr("HttpOnly"), cookie


@pytest.mark.parametrize(
    "smuggled",
    [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /hub/smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 50\r\n\r\nabcd",
        "Content-Length: +4\r\n\r\nabcd",
    ],
    ids=["both", "two-encodings", "unknown-encoding", "two-lengths", "odd-length"],
)
def test_request_is_not_smuggled(campus: Machine, smuggled: str) -> None:
    answer = from_outside(campus, f"POST /hub/login HTTP/1.1\r\nHost: {HOST}\r\n{smuggled}".encode())
    assert answer.split()[1] in {b"400", b"501"}, answer


def test_upgrade_leads_into_no_other_protocol(campus: Machine) -> None:
    request = f"GET /hub/login HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"
    assert b" 101 " not in from_outside(campus, request.encode()).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/jupyterhub-ca.crt/../../secrets/ca.key", "/jupyterhub-ca.crt../hub.crt",
                                  "/..%2f..%2fetc/passwd", "/hub/static/../../../../../../etc/passwd",
                                  "/hub/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"])  # fmt: skip
def test_no_file_is_reached_by_a_crooked_path(campus: Machine, path: str) -> None:
    answer = from_outside(campus, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    assert b"PRIVATE KEY" not in answer
    assert b"root:x:0" not in answer
    assert b"BEGIN CERTIFICATE" not in answer


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/\\evil.example", "https:evil.example"])
def test_login_leads_nowhere_else(campus: Machine, grace: Visitor, target: str) -> None:
    answer = grace.get(f"/hub/login?next={target}", follow=False)
    assert httpx.URL(f"https://{HOST}/").join(answer.headers["Location"]).host == HOST


def test_pages_are_not_framed_by_others(grace: Visitor) -> None:
    for path in ("/hub/login", "/hub/home", f"/user/{GRACE}/lab"):
        policy = grace.get(path).headers["Content-Security-Policy"]
        assert re.search("frame-ancestors '(self|none)'", policy), (path, policy)


def test_old_tls_is_refused(campus: Machine) -> None:
    ask = ["curl", "--insecure", "--silent", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0", "https://127.0.0.1/"]
    assert campus.run(ask, check=False).code == CURLE_SSL_CONNECT_ERROR


# --- pages of other sites, and of other members -------------------------------------------------------


def test_foreign_page_acts_for_nobody(grace: Visitor) -> None:
    """The browser sends the cookies along, but a page from elsewhere does not know the token."""
    from_elsewhere = {
        "Origin": "https://evil.example",
        "Referer": "https://evil.example/",
        "Sec-Fetch-Site": "cross-site",
    }
    for path in (f"/hub/api/users/{GRACE}/tokens", f"/hub/api/users/{GRACE}/server", f"/user/{GRACE}/api/kernels"):
        answer = grace._client.post(path, json={}, headers=from_elsewhere)
        assert answer.status_code == httpx.codes.FORBIDDEN, (path, answer.text)


def test_member_has_no_say_over_others(grace: Visitor, mallory: Visitor) -> None:
    for method, path, content in (
        ("GET", f"/hub/api/users/{GRACE}", None),
        ("GET", "/hub/api/users", None),
        ("POST", f"/hub/api/users/{GRACE}/server", {}),
        ("DELETE", f"/hub/api/users/{GRACE}/server", None),
        ("POST", f"/hub/api/users/{GRACE}/tokens", {}),
        ("PATCH", f"/hub/api/users/{MALLORY}", {"admin": True}),
        ("POST", "/hub/api/users/eve", {}),
        ("POST", "/hub/api/shutdown", {}),
        ("GET", "/hub/api/proxy", None),
        ("GET", "/hub/admin", None),
    ):
        answer = mallory.api(method, path, content)
        assert answer.status_code in {403, 404}, (method, path, answer.text)
    assert grace.server_answers()


def test_member_gets_no_stronger_token(mallory: Visitor) -> None:
    for more in ({"scopes": ["admin:users"]}, {"roles": ["admin"]}, {"scopes": [f"access:servers!user={GRACE}"]}):
        assert mallory.api("POST", f"/hub/api/users/{MALLORY}/tokens", more).status_code in {400, 403}


def test_members_token_opens_nobody_elses_server(campus: Machine, grace: Visitor, mallory: Visitor) -> None:
    token = mallory.api("POST", f"/hub/api/users/{MALLORY}/tokens", {}).json()["token"]
    answer = httpx.get(
        f"https://{campus.address}/user/{GRACE}/api/contents",
        headers={"Authorization": f"token {token}", "Host": HOST},
        verify=False,  # noqa: S501 - the test above this one is about certificates
    )
    assert answer.status_code == httpx.codes.FORBIDDEN
    page = mallory.get(f"/user/{GRACE}/lab")
    assert page.status_code in {403, 404}


# --- ports and processes of others ---------------------------------------------------------------------


@pytest.mark.parametrize("user", [MALLORY, EVE, PROXY, BUILD])
def test_nobody_listens_in_the_hubs_place(campus: Machine, user: str) -> None:
    """Users' servers would send their tokens there, and believe whatever it says of who asks."""
    listen = f"import socket; socket.create_server(('127.0.0.1', {HUB_API_PORT}))"
    assert "PermissionError" in campus.run(["python3", "-c", listen], user=user, cwd="/", check=False).stderr


def test_requests_are_not_sent_to_who_took_the_port(applied_clone: Machine) -> None:
    """A port is chosen first and listened on later. Here another account is faster; by config, so that it always is."""
    add_person(applied_clone, GRACE, PASSWORD, groups=["jupyterhub-users"])
    add_person(applied_clone, EVE, PASSWORD)
    port = 45678
    squat = f"""if True:
        import http.server
        class Trap(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200); self.end_headers(); self.wfile.write(b"trapped")
        http.server.ThreadingHTTPServer(("127.0.0.1", {port}), Trap).serve_forever()
    """
    applied_clone.run(["systemd-run", "--quiet", f"--uid={EVE}", "python3", "-c", squat])
    chosen = f"import sudospawner.spawner\nsudospawner.spawner.random_port = lambda: {port}\n"
    applied_clone.put("/etc/jupyterhub/conf.d/90-port.py", chosen)
    applied_clone.run(["systemctl", "restart", "jupyterhub.service"])
    with Visitor(applied_clone) as visitor:
        visitor.login(GRACE, PASSWORD)
        visitor.get("/hub/spawn")
        until("the spawn to fail", lambda: "was taken by uid" in applied_clone.journal("--unit=jupyterhub"))
        assert "trapped" not in visitor.get(f"/user/{GRACE}/").text


def test_answer_of_the_users_side_is_not_believed(campus: Machine) -> None:
    """sudospawner's mediator runs as the user: a pid of its choice must not open a path of its choice."""
    campus.run("install -d -o mallory /run/lock/trap && mkfifo -m 666 /run/lock/trap/cgroup /run/lock/trap/stat")
    campus.put("/srv/mediator", '#!/bin/sh\necho \'{"ok": true, "pid": "../run/lock/trap"}\'\n', mode="0755")
    ask = """if True:
        import json, socket, subprocess, sys
        ours, theirs = socket.socketpair()
        question = {"user": "mallory", "request": {"action": "spawn", "args": [], "env": {}}}
        ours.sendall(json.dumps(question).encode() + b"\\n")
        words = ["/opt/jupyter/libexec/jupyterhub-sudo", "/srv/mediator", "jupyterusers.slice"]
        with subprocess.Popen(words, stdin=theirs) as helper:
            ours.settimeout(10)
            try:
                print(ours.makefile().readline())
            finally:
                helper.kill()
    """
    assert json.loads(campus.run(["python3", "-c", ask]).stdout)["ok"] is False


def test_kill_for_one_member_never_reaches_another(campus: Machine, grace: Visitor, victim: int) -> None:
    question = {"user": MALLORY, "request": {"action": "kill", "pid": victim, "signal": 9}}
    words = ["python3", "-c", TALK, "/run/jupyterhub-sudo.sock"]
    said = campus.run(words, user=HUB, stdin=f"{json.dumps(question)}\n").stdout
    assert json.loads(said.splitlines()[0]).get("alive") is not True
    assert grace.server_answers()


def test_others_do_not_look_into_a_server(campus: Machine, victim: int) -> None:
    for file in ("environ", "mem", "root/home", "cwd/.", "fd/0"):
        assert not tries_to_read(campus, MALLORY, f"/proc/{victim}/{file}").ok, file
    command = campus.read(f"/proc/{victim}/cmdline")
    token = next(
        word for word in campus.read(f"/proc/{victim}/environ").split("\0") if word.startswith("JUPYTERHUB_API_TOKEN=")
    )
    assert token.partition("=")[2] not in command
    assert not campus.run(["kill", str(victim)], user=MALLORY, check=False).ok


def test_others_do_not_read_a_servers_log(campus: Machine, victim: int) -> None:
    assert GRACE not in campus.run(["journalctl", "-t", f"jupyter-{GRACE}"], user=MALLORY, check=False).stdout


def test_scope_is_not_given_to_who_has_gone(campus: Machine) -> None:
    """A process asks and ends, so that its number can go to another: that one must stay where it is."""
    ask = f"""if True:
        import os, socket
        if os.fork() == 0:
            socket.socket(socket.AF_UNIX).connect("{ADOPT}")
            os._exit(0)
        os.wait()
    """
    before = campus.journal("--unit=jupyterhub-adopt@*").count("the process that asked is gone")
    campus.run(["python3", "-c", ask], user=MALLORY)
    until(
        "the refusal",
        lambda: campus.journal("--unit=jupyterhub-adopt@*").count("the process that asked is gone") > before,
    )


def test_scope_is_given_once_and_counts_as_ones_own(campus: Machine) -> None:
    ask = """if True:
        import json, os, socket
        def ask():
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect("/run/jupyterhub-adopt.sock")
                return json.loads(connection.makefile().readline())
        first, second = ask(), ask()
        print(json.dumps([first, second, os.getpid(), os.getuid(), open("/proc/self/cgroup").read()]))
    """
    first, second, pid, uid, cgroup = json.loads(campus.run(["python3", "-c", ask], user=MALLORY).stdout)
    assert (first["ok"], first["scope"]) == (True, f"jupyter-{MALLORY}-{pid}.scope")
    assert second["ok"] is False
    assert f"jupyterusers-{uid}.slice/" in cgroup


def test_scopes_of_one_member_are_bounded(campus: Machine) -> None:
    """Each is a unit that process 1 has to look after."""
    ask = """if True:
        import json, os, socket, time
        taken = 0
        for _ in range(70):
            mine, theirs = os.pipe()
            if os.fork() == 0:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect("/run/jupyterhub-adopt.sock")
                    os.write(theirs, b"y" if json.loads(connection.makefile().readline())["ok"] else b"n")
                time.sleep(60)
            taken += os.read(mine, 1) == b"y"
        print(taken)
        os.killpg(0, 9)
    """
    add_person(campus, "karl", PASSWORD, groups=["jupyterhub-users"])
    said = campus.run(["setsid", "--wait", "python3", "-uc", ask], user="karl", check=False).stdout
    assert said.strip() == "50"


def test_server_that_is_turned_away_asks_again(campus: Machine) -> None:
    """As when another member takes all connections of the socket: here there is none for a while."""
    add_person(campus, "heidi", PASSWORD, groups=["jupyterhub-users"])
    with Visitor(campus) as heidi:
        heidi.login("heidi", PASSWORD)
        campus.run(["systemctl", "stop", "jupyterhub-adopt.socket"])
        heidi.get("/hub/spawn")
        waits = ["pgrep", "--uid", "heidi", "--full", "sudospawner-singleuser"]
        until("her server to ask", lambda: campus.run(waits, check=False).ok)
        time.sleep(1)
        assert campus.run(waits, check=False).ok
        campus.run(["systemctl", "start", "jupyterhub-adopt.socket"])
        until("her server", lambda: heidi.get("/hub/spawn-pending/heidi", follow=False).is_redirect)
        assert campus.run(["pgrep", "--uid", "heidi", "--full", "jupyterhub-singleuser"]).ok


# --- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [MALLORY, EVE, HUB, PROXY, CULLER, BUILD, "www-data"])
def test_secrets_are_roots_alone(campus: Machine, user: str) -> None:
    # The installer's environment holds no secrets, and another account runs the builder of kernels in it.
    state = "find /var/lib/jupyterhub-installer -mindepth 1 -maxdepth 1 ! -name env"
    secrets = campus.run(f"ls -d /etc/jupyterhub/secrets/*; {state}").stdout.split()
    assert len(secrets) >= 7
    for path in [*secrets, "/etc/shadow", "/run/credentials/jupyterhub.service/cookie_secret"]:
        if not (user == HUB and path.startswith("/run/credentials")):
            assert "denied" in tries_to_read(campus, user, path).stderr, path


@pytest.mark.parametrize("user", [MALLORY, EVE, PROXY, CULLER, BUILD])
def test_hubs_state_is_the_hubs_alone(campus: Machine, user: str) -> None:
    assert "denied" in tries_to_read(campus, user, "/var/lib/jupyterhub/jupyterhub.sqlite").stderr


def test_nothing_that_runs_can_be_changed_by_others(campus: Machine) -> None:
    """Nor by the accounts of the hub, proxy, culler and builds: what they run is root's.

    What users compute with is their builder's, an account that nobody can become; no account of ours runs that.
    """
    trees = "/opt/jupyter /etc/jupyterhub /etc/systemd/system /etc/sudoers.d /etc/nginx /etc/pam.d /etc/tmpfiles.d"
    kernels = "-path /opt/jupyter/kernels -prune -o"
    found = campus.run(
        rf"find {trees} {kernels} ! -type l \( ! -user root -o ! -group root -o -perm /022 -o -perm /6000 \) -print"
    )
    assert found.stdout == ""


def test_hubs_account_owns_nothing_but_its_state(campus: Machine) -> None:
    owned = campus.run(
        f"find / -xdev -user {HUB} -not -path '/proc/*' -not -path '/var/lib/jupyterhub*' -print; find /run -user {HUB}"
    ).stdout.splitlines()
    # Systemd's own copies, that only this account reads; and the sockets that only it may connect to.
    assert [path for path in owned if not path.startswith(("/run/credentials/", "/run/jupyterhub-"))] == []


def test_members_files_run_as_nobody_else(campus: Machine) -> None:
    """What Python, shells and tools read from a home or a directory one happens to be in."""
    add_person(campus, "ivan", PASSWORD, groups=["jupyterhub-users"])
    campus.run(["install", "-d", "-m", "1777", "/srv/marks"])
    mark = "import os, tempfile; tempfile.mkstemp(dir='/srv/marks')\n"
    minor = campus.run(["python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"]).stdout.strip()
    for name in (
        f".local/lib/{minor}/site-packages/usercustomize.py",
        f".local/lib/{minor}/site-packages/sitecustomize.py",
        "json.py", "socket.py", "tornado.py", "sitecustomize.py", ".pythonrc",
    ):  # fmt: skip
        campus.put(f"/home/ivan/{name}", mark, owner="ivan")
    for name in (".bashrc", ".profile", ".bash_profile", ".pam_environment", ".sudo_env"):
        campus.put(f"/home/ivan/{name}", "touch /srv/marks/$(id -u)-shell\n", owner="ivan")
    campus.run(["chown", "-R", "ivan:ivan", "/home/ivan"])
    with Visitor(campus) as ivan:
        ivan.login("ivan", PASSWORD)
        ivan.get("/hub/spawn")
        time.sleep(3)
    campus.run(["python3", "-I", "-m", "installer", "config", "show"], cwd="/home/ivan", check=False)
    owners = campus.run(["find", "/srv/marks", "-mindepth", "1", "-printf", "%u\\n"]).stdout.split()
    assert set(owners) <= {"ivan"}


def test_self_test_leaves_no_account_behind(campus: Machine) -> None:
    assert not campus.run(["getent", "passwd", "jupyterhub-selftest"], check=False).ok
    assert not campus.run(["test", "-e", "/home/jupyterhub-selftest"], check=False).ok


@pytest.mark.only_on("bookworm")
def test_nobody_slips_anything_into_a_build(server: Layer, boot: Boot) -> None:
    """Not even while root, with a umask that lets everybody write, builds what root will trust."""
    machine = boot(server)
    add_person(machine, EVE, PASSWORD)
    slip = """if True:
        import glob, os, time
        while True:
            for place in glob.glob("/opt/jupyter/revisions/server/*") + glob.glob("/run/jupyterhub-installer/*"):
                for inside, below, _ in os.walk(place):
                    try:
                        open(inside + "/slipped.pth", "w").close()
                    except OSError:
                        continue
            time.sleep(0.01)
    """
    machine.run(["systemd-run", "--quiet", f"--uid={EVE}", "python3", "-c", slip])
    words = "umask 000 && python3 -m installer apply --yes"
    machine.run(words, cwd=CHECKOUT, timeout=900)
    assert machine.run("find /opt /run /etc /var -xdev -name slipped.pth").stdout == ""
    assert machine.run(r"find /opt /etc/jupyterhub /var/lib/jupyterhub ! -type l -perm /022").stdout == ""


# --- passwords -------------------------------------------------------------------------------------------


def test_account_without_password_lets_nobody_in(campus: Machine) -> None:
    """Debian's PAM takes any password for it."""
    add_person(campus, "judy", None, groups=["jupyterhub-users"])
    campus.run(["passwd", "--delete", "judy"])
    for password in ("", "anything"):
        assert ask_pam(campus, {"username": "judy", "password": password})[0]["ok"] is False


def test_password_helper_takes_members_own_names_only(campus: Machine) -> None:
    """toor is root by another name, second is grace by another name."""
    campus.run(
        "id toor || useradd -o -u 0 -G jupyterhub-users toor; "
        f"id second || useradd -o -u $(id -u {GRACE}) -G jupyterhub-users second; "
        f"printf 'toor:{PASSWORD}\\nsecond:{PASSWORD}\\nroot:{PASSWORD}\\n' | chpasswd"
    )
    names = ["root", "#0", "-x", "", ".", "..", "grace\n", "grace\0", "grace ", "\ud800", "toor", "second", "daemon",
             HUB, "a" * 5000, "../grace", "%jupyterhub-users", EVE]  # fmt: skip
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        answers = ask_pam_at_once(campus, [{"username": name, "password": PASSWORD} for name in some])
        for name, answer in zip(some, answers, strict=True):
            assert answer["ok"] is False, name
            assert answer["tell"] == "", name


def test_password_helper_survives_nonsense(campus: Machine) -> None:
    questions: list[object] = [
        [], "grace", 1, None, {}, {"username": GRACE}, {"username": [GRACE], "password": PASSWORD},
        {"username": GRACE, "password": [PASSWORD]}, {"username": GRACE, "password": {"a": "b"}},
        {"username": GRACE, "password": f"{PASSWORD}\0"}, {"username": GRACE, "password": "x" * 100_000},
    ]  # fmt: skip
    for question, answer in zip(questions, ask_pam_at_once(campus, questions), strict=True):
        assert answer["ok"] is False, question
    assert campus.run(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""


def test_time_does_not_tell_who_has_an_account(campus: Machine) -> None:
    """Nor who is a member: the hub has all wait alike. Of its helper only the hub learns anything."""
    with Visitor(campus) as visitor:

        def seconds_for(name: str) -> float:
            begun = time.monotonic()
            assert visitor.login(name, "wrong").status_code == httpx.codes.FORBIDDEN
            return time.monotonic() - begun

        # The shorter of two: what a busy host adds isn't what is asked about.
        names = (GRACE, EVE, "no-such-account", "root")
        seconds = {name: min(seconds_for(name) for _ in range(2)) for name in names}
    assert max(seconds.values()) - min(seconds.values()) < 0.5, seconds
    assert min(seconds.values()) > 3, seconds


def test_closed_account_is_out(applied_clone: Machine) -> None:
    """Who is logged in when the account is closed, or leaves the group, has no more of it, by cookie nor by token."""
    for name in (GRACE, MALLORY):
        add_person(applied_clone, name, PASSWORD, groups=["jupyterhub-users"])
    applied_clone.put("/etc/jupyterhub/conf.d/90-often.py", "c.Authenticator.auth_refresh_age = 1\n")
    applied_clone.run(["systemctl", "restart", "jupyterhub.service"])
    with Visitor(applied_clone) as expired, Visitor(applied_clone) as removed:
        for visitor, name in ((expired, GRACE), (removed, MALLORY)):
            visitor.login(name, PASSWORD)
            assert visitor.hub_user()["name"] == name
        token = removed.api("POST", f"/hub/api/users/{MALLORY}/tokens", {}).json()["token"]
        applied_clone.run(["chage", "--expiredate", "1", GRACE])
        applied_clone.run(["gpasswd", "--delete", MALLORY, "jupyterhub-users"])
        time.sleep(1.5)
        assert expired.api("GET", "/hub/api/user").status_code == httpx.codes.FORBIDDEN
        assert removed.api("GET", "/hub/api/user").status_code == httpx.codes.FORBIDDEN
    by_token = applied_clone.run(
        f"curl --silent --output /dev/null --write-out '%{{http_code}}' --header 'Authorization: token {token}' "
        f"http://127.0.0.1:{HUB_API_PORT}/hub/api/user"
    )
    assert by_token.stdout == "403"


def test_what_a_kernel_publishes_is_its_persons(campus: Machine, grace: Visitor) -> None:
    """Whoever connects to a kernel hears every output of the notebook; so nobody else can."""
    kernel = grace.start_kernel()
    assert kernel.run("print(6 * 7)") == "42"
    files = "/home/grace/.local/share/jupyter/runtime/kernel-*.json"
    assert json.loads(campus.run(f"cat {files}", user=GRACE).stdout)["transport"] == "ipc"
    # Where the kernel's own children say to it what they print, on a port, nothing is given to who listens there.
    said = campus.run(["ss", "--listening", "--tcp", "--numeric", "--no-header", "--processes"]).stdout
    hers = set(campus.run(["pgrep", "--uid", GRACE, "--full", "ipykernel_launcher"]).stdout.split())
    ports = [
        line.split()[3].rpartition(":")[2] for line in said.splitlines() if hers & set(re.findall(r"pid=(\d+)", line))
    ]
    python = "/opt/jupyter/.venv/bin/python"
    with ThreadPoolExecutor() as threads:
        heard = threads.submit(campus.run, [python, "-c", LISTEN, *ports], user=MALLORY, cwd="/")
        kernel.run("import time\nfor _ in range(50): print('secret'); time.sleep(0.1)")
        assert heard.result().stdout.strip() == "b''"
    sockets = campus.run(["find", "/tmp", "-path", "/tmp/jupyter-kernel-*", "-type", "s"]).stdout.split()
    assert len(sockets) == len(("shell", "iopub", "stdin", "control", "heartbeat"))
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for path in sockets:
        campus.run(["python3", "-c", connect, path], user=GRACE)
        refused = campus.run(["python3", "-c", connect, path], user=MALLORY, cwd="/", check=False)
        assert "PermissionError" in refused.stderr, path
    grace.shut_down_kernel(kernel)
    assert campus.run(["find", "/tmp", "-name", "jupyter-kernel-*"]).stdout == ""


def test_sudo_never_leads_to_root_under_another_name(campus: Machine) -> None:
    campus.run("id toor2 || useradd -o -u 0 -G jupyterhub-users toor2; gpasswd --add root jupyterhub-users")
    try:
        for name in ("toor2", "root", "#0"):
            words = ["sudo", "-n", "-u", name, "/opt/jupyter/.venv/bin/sudospawner-mediator", "--help"]
            assert not campus.run(words, user=HUB, cwd="/", check=False).ok, name
    finally:
        campus.run("gpasswd --delete root jupyterhub-users; sed -i /^toor2:/d /etc/passwd /etc/shadow; "
                   "gpasswd --delete toor2 jupyterhub-users", check=False)  # fmt: skip


# --- a hub, proxy or culler that was taken over ------------------------------------------------------------


def inside(machine: Machine, unit: str, account: str, words: str) -> Result:
    """Run shell text where a unit's process is: what it sees of the disk, as its account and with no more rights."""
    pid = machine.run(["systemctl", "show", "--property=MainPID", "--value", unit]).stdout.strip()
    return machine.run(
        ["nsenter", f"--target={pid}", "--mount", "setpriv", f"--reuid={account}", f"--regid={account}",
         "--clear-groups", "--no-new-privs", "--bounding-set=-all", "/bin/sh", "-c", words],
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "account"),
    [("jupyterhub.service", HUB), ("jupyterhub-proxy.service", PROXY), ("jupyterhub-culler.service", CULLER)],
)
def test_service_sees_no_home_and_changes_no_program(campus: Machine, unit: str, account: str) -> None:
    assert inside(campus, unit, account, "ls -A /home /root").stdout.split() in ([], ["/home:", "/root:"], ["/home:"])
    for path in ("/etc/x", "/opt/jupyter/x", "/usr/local/bin/x", "/var/lib/x", "/etc/jupyterhub/conf.d/x.py"):
        assert not inside(campus, unit, account, f"touch {path}").ok, path


def test_taken_over_hub_starts_nothing_with_sudo_itself(campus: Machine) -> None:
    words = f"sudo -n -u {GRACE} /opt/jupyter/.venv/bin/sudospawner-mediator --help"
    refused = inside(campus, "jupyterhub.service", HUB, words)
    assert not refused.ok


@pytest.mark.parametrize("account", [PROXY, CULLER])
@pytest.mark.parametrize("socket", [PAM, "/run/jupyterhub-sudo.sock", ADOPT])
def test_other_services_reach_no_helper(campus: Machine, socket: str, account: str) -> None:
    refused = campus.run(["python3", "-c", TALK, socket], user=account, cwd="/", check=False)
    assert "PermissionError" in refused.stderr


def test_hub_admin_starts_no_server_as_root(campus: Machine) -> None:
    """A hub admin adds nobody, whom the hub would start a server for then; and sudo would draw the line."""
    with Visitor(campus) as admin:
        admin.login(ADMIN.name, ADMIN.password or "")
        admin.get("/hub/home")
        for name in ("root", EVE, HUB):
            assert admin.api("POST", f"/hub/api/users/{name}", {}).status_code == httpx.codes.FORBIDDEN
            admin.api("POST", f"/hub/api/users/{name}/server", {})
            assert not campus.run(["pgrep", "--uid", name, "--full", "jupyterhub-singleuser"], check=False).ok


def test_proxys_api_wants_its_token(campus: Machine) -> None:
    words = (
        "curl --silent --unix-socket /run/jupyterhub-proxy-api/api.sock http://localhost/api/routes -w '%{http_code}'"
    )
    assert campus.run(words, user=HUB).stdout.endswith("403")
