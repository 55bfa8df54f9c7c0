"""A kernel at the other end of a WebSocket, spoken to in Jupyter's messages.

Source: jupyter_client's documentation, "Messaging in Jupyter" (protocol 5.3).
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import websocket

SECONDS = 60.0
GOODBYE_SECONDS = 2.0

Message = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """All that a kernel said to one request: what it published in order (and asked), and its reply."""

    published: tuple[Message, ...]
    reply: Message

    @property
    def content(self) -> Mapping[str, Any]:
        """What the reply says."""
        return dict(self.reply["content"])

    @property
    def states(self) -> list[str]:
        """Whether it told to be busy and idle, in order."""
        return [said["execution_state"] for said in self.all_of("status")]

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The error that it published, if it did."""
        return next(iter(self.all_of("error")), None)

    @property
    def shown(self) -> dict[str, Any]:
        """What it showed, by MIME type: displays and the value of the last line."""
        found = [*self.all_of("display_data"), *self.all_of("execute_result")]
        return {kind: data for said in found for kind, data in said["data"].items()}

    def text(self, stream: str) -> str:
        """What was printed to `stdout` or `stderr`."""
        return "".join(said["text"] for said in self.all_of("stream") if said["name"] == stream)

    def all_of(self, kind: str) -> list[dict[str, Any]]:
        """The contents of what it published of a kind."""
        return [message["content"] for message in self.published if message["msg_type"] == kind]


class Kernel:
    """A kernel at the other end of a WebSocket."""

    def __init__(self, identity: str, connection: websocket.WebSocket) -> None:
        self.identity = identity
        self._connection = connection
        self._session = uuid.uuid4().hex
        self._heard: defaultdict[str, list[Message]] = defaultdict(list)
        self._arrived: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    # --- requests --------------------------------------------------------------------------------

    def ask(self, kind: str, content: Mapping[str, Any], channel: str = "shell", *, subshell: str = "") -> str:
        """Ask something, and return the id of the request, without waiting for the answer.

        subshell: the id of the one that is asked, if it isn't the main shell.
        """
        return self._send(kind, content, channel, {}, {"subshell_id": subshell} if subshell else {})

    def send(self, code: str, *, may_ask: bool = False) -> str:
        """Have a cell run, and return the id of the request, without waiting for the answer.

        may_ask: whether it can ask the person something (input()).
        """
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": may_ask, "stop_on_error": True}
        return self.ask("execute_request", {**content, "user_expressions": {}})

    def answer(self, request: str, *, typed: str = "", seconds: float = SECONDS) -> Answer:
        """The answer to a request, once the kernel has replied and is idle again.

        typed: what the person types where the kernel asks.
        """
        deadline = time.monotonic() + seconds
        while True:
            heard = self._heard[request]
            replies = [message for message in heard if message["msg_type"].endswith("_reply")]
            rest = [message for message in heard if message not in replies]
            if replies and any(message["content"].get("execution_state") == "idle" for message in rest):
                del self._heard[request]
                return Answer(tuple(rest), replies[0])
            message = self._receive(deadline, f"the answer to {request}, having heard {heard}")
            if message["msg_type"] == "input_request":
                self._send("input_reply", {"value": typed, "status": "ok"}, "stdin", message["header"])

    def execute(self, code: str, *, typed: str | None = None, seconds: float = SECONDS) -> Answer:
        """Run a cell to its end. typed: what the person types if it asks."""
        return self.answer(self.send(code, may_ask=typed is not None), typed=typed or "", seconds=seconds)

    def run(self, code: str, *, seconds: float = SECONDS) -> str:
        """What a cell prints, and the value of its last line; fails where the cell fails."""
        answer = self.execute(code, seconds=seconds)
        assert answer.content["status"] == "ok", f"{code}: {answer.error or answer.content}"
        values = [said["data"]["text/plain"] for said in answer.all_of("execute_result")]
        return "".join([*(said["text"] for said in answer.all_of("stream")), *values]).strip()

    def wait_for_state(self, states: Collection[str], *, seconds: float = SECONDS) -> None:
        """Return once it is told of the kernel that it is in one of some states, by itself or by its server."""
        deadline = time.monotonic() + seconds
        while True:
            heard = [message["content"] for messages in self._heard.values() for message in messages]
            if any(said.get("execution_state") in states for said in heard):
                return
            self._receive(deadline, f"one of the states {', '.join(states)}")

    def wait_for_output(self, request: str, text: str, *, seconds: float = SECONDS) -> None:
        """Return once a running cell has printed a text."""
        deadline = time.monotonic() + seconds
        while True:
            printed = [said["content"]["text"] for said in self._heard[request] if said["msg_type"] == "stream"]
            if text in "".join(printed):
                return
            self._receive(deadline, f"{text!r} to be printed by {request}, having heard {self._heard[request]}")

    def wait_for_idle(self, request: str, *, seconds: float = SECONDS) -> None:
        """Return once the kernel has told that it is done with a request that has no reply."""
        deadline = time.monotonic() + seconds
        while not any(said["content"].get("execution_state") == "idle" for said in self._heard[request]):
            self._receive(deadline, f"the end of {request}, having heard {self._heard[request]}")

    def close(self) -> None:
        """Hang up; the kernel goes on. The same again does nothing."""
        with suppress(websocket.WebSocketException, OSError):
            self._connection.send_close()
            self._listener.join(GOODBYE_SECONDS)
        self._connection.shutdown()  # type: ignore[no-untyped-call]

    # --- messages --------------------------------------------------------------------------------

    def _send(
        self,
        kind: str,
        content: Mapping[str, Any],
        channel: str,
        parent: Mapping[str, Any],
        more: Mapping[str, Any] | None = None,
    ) -> str:
        request = uuid.uuid4().hex
        header = {
            "msg_id": request, "msg_type": kind, "session": self._session, "username": "", "version": "5.3",
            "date": "2026-01-01T00:00:00Z", **(more or {}),
        }  # fmt: skip
        message = {"header": header, "parent_header": parent, "metadata": {}, "content": content, "channel": channel}
        self._connection.send(json.dumps(message))
        return request

    def _listen(self) -> None:
        """Take in what comes until the line is closed, then None.

        In a thread, as in a browser: the server hangs up on whoever leaves its pings unanswered.
        """
        self._connection.settimeout(None)
        with suppress(websocket.WebSocketException, OSError):
            while said := self._connection.recv():
                self._arrived.put(json.loads(said))
        self._arrived.put(None)

    def _receive(self, deadline: float, wanted: str) -> Message:
        try:
            message = self._arrived.get(timeout=max(0.1, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"waited too long for {wanted}") from None
        assert message is not None, f"the server hung up before {wanted}"
        self._heard[message["parent_header"].get("msg_id", "")].append(message)
        return message
