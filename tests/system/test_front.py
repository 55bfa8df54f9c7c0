"""What nginx is in front for: static files that are small and kept, uploads that stream, a thousand open WebSockets."""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, pending
from tests.system.visitor import HOST, Visitor, member, until

pytestmark = pytest.mark.only_on("trixie")

GRACE = "grace"
SITE, MAIN = "/etc/nginx/conf.d/jupyterhub.conf", "/etc/nginx/nginx.conf"
KEPT = "public, max-age=31536000, immutable"
SOCKETS = 1000
UPLOAD = 128 << 20
"""Bytes of an upload: more than a hundred times what anybody on the way should hold of it."""

MEGABYTES = 96
"""How much more memory each process on the way may take meanwhile, node's garbage included."""

HELD = """
import json, pathlib, re, sys
peaks = {}
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (process / "cmdline").read_text(errors="replace").split("\\0")
    except OSError:
        continue
    name = "nginx" if words[0] == "nginx: worker process" else "proxy" if "--api-socket" in words else None
    if name:
        memory = (process / "status").read_text()
        held, peak = (int(re.search(rf"{field}:\\s+(\\d+)", memory)[1]) // 1024 for field in ("VmRSS", "VmHWM"))
        peaks[f"{name} {process.name}"] = peak
        (process / "clear_refs").write_text("5")  # the peak is counted from here (proc(5))
print(json.dumps(peaks))
"""


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        # The address is another than that of the machine which the layer is of.
        assert apply_as_root(machine).ok
        yield machine


@pytest.fixture(scope="module")
def grace(campus: Machine) -> Iterator[Visitor]:
    with member(campus, GRACE) as visitor:
        yield visitor


@pytest.fixture
def stranger(campus: Machine) -> Iterator[Visitor]:
    with Visitor(campus) as visitor:
        yield visitor


# --- static files --------------------------------------------------------------------------------


def main_file(grace: Visitor) -> str:
    """The path of the file that JupyterLab begins with, as its page says it."""
    return str(re.findall(r'src="(/user/[^"]+/static/lab/main[^"]+)"', grace.get(f"/user/{GRACE}/lab").text)[0])


def test_jupyterlabs_files_come_compressed_and_are_kept(campus: Machine, grace: Visitor, stranger: Visitor) -> None:
    """From the server environment's disk, so that a stranger gets them too, who gets nothing else."""
    path = main_file(grace)
    extension = "lab/extensions/@jupyter-widgets/jupyterlab-manager/static"
    folder = f"/opt/jupyter/.venv/share/jupyter/labextensions/{extension.removeprefix('lab/extensions/')}"
    entry = campus.run(f"basename {folder}/remoteEntry.*.js").stdout.strip()
    for each in (path, path.partition("?")[0], f"/user/{GRACE}/named/{extension}/{entry}"):
        small = stranger.send("GET", each, Accept_Encoding="gzip")
        whole = stranger.send("GET", each, Accept_Encoding="identity")
        assert small.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in whole.headers
        assert small.content == whole.content
        assert 3 * int(small.headers["Content-Length"]) < len(whole.content) * 2
        for answer in (small, whole):
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == KEPT
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Type"] == "application/javascript"
            assert "X-JupyterHub-Version" not in answer.headers, "it was not the user's server that answered"
    name = path.rpartition("/")[2].partition("?")[0]
    assert campus.read(f"/opt/jupyter/.venv/share/jupyter/lab/static/{name}") == stranger.get(path).text


def test_the_hubs_files_come_compressed_by_what_is_in_them(stranger: Visitor) -> None:
    page = stranger.get("/hub/login").text
    styles, scripts = (
        re.findall(pattern, page)
        for pattern in (r'href="(/hub/static/css[^"]+)"', r'src="(/hub/static/js/[^"]+|/hub/static/components/[^"]+)"')
    )
    for path in (*styles, *scripts):
        answer = stranger.send("GET", path, Accept_Encoding="gzip")
        assert answer.headers["Content-Encoding"] == "gzip", path
        assert answer.headers["Cache-Control"] == KEPT
        assert answer.text == stranger.send("GET", path.partition("?")[0], Accept_Encoding="gzip").text
    plain, _, version = styles[0].partition("?v=")
    for other in (
        "",
        "?v=none",
        f"?v={version[:-1]}{'1' if version[-1] == '0' else '0'}",
        f"?v=../static/css/{version}",
    ):
        answer = stranger.send("GET", f"{plain}{other}", Accept_Encoding="gzip")
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers, "another version is the hub's own to give"


def test_what_has_secrets_in_it_is_never_compressed(campus: Machine, grace: Visitor, stranger: Visitor) -> None:
    """Nor is anything else that comes through the proxy, errors under the paths of static files included."""
    paths = ["/hub/home", "/hub/token", "/hub/static/none.js", "/hub/api/user"]
    paths += [f"/user/{GRACE}/{path}" for path in ("lab", "api/contents", "static/lab/none.0123456789abcdef.js", "x")]
    stranger.resume(GRACE, grace.cookies())
    for path in paths:
        answer = stranger.send("GET", path, Accept_Encoding="gzip, deflate, br")
        assert answer.status_code in {200, 404}, path
        assert "Content-Encoding" not in answer.headers, path
    with Visitor(campus) as other:
        assert "Content-Encoding" not in other.send("GET", "/hub/login", Accept_Encoding="gzip").headers


def test_what_is_not_on_disk_comes_from_the_users_own_server(campus: Machine, grace: Visitor) -> None:
    """An extension of somebody's own; and everything, for a server of another version than nginx has files of."""
    home = f"/home/{GRACE}/.local/share/jupyter/labextensions/mine/static"
    campus.run(["mkdir", "--parents", home], user=GRACE)
    campus.put(f"{home}/own.0123456789abcdef0123.js", "export default 1;", owner=GRACE)
    campus.run(["ln", "-s", "/etc/passwd", f"{home}/link.0123456789abcdef0123.js"], user=GRACE)
    own = grace.get(f"/user/{GRACE}/lab/extensions/mine/static/own.0123456789abcdef0123.js")
    assert own.text == "export default 1;"
    assert "X-JupyterHub-Version" in own.headers
    path = main_file(grace)
    ours = grace.get(path).content
    campus.run(["sed", "--in-place=.kept", "s#/opt/jupyter/.venv/share#&/of-another#", SITE])
    campus.run(["systemctl", "reload", "nginx"])
    try:
        # A reload is over when the workers of before have answered what they were asked.
        until("the user's own server", lambda: "X-JupyterHub-Version" in grace.get(path).headers)
        assert grace.get(path).content == ours
    finally:
        campus.run(f"mv {SITE}.kept {SITE} && systemctl reload nginx")


def test_nothing_else_of_the_disk_can_be_had(stranger: Visitor) -> None:
    for path in (
        f"/user/{GRACE}/static/lab/../../../../bin/python",
        f"/user/{GRACE}/static/lab/..%2f..%2f..%2fetc%2fpasswd",
        f"/user/{GRACE}/static/lab/%2e%2e/%2e%2e/0123456789abcdef.js",
        f"/user/{GRACE}/lab/extensions/..%2f../static/0123456789abcdef.js",
        f"/user/{GRACE}/lab/extensions/@jupyter-widgets/../../static/0123456789abcdef.js",
    ):
        answer = stranger.send("GET", path)
        assert answer.status_code in {302, 400, 403, 404}, path
        assert "root:" not in answer.text


# --- uploads and output --------------------------------------------------------------------------


def held(machine: Machine) -> dict[str, int]:
    """The most memory that each process on the way had at once, in MB, since it was asked last."""
    return dict(json.loads(machine.run(["python3", "-c", HELD]).stdout))


@contextmanager
def no_room_for_files(machine: Machine) -> Iterator[None]:
    """Whatever nginx would put aside of a request or of an answer, it can't."""
    places = [f"/var/lib/nginx/{name}" for name in ("body", "proxy")]
    for place in places:
        machine.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", place])
    try:
        yield
    finally:
        for place in places:
            machine.run(["umount", place])


def test_an_upload_and_a_download_stream(campus: Machine, grace: Visitor) -> None:
    """A file into a real user's server and out again, by HTTP/2 as a browser has it, and nobody on the way holds it."""
    token = grace.api("POST", f"/hub/api/users/{GRACE}/tokens", {}).json()["token"]
    request = '{"type": "file", "format": "text", "content": "%s"}'
    make = f"print({request!r} % ('0123456789abcdef' * {UPLOAD // 16}))"
    campus.run(["sh", "-c", 'python3 -c "$1" > /root/upload.json', "sh", make])
    site = f"https://{HOST}/user/{GRACE}"
    curl = [
        "curl", "--silent", "--show-error", "--http2", "--cacert", "/etc/jupyterhub/tls/ca.crt",
        "--output", "/dev/null", "--resolve", f"{HOST}:443:127.0.0.1", "--header", f"Authorization: token {token}",
        "--write-out", "%{http_code} %{http_version} %{size_upload} %{size_download}",
    ]  # fmt: skip
    with no_room_for_files(campus):
        before = held(campus)
        said = campus.run([*curl, "--upload-file", "/root/upload.json", f"{site}/api/contents/big.txt"], timeout=300)
        code, version, sent, _ = said.stdout.split()
        assert (code, version) == ("201", "2"), said
        assert int(sent) > UPLOAD
        uploaded = held(campus)
        # Slower than the server gives it: the rest waits there, and nowhere else.
        said = campus.run([*curl, "--limit-rate", f"{UPLOAD // 4}", f"{site}/files/big.txt"], timeout=300)
        code, _, _, received = said.stdout.split()
        assert (code, int(received)) == ("200", UPLOAD), said
        downloaded = held(campus)
    assert {name.split()[0] for name in before} == {"nginx", "proxy"}
    for name, megabytes in before.items():
        assert uploaded[name] - megabytes < MEGABYTES, (before, uploaded)
        assert downloaded[name] - megabytes < MEGABYTES, (before, downloaded)
    campus.run(["rm", f"/home/{GRACE}/big.txt", "/root/upload.json"])


# --- connections ---------------------------------------------------------------------------------


def test_a_thousand_websockets_at_once_and_thousands_of_messages(campus: Machine, grace: Visitor) -> None:
    """All to a real user's server, which tells each of what happens to a file; nothing waits for what comes next."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * SOCKETS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    times = 5
    with ExitStack() as stack:
        with ThreadPoolExecutor(32) as pool:
            path = f"/user/{GRACE}/api/events/subscribe"
            lines = list(pool.map(lambda _: grace.websocket(path), range(SOCKETS)))
        for line in lines:
            stack.callback(line.close)
        holds = campus.run("for p in $(pgrep --uid www-data nginx); do ls /proc/$p/fd; done | wc -l").stdout
        assert int(holds) >= 2 * SOCKETS
        begun = time.monotonic()
        for number in range(times):
            saved = {"type": "file", "format": "text", "content": str(number)}
            assert grace.api("PUT", f"/user/{GRACE}/api/contents/news.txt", saved).status_code in {200, 201}
        for line in lines:
            told = 0
            while told < times:
                event = json.loads(line.recv())
                assert event["path"] == "news.txt"
                told += event["action"] == "save"
        print(f"{times * SOCKETS / (time.monotonic() - begun):.0f} messages a second")
        assert grace.server_answers()
        with Visitor(campus) as other:
            assert other.get("/hub/login").status_code == 200


def test_nginxs_limits_are_raised_where_they_stand_and_mended(campus: Machine) -> None:
    before = campus.read(MAIN)
    assert "worker_connections 8192; # JupyterHub's installer has this in place of: worker_connections 768;" in before
    limits = campus.run("for p in $(pgrep --uid www-data nginx); do grep 'open files' /proc/$p/limits; done").stdout
    assert all(line.split()[3] == "16384" for line in limits.splitlines()), limits
    campus.put(MAIN, before.replace("worker_connections 8192", "worker_connections 100") + "# mine\n")
    shown = pending(campus)
    assert "nginx-limits:/etc/nginx/nginx.conf" in shown
    assert "worker_connections: 100 -> 8192" in shown
    assert apply_as_root(campus).ok
    assert pending(campus) == ""
    mended = campus.read(MAIN)
    assert mended.endswith("# mine\n")
    assert "worker_connections 8192; # JupyterHub's installer has this in place of: worker_connections 100;" in mended
    campus.put(MAIN, before)
    assert apply_as_root(campus).ok
