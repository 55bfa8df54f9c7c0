"""A channel over HTTP on this host, for a machine: with a password, or one that goes away in the middle."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Meets = Callable[[str], str | None]
"""Is told of each path that is asked for, before it is answered; "cut" ends the answer half-way."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, password: str | None, meets: Meets, **rest: Any) -> None:
        self._password = password
        self._meets = meets
        super().__init__(*args, **rest)

    def do_GET(self) -> None:
        if not self._may():
            self.send_error(401)
        elif self._meets(self.path) != "cut":
            super().do_GET()
        else:
            data = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])

    def do_HEAD(self) -> None:
        if self._may():
            super().do_HEAD()
        else:
            self.send_error(401)

    def _may(self) -> bool:
        wanted = self._password and f"Basic {base64.b64encode(self._password.encode()).decode()}"
        return not wanted or self.headers.get("Authorization") == wanted

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def served(
    directory: Path, address: str, *, password: str | None = None, meets: Meets = lambda _: None
) -> Iterator[str]:
    """A directory over HTTP at an address of this host's; gives its URL."""
    handler = functools.partial(_Handler, directory=str(directory), password=password, meets=meets)
    server = http.server.ThreadingHTTPServer((address, 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
