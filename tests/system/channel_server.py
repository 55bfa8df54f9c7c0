"""The channel over HTTP, as well or as badly as a test wants it.

with ChannelServer(channel, machine.host_address) as server:
    machine.put(CONFIG, f"channels: [{server.url}]\\n")
    server.faults["*.conda"] = Cut(100_000)
"""

from __future__ import annotations

import fnmatch
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Status:
    """Answer with a status, as a server in trouble does."""

    code: int


@dataclass(frozen=True)
class Cut:
    """Send so many bytes of the file, then cut the connection."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Send so many bytes of the file, then nothing, with the connection open, for some seconds."""

    after: int
    seconds: float


@dataclass(frozen=True)
class Flip:
    """Send the file with one byte changed, as who tampers with it would."""

    at: int


Fault = Status | Cut | Stall | Flip

_CHUNK = 1 << 16


class ChannelServer:
    """Serves a directory until closed. It takes requests meant for a proxy, too: `http_proxy={server.url}`."""

    def __init__(
        self, directory: Path, address: str, *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """Serve on a free port of an address.

        login: user and password (basic authentication) to ask for.
        tls: what to speak TLS with.
        """
        self.directory = directory
        self.faults: dict[str, Fault] = {}
        """What goes wrong, by pattern of the path (`*.conda`, `/noarch/repodata*`); may change at any time."""
        self.requests: list[str] = []
        """What was asked for so far, each as `GET /noarch/repodata.json`."""
        self.login = login
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer((address, 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://{address}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> ChannelServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on; those under way are cut. Safe to call twice."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(self, path: str) -> Fault | None:
        """What is to go wrong with a path."""
        return next((fault for pattern, fault in self.faults.items() if fnmatch.fnmatch(path, pattern)), None)

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the server is up."""
        self._closing.wait(seconds)

    @property
    def is_closing(self) -> bool:
        """Whether transfers are to end."""
        return self._closing.is_set()


def _handler(server: ChannelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
            """Say nothing; `requests` has it."""

        def _answer(self, *, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            server.requests.append(f"{self.command} {path}")
            fault = server.fault(path)
            if isinstance(fault, Status):
                self._refuse(fault.code)
                return
            if server.login is not None:
                expected = b64encode(":".join(server.login).encode()).decode()
                if self.headers["Authorization"] != f"Basic {expected}":
                    self._refuse(401)
                    return
            file = server.directory / path.lstrip("/")
            if not file.resolve().is_relative_to(server.directory.resolve()) or not file.is_file():
                self._refuse(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(file.stat().st_size))
            self.send_header("Last-Modified", formatdate(file.stat().st_mtime, usegmt=True))
            self.end_headers()
            if with_body:
                self._send(file, fault)

        def _refuse(self, code: int) -> None:
            self.send_response(code)
            if code == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="channel"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, file: Path, fault: Fault | None) -> None:
            sent = 0
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    if isinstance(fault, Flip) and sent <= fault.at < sent + len(chunk):
                        place = fault.at - sent
                        chunk = chunk[:place] + bytes([chunk[place] ^ 1]) + chunk[place + 1 :]
                    if isinstance(fault, Cut | Stall) and sent + len(chunk) > fault.after:
                        self.wfile.write(chunk[: fault.after - sent])
                        self.wfile.flush()
                        if isinstance(fault, Stall):
                            server.wait(fault.seconds)
                        self.close_connection = True
                        return
                    if server.is_closing:
                        self.close_connection = True
                        return
                    self.wfile.write(chunk)
                    sent += len(chunk)

    return Handler
