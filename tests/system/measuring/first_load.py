"""JupyterLab's first load in a real browser, and the next one: through our front, and from the proxy alone with TLS.

The same user's server either way. The browser's line is slowed down to that of somebody at home, since on one machine
bytes cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import CDPSession, Page, expect

from tests.system import machine_host as host
from tests.system.browser import SITE, chromium, open_lab
from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, add_person, apply
from tests.system.measuring import proxy_alone
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import Row, load

_PORT = 7101
_WAYS = {"the proxy alone": f"https://{SITE}:{_PORT}", "our front": f"https://{SITE}"}
LINE = {"offline": False, "latency": 20, "downloadThroughput": 50e6 / 8, "uploadThroughput": 20e6 / 8}
"""50 Mbit/s, 20 ms."""


def measure(stage: Stage, runs: int, loads: list[float]) -> list[Row]:
    """Each way in turn, with an empty cache and then with what the first load left in it."""
    host.install_packages(host.BROWSER_PACKAGES)
    rows: dict[str, list[float]] = {}
    units: dict[str, str] = {}
    with Machine(stage.applied) as machine, TemporaryDirectory(prefix="bench-") as home:
        apply(machine, ADMIN)
        grace = add_person(machine, "grace", "a nanosecond is a foot", groups=["jupyterhub-users"])
        with chromium(machine, Path(home)) as context:
            page = context.pages[0]
            page.goto(f"https://{SITE}/")
            expect.set_options(timeout=60_000)
            open_lab(page, grace)
            proxy_alone.start(machine, machine.address, _PORT, proxy_alone.of_the_hubs(machine), tls=True)
            line = context.new_cdp_session(page)
            line.send("Network.enable")
            line.send("Network.emulateNetworkConditions", LINE)
            for _ in range(runs):
                loads.append(load())
                for way, site in _WAYS.items():
                    line.send("Network.clearBrowserCache")
                    for state in ("cold", "warm"):
                        with _counted(line) as seen:
                            begun = time.perf_counter()
                            _open(page, f"{site}/user/{grace.name}/lab?reset")
                            seconds = time.perf_counter() - begun
                            page.wait_for_timeout(2000)  # what it still fetches behind that
                        for what, value, unit in (
                            ("time until the launcher is there", seconds, "s"),
                            ("fetched", sum(seen.values()) / 1e3, "kB"),
                            ("requests", len(seen), ""),
                        ):
                            name = f"cache {state}, {what}: {way}"
                            rows.setdefault(name, []).append(value)
                            units[name] = unit
    return [Row(name, rows[name], units[name]) for name in sorted(rows)]


def _open(page: Page, url: str) -> None:
    page.goto("about:blank")
    page.goto(url)
    expect(page.locator(".jp-Launcher")).to_be_visible()


@contextmanager
def _counted(line: CDPSession) -> Iterator[dict[str, float]]:
    """The bytes of each request that goes over the line in the block."""
    seen: dict[str, float] = {}
    cached: set[str] = set()

    def on_finished(event: dict[str, object]) -> None:
        if event["requestId"] not in cached:
            seen[str(event["requestId"])] = float(str(event["encodedDataLength"]))

    def on_response(event: dict[str, dict[str, object]]) -> None:
        if event["response"].get("fromDiskCache"):
            cached.add(str(event["requestId"]))

    def on_cached(event: dict[str, object]) -> None:
        cached.add(str(event["requestId"]))

    handlers: dict[str, Callable[..., None]] = {
        "Network.loadingFinished": on_finished,
        "Network.responseReceived": on_response,
        "Network.requestServedFromCache": on_cached,
    }
    for name, handler in handlers.items():
        line.on(name, handler)
    try:
        yield seen
    finally:
        for name, handler in handlers.items():
            line.remove_listener(name, handler)
