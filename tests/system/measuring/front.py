"""What nginx in front costs, against the proxy alone: with no TLS at all, and with TLS of its own.

The far end is an nginx of its own, which is quicker than either, and for uploads and WebSockets a small program.
Client, front, proxy and far end share the machine's processors.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.system.machine import Machine
from tests.system.machine_image import DOMAIN, HOSTNAME
from tests.system.machine_person import ADMIN, apply
from tests.system.measuring import proxy_alone
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

_NAME = f"{HOSTNAME}.{DOMAIN}"
_PYTHON = "/opt/jupyter/.venv/bin/python"
_PLAIN, _TLS, _QUICK, _FAR = 7100, 7101, 7001, 7002
UPLOAD = 2 << 30
_MESSAGES = 20_000

_QUICK_END = f"""\
daemon off; pid /run/quick.pid; worker_processes 1; error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{_QUICK};
        location /bench/quick/ {{
            alias /srv/quick/;
        }}
    }}
}}
"""
_WAYS = {
    "the proxy alone, without TLS": f"http://127.0.0.1:{_PLAIN}",
    "the proxy alone, with TLS": f"https://{_NAME}:{_TLS}",
    "our front": f"https://{_NAME}",
}

# As many messages on their way at once as fit, each counted when it is back.
_ECHO = """
import asyncio, ssl, sys, time
from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import websocket_connect

async def main(url, count):
    request = HTTPRequest(url, ca_certs="/etc/jupyterhub/tls/ca.crt" if url.startswith("wss") else None)
    line = await websocket_connect(request)
    await line.write_message("ready"), await line.read_message()
    begun = time.perf_counter()
    async def send():
        for number in range(count):
            await line.write_message("x" * 200)
            if number % 50 == 0:
                await asyncio.sleep(0)
    sending = asyncio.create_task(send())
    for _ in range(count):
        await line.read_message()
    await sending
    print(count / (time.perf_counter() - begun))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""

_HELD = r"""
import pathlib, re
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (process / "cmdline").read_text(errors="replace").split("\0")
        groups = (process / "cgroup").read_text()
        memory = (process / "status").read_text()
    except OSError:
        continue
    name = "nginx" if "nginx.service" in groups else "proxy" if "jupyterhub-proxy.service" in groups else None
    if name:
        held, peak = (int(re.search(rf"{field}:\s+(\d+)", memory)[1]) / 1024 for field in ("VmRSS", "VmHWM"))
        print(name, held, peak)
        (process / "clear_refs").write_text("5")
"""


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each way in turn, in one machine."""
    rows: dict[str, list[float]] = {}
    units: dict[str, str] = {}

    def note(what: str, value: float, unit: str) -> None:
        rows.setdefault(what, []).append(value)
        units[what] = unit

    with Machine(stage.applied) as machine:
        apply(machine, ADMIN)
        _prepare(machine)
        for _ in range(runs):
            loads.append(load())
            for way, site in _WAYS.items():
                note(f"requests, 32 at a time: {way}", _requests(machine, site), "/s")
            for way, site in _WAYS.items():
                note(f"one request at a time, the median: {way}", _latency(machine, site), "ms")
            for way, site in _WAYS.items():
                note(f"download of 256 MB: {way}", _download(machine, site), "MB/s")
            for way, site in _WAYS.items():
                note(f"WebSocket messages there and back: {way}", _echo(machine, site), "/s")
            machine.run(["python3", "-c", _HELD])
            note("upload of 2 GB: our front", _upload(machine, _WAYS["our front"]), "MB/s")
            for name, megabytes in _held(machine).items():
                note(f"memory of {name} meanwhile, at most", megabytes, "MB")
    return [Row(what, values, units[what]) for what, values in sorted(rows.items(), key=lambda row: _order(row[0]))]


def _order(what: str) -> int:
    kinds = ("requests", "one request", "download", "WebSocket", "upload", "memory")
    return next(number for number, kind in enumerate(kinds) if what.startswith(kind))


def _prepare(machine: Machine) -> None:
    machine.run(
        "apt-get update -qq && apt-get install -qq -y --no-install-recommends wrk",
        env={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=300,
    )
    machine.run(f"grep -q ' {_NAME}$' /etc/hosts || echo '127.0.0.1 {_NAME}' >> /etc/hosts")
    machine.put("/srv/quick/small", "x" * 1000)
    machine.run("head -c 256M /dev/zero > /srv/quick/large")
    machine.put("/srv/quick.conf", _QUICK_END)
    machine.put("/srv/far_end.py", Path(__file__).with_name("far_end.py").read_text())
    machine.put("/srv/echo.py", _ECHO)
    proxy_alone.run_beside(machine, "quick", "nginx", "-c", "/srv/quick.conf")
    proxy_alone.run_beside(machine, "far", _PYTHON, "-B", "/srv/far_end.py", str(_FAR))
    routes = {"/bench/quick": f"http://127.0.0.1:{_QUICK}", "/bench/far": f"http://127.0.0.1:{_FAR}"}
    proxy_alone.start(machine, "127.0.0.1", _PLAIN, routes, tls=False)
    proxy_alone.start(machine, "127.0.0.1", _TLS, routes, tls=True)
    proxy_alone.add_to_the_hubs(machine, routes)


def _requests(machine: Machine, site: str) -> float:
    said = machine.run(["wrk", "-t1", "-c32", "-d4s", f"{site}/bench/quick/small"]).stdout
    return _only(said, r"Requests/sec:\s+([\d.]+)")


def _latency(machine: Machine, site: str) -> float:
    said = machine.run(["wrk", "-t1", "-c1", "-d2s", "--latency", f"{site}/bench/quick/small"]).stdout
    found = re.search(r"50%\s+([\d.]+)(us|ms)", said)
    assert found, said
    return float(found[1]) / (1000 if found[2] == "us" else 1)


def _only(said: str, pattern: str) -> float:
    found = re.search(pattern, said)
    assert found, said
    assert "Non-2xx" not in said, said
    return float(found[1])


def _curl(machine: Machine, told: str, *words: str) -> float:
    ca = ["--cacert", "/etc/jupyterhub/tls/ca.crt", "--output", "/dev/null"]
    curl = ["curl", "--silent", "--show-error", "--fail", *ca, "--write-out", f"%{{{told}}}", *words]
    return float(machine.run(curl, timeout=300).stdout) / 1e6


def _download(machine: Machine, site: str) -> float:
    return _curl(machine, "speed_download", f"{site}/bench/quick/large")


def _upload(machine: Machine, site: str) -> float:
    machine.run(["truncate", f"--size={UPLOAD}", "/srv/zeros"])
    return _curl(machine, "speed_upload", "--upload-file", "/srv/zeros", f"{site}/bench/far/sink")


def _echo(machine: Machine, site: str) -> float:
    url = f"{site.replace('http', 'ws', 1)}/bench/far/echo"
    return float(machine.run([_PYTHON, "/srv/echo.py", url, str(_MESSAGES)], timeout=120).stdout)


def _held(machine: Machine) -> dict[str, float]:
    peaks: dict[str, float] = {}
    for line in machine.run(["python3", "-c", _HELD]).stdout.splitlines():
        name, _, peak = line.split()
        peaks[name] = peaks.get(name, 0) + float(peak)
    return peaks
