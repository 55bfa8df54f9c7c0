"""Run one cell in a running server by the way that a browser takes: nginx, proxy, server, WebSocket, kernel.

Reads {"host", "plain_at", "base_url", "authority", "token", "kernelspec", "code", "expect"} from standard input; writes
{"trouble": "…"} ("" where the output has `expect` in it). It is started as the server's owner (see
installer.commands.doctor.login).
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
from tornado.netutil import OverrideResolver, Resolver
from tornado.websocket import WebSocketClientConnection, websocket_connect

SECONDS = 60


class Failed(Exception):  # noqa: N818 - told to a person
    """The cell did not give what it should; the message says why, in one line."""


async def run(wished: Mapping[str, str]) -> None:
    """Start a kernel, run the cell, end the kernel. Raises Failed."""
    # This machine by the site's name, which the certificate is for, wherever DNS may say that it is.
    here = OverrideResolver(resolver=Resolver(), mapping={wished["host"]: "127.0.0.1"})
    client = AsyncHTTPClient(force_instance=True, resolver=here)
    authority = f"[{wished['host']}]" if ":" in wished["host"] else wished["host"]
    headers = {"Authorization": f"token {wished['token']}"}
    options: dict[str, Any] = {"headers": headers, "request_timeout": 60}
    if wished["plain_at"]:
        # As the proxy asks that has the certificate.
        headers |= {"Host": authority, "X-Forwarded-Proto": "https"}
        secure, authority = "", wished["plain_at"]
    else:
        secure = "s"
        options["ssl_options"] = context = ssl.create_default_context(cafile=wished["authority"])
        # The site's own certificate is one, whoever has signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    kernels = f"{authority}{wished['base_url']}api/kernels"
    body = json.dumps({"name": wished["kernelspec"]})
    try:
        answer = await client.fetch(HTTPRequest(f"http{secure}://{kernels}", "POST", body=body, **options))
    except (HTTPError, OSError) as error:
        raise Failed(f"the kernel {wished['kernelspec']} did not start: {error}") from error
    kernel = json.loads(answer.body)["id"]
    try:
        request = HTTPRequest(f"ws{secure}://{kernels}/{kernel}/channels", **options)
        socket = await websocket_connect(request, resolver=here)
        try:
            await _cell(socket, wished)
        finally:
            socket.close()
    except (HTTPError, OSError) as error:
        raise Failed(f"no WebSocket to the kernel: {error}") from error
    finally:
        await client.fetch(HTTPRequest(f"http{secure}://{kernels}/{kernel}", "DELETE", **options), raise_error=False)


async def _cell(socket: WebSocketClientConnection, wished: Mapping[str, str]) -> None:
    """Have the cell run, and look at what it prints."""
    identity = uuid.uuid4().hex
    header = {
        "msg_id": identity,
        "msg_type": "execute_request",
        "session": uuid.uuid4().hex,
        "username": "",
        "version": "5.3",
    }
    content = {"code": wished["code"], "silent": False, "store_history": False, "allow_stdin": False}
    message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
    await socket.write_message(json.dumps(message))
    said = ""
    while True:
        text = await socket.read_message()
        if text is None:
            raise Failed("the connection was closed before the cell had ended")
        if not isinstance(text, str):
            continue
        answer = json.loads(text)
        if answer["parent_header"].get("msg_id") != identity:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "stream":
            said += content["text"]
        elif kind in {"execute_result", "display_data"}:
            said += str(content["data"].get("text/plain", ""))
        elif kind == "error":
            raise Failed(f"the cell failed: {content['ename']}: {content['evalue']}")
        elif kind == "status" and content["execution_state"] == "idle":
            break
    if wished["expect"] not in said:
        raise Failed(f"the cell gave {said[:200]!r}, where {wished['expect']!r} should be")


def main() -> None:
    """Read what to run, run it, tell."""
    trouble = ""
    try:
        asyncio.run(asyncio.wait_for(run(json.load(sys.stdin)), SECONDS))
    except Failed as error:
        trouble = str(error)
    except asyncio.TimeoutError:
        trouble = f"the cell did not end within {SECONDS} s"
    json.dump({"trouble": trouble}, sys.stdout)


if __name__ == "__main__":
    main()
