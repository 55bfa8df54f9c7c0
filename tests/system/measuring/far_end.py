"""What is behind the proxy while the front is measured: counts an upload without keeping it, echoes a WebSocket.

Runs in a machine, with the Python of the hub's own environment, and listens on 127.0.0.1:PORT:

    python far_end.py PORT
"""

from __future__ import annotations

import asyncio
import sys

from tornado import httpserver, web, websocket


@web.stream_request_body
class Sink(web.RequestHandler):
    """Says how much it was given."""

    def prepare(self) -> None:
        self.given = 0

    def data_received(self, chunk: bytes) -> None:
        self.given += len(chunk)

    def put(self) -> None:
        self.finish(str(self.given))


class Echo(websocket.WebSocketHandler):
    """Says what it hears."""

    def check_origin(self, origin: str) -> bool:
        return True

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message)


async def main() -> None:
    """Listen, for ever."""
    routes = [(r".*/sink", Sink), (r".*/echo", Echo)]
    httpserver.HTTPServer(web.Application(routes), max_body_size=1 << 40).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
