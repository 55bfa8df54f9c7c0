"""A small real application behind a path: says what reaches it, redirects, sets cookies, echoes a WebSocket.

Runs in a machine, with the Python of the hub's own environment:

    python probe_app.py PORT|SOCKET
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from tornado import httpserver, netutil, web, websocket


class Tell(web.RequestHandler):
    """What came: the path as it was written, the headers, the length of the body."""

    def get(self, *_: str) -> None:
        self.finish(
            json.dumps({"uri": self.request.uri, "headers": dict(self.request.headers), "body": len(self.request.body)})
        )

    post = get


class Redirect(web.RequestHandler):
    """To wherever is asked for."""

    def get(self, *_: str) -> None:
        self.set_status(302)
        self.set_header("Location", self.get_query_argument("to"))


class Cookie(web.RequestHandler):
    """A cookie for the path that is asked for."""

    def get(self, *_: str) -> None:
        self.set_header("Set-Cookie", f"session=secret; Path={self.get_query_argument('path')}; HttpOnly")


class Echo(websocket.WebSocketHandler):
    """Says what it hears."""

    def check_origin(self, origin: str) -> bool:
        return True

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message)


async def main() -> None:
    """Listen on a port of loopback, or on a Unix socket."""
    routes = [(r"(.*)/redirect", Redirect), (r"(.*)/cookie", Cookie), (r".*/echo", Echo), (r"(.*)", Tell)]
    server = httpserver.HTTPServer(web.Application(routes), max_buffer_size=1 << 30)
    where = sys.argv[1]
    if where.isdigit():
        server.listen(int(where), "127.0.0.1")
    else:
        server.add_socket(netutil.bind_unix_socket(where, mode=0o660))
        os.chown(where, -1, 33)  # www-data
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
