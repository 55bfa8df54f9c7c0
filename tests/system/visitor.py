"""Somebody who uses the hub from the outside: what a browser does, as far as tests need it, without the browser.

Connects to the machine's address from the host, calls it by its name, and trusts its own CA alone.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, TypeVar

import httpx
import websocket

from tests.system.kernel_talk import SECONDS, Kernel
from tests.system.machine import Machine
from tests.system.machine_image import DOMAIN, HOSTNAME
from tests.system.machine_person import add_person

HOST = f"{HOSTNAME}.{DOMAIN}"

Found = TypeVar("Found")


class Reachable(Protocol):
    """A machine with a hub, of whatever sort."""

    @property
    def address(self) -> str:
        """Where it is reached."""

    def read(self, path: str) -> str:
        """The text of a file of its."""


def until(what: str, look: Callable[[], Found | None], seconds: float = SECONDS, pause: float = 0.02) -> Found:
    """What `look` finds, as soon as it finds something; fails with `what` where that takes too long.

    pause: seconds between two looks.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(pause)
    return found


def trust(machine: Reachable) -> ssl.SSLContext:
    """TLS as a browser does it that was given the machine's CA, and knows no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=machine.read("/etc/jupyterhub/tls/ca.crt"))
    return context


@contextmanager
def member(machine: Machine, name: str) -> Iterator[Visitor]:
    """A new account that may use the hub, logged in, and its server started."""
    person = add_person(machine, name, f"the password of {name}", groups=["jupyterhub-users"])
    with Visitor(machine) as visitor:
        visitor.login(name, person.password or "")
        visitor.start_server()
        yield visitor


class _ToMachine(httpx.BaseTransport):
    """Whatever name is asked for, the machine is asked: what DNS would do."""

    def __init__(self, machine: Reachable, context: ssl.SSLContext) -> None:
        self._address = machine.address
        self._inner = httpx.HTTPTransport(verify=context)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._inner.handle_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host=self._address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
        )

    def close(self) -> None:
        self._inner.close()


class Visitor:
    """A browser with its cookies. Use it in a with block.

    base_url: the path that the hub lives under; all paths that a visitor is told are below it.
    context: what is trusted; the machine's own CA unless it is given.
    seconds: how long an answer may take.
    pause: seconds between two looks at whether something has happened; each of them is work for the machine.
    """

    def __init__(
        self,
        machine: Reachable,
        base_url: str = "/",
        context: ssl.SSLContext | None = None,
        *,
        seconds: float = SECONDS,
        pause: float = 0.02,
    ) -> None:
        self.name = ""
        self._seconds = seconds
        self._pause = pause
        self._base = base_url.rstrip("/")
        self._kernels: list[Kernel] = []
        self._address = machine.address
        self._context = context or trust(machine)
        self._transport = _ToMachine(machine, self._context)
        self._client = httpx.Client(
            base_url=f"https://{HOST}{self._base}",
            transport=self._transport,
            follow_redirects=True,
            timeout=seconds,
        )

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for kernel in self._kernels:
            kernel.close()
        self._client.close()

    # --- pages -----------------------------------------------------------------------------------

    def get(self, path: str, *, follow: bool = True) -> httpx.Response:
        """Open a page."""
        return self._client.get(path, follow_redirects=follow)

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """A request as it is, with headers of one's own; its answer, without going where that leads."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.request(method, path, content=content, headers=named, follow_redirects=False)

    def login(self, name: str, password: str) -> httpx.Response:
        """Fill in the login form, and return the page that the hub answers with."""
        page = self.get("/hub/login")
        field = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
        assert field, page.text
        self.name = name
        form = {"username": name, "password": password, "_xsrf": field[1]}
        return self._client.post("/hub/login", data=form, follow_redirects=False)

    def submit(self, url: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form of any site's, and return the page that this leads to."""
        return self._client.post(url, data=fields)

    def resume(self, name: str, cookies: Iterable[Any]) -> None:
        """Go on with the cookies of another visit."""
        self.name = name
        for cookie in cookies:
            self._client.cookies.jar.set_cookie(cookie)

    def api(self, method: str, path: str, content: object = None) -> httpx.Response:
        """Ask an API, as the page under which it is does."""
        return self._client.request(method, path, json=content, headers={"X-XSRFToken": self._xsrf(path)})

    def as_program(self, path: str, token: str) -> httpx.Response:
        """Ask an API as a program does: with a token, and none of the browser's cookies."""
        program = httpx.Client(base_url=f"https://{HOST}", transport=self._transport, timeout=self._seconds)
        return program.get(path, headers={"Authorization": f"token {token}"})

    def hub_user(self) -> dict[str, Any]:
        """What the hub knows of the one who is logged in."""
        answer = self.api("GET", "/hub/api/user")
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    # --- the own server --------------------------------------------------------------------------

    def start_server(self) -> None:
        """Have the hub start the server, and return when JupyterLab can be opened."""
        self.get("/hub/spawn")
        pending = f"/hub/spawn-pending/{self.name}"
        until(
            f"the server of {self.name}",
            lambda: self.get(pending, follow=False).is_redirect,
            self._seconds,
            self._pause,
        )
        # Signs in at the server too: from there on its API knows the visitor.
        page = self.get(f"/user/{self.name}/lab")
        assert page.status_code == httpx.codes.OK, page.text

    def server_answers(self) -> bool:
        """Whether the own server's API is reached."""
        answer = self.get(f"/user/{self.name}/api/status", follow=False)
        return answer.status_code == httpx.codes.OK and "last_activity" in answer.text

    def start_kernel(self, kernelspec: str | None = None) -> Kernel:
        """Start a kernel, as a new notebook would; the default one unless another is named."""
        return self.kernel(self.launch_kernel(kernelspec))

    def launch_kernel(self, kernelspec: str | None = None) -> str:
        """Have a kernel start, and return its id, without connecting to it."""
        wished = {} if kernelspec is None else {"name": kernelspec}
        answer = self.api("POST", f"/user/{self.name}/api/kernels", wished)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return str(answer.json()["id"])

    def interrupt_kernel(self, kernel: Kernel) -> None:
        """Press the stop button."""
        self._do(kernel, "POST", "/interrupt", httpx.codes.NO_CONTENT)

    def restart_kernel(self, kernel: Kernel) -> Kernel:
        """Press the restart button, after which JupyterLab connects anew."""
        self._do(kernel, "POST", "/restart", httpx.codes.OK)
        kernel.close()
        return self.kernel(kernel.identity)

    def shut_down_kernel(self, kernel: Kernel) -> None:
        """Have a kernel end."""
        self._do(kernel, "DELETE", "", httpx.codes.NO_CONTENT)

    def _do(self, kernel: Kernel, method: str, path: str, expected: int) -> None:
        answer = self.api(method, f"/user/{self.name}/api/kernels/{kernel.identity}{path}")
        assert answer.status_code == expected, answer.text

    def kernel(self, identity: str) -> Kernel:
        """Connect to a kernel."""
        connection = self.websocket(f"/user/{self.name}/api/kernels/{identity}/channels")
        self._kernels.append(Kernel(identity, connection))
        return self._kernels[-1]

    def websocket(self, path: str) -> websocket.WebSocket:
        """Open a WebSocket, as a page of the site does."""
        line = socket.create_connection((self._address, 443), timeout=self._seconds)
        return websocket.create_connection(
            f"wss://{HOST}{self._base}{path}",
            timeout=self._seconds,
            socket=self._context.wrap_socket(line, server_hostname=HOST),
            cookie="; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies(path)),
            origin=f"https://{HOST}",
        )

    def cookies(self) -> list[Any]:
        """All cookies that were set (http.cookiejar.Cookie)."""
        return list(self._client.cookies.jar)

    def forget(self, name: str) -> None:
        """Delete the cookies of a name."""
        for cookie in self.cookies():
            if cookie.name == name:
                self._client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)

    def _cookies(self, path: str) -> list[Any]:
        return [cookie for cookie in self.cookies() if f"{self._base}{path}".startswith(cookie.path)]

    def _xsrf(self, path: str) -> str:
        """The token of the page that a path belongs to: the one set for the longest part of it."""
        tokens = [cookie for cookie in self._cookies(path) if cookie.name == "_xsrf"]
        return str(max(tokens, key=lambda cookie: len(cookie.path)).value)
