"""One more of the same proxy, beside the hub's, without nginx before it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tests.system.machine import Machine

_TLS = ("--ssl-cert", "/etc/jupyterhub/tls/hub.crt", "--ssl-key", "/etc/jupyterhub/secrets/hub.key")
_HUBS = ("--unix-socket", "/run/jupyterhub-proxy-api/api.sock", "http://api")
_TOKEN = "/root/proxy-token"


def start(machine: Machine, address: str, port: int, routes: Mapping[str, str], *, tls: bool) -> None:
    """Start one there. routes: the targets of paths. Its API is 100 ports above."""
    machine.put(_TOKEN, f"CONFIGPROXY_AUTH_TOKEN={_token(machine)}\n", mode="0600")
    started = machine.run(["systemctl", "show", "--property=ExecStart", "--value", "jupyterhub-proxy.service"]).stdout
    program = re.search(r"(\S+/bin/node) (\S+/configurable-http-proxy)", started)
    assert program, started
    run_beside(
        machine, f"proxy-{port}", *program.groups(), "--ip", address, "--port", str(port), "--api-ip", "127.0.0.1",
        "--api-port", str(port + 100), "--log-level", "warn", *(_TLS if tls else ()),
    )  # fmt: skip
    for path, target in routes.items():
        _add(machine, path, target, f"http://127.0.0.1:{port + 100}")


def add_to_the_hubs(machine: Machine, routes: Mapping[str, str]) -> None:
    """Have the hub's own proxy know further routes."""
    for path, target in routes.items():
        _add(machine, path, target, *_HUBS)


def of_the_hubs(machine: Machine) -> dict[str, str]:
    """The routes that the hub's own proxy has."""
    said = machine.run([*_asked(machine), *_HUBS[:-1], f"{_HUBS[-1]}/api/routes"]).stdout
    return {path: route["target"] for path, route in json.loads(said).items()}


def run_beside(machine: Machine, unit: str, *words: str) -> None:
    """Run a program as a service of the machine."""
    more = [f"--property=EnvironmentFile=-{_TOKEN}", "--property=LimitNOFILE=16384"]
    machine.run(["systemd-run", "--quiet", f"--unit=bench-{unit}", *more, "--", *words])


def _add(machine: Machine, path: str, target: str, *api: str) -> None:
    route = json.dumps({"target": target})
    waiting = ["--retry", "20", "--retry-connrefused", "--retry-delay", "1"]
    machine.run([*_asked(machine), *waiting, "--data", route, *api[:-1], f"{api[-1]}/api/routes{path}"])


def _asked(machine: Machine) -> list[str]:
    return ["curl", "--silent", "--fail", "--show-error", "--header", f"Authorization: token {_token(machine)}"]


def _token(machine: Machine) -> str:
    return machine.read("/etc/jupyterhub/secrets/proxy_auth_token").strip()
