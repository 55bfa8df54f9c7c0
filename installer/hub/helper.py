"""Talk to a helper behind a Unix socket: one JSON line there, one JSON line back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

LONGEST_REPLY = 1 << 16


class HelperUnreachable(Exception):  # noqa: N818 - reads as what it is
    """The helper's socket does not answer; the message names it."""


async def ask(socket_path: str, question: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """Send one question and return the answer.

    seconds: how long the whole exchange may take.
    """

    async def exchange() -> bytes:
        reader, writer = await asyncio.open_unix_connection(socket_path, limit=LONGEST_REPLY)
        try:
            writer.write(json.dumps(question).encode() + b"\n")
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()

    try:
        line = await asyncio.wait_for(exchange(), seconds)
        reply: dict[str, Any] = json.loads(line)
        if not isinstance(reply, dict):
            raise ValueError("not an answer")  # noqa: TRY004 - like any other nonsense
    except asyncio.TimeoutError:
        raise HelperUnreachable(f"{socket_path} did not answer within {seconds:.0f} s") from None
    except (OSError, ValueError) as error:
        raise HelperUnreachable(f"{socket_path} does not answer: {error}") from None
    return reply
