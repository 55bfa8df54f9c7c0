"""The builder of kernels as it is put on a host, run as a process of its own on channels in a temporary directory."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.host.process import Completed, follow
from installer.kernels.worker import program_files


@dataclass(frozen=True)
class Answer:
    """What the builder printed last, and how it ended."""

    code: int
    said: dict[str, Any]
    progress: tuple[str, ...]

    @property
    def result(self) -> dict[str, Any]:
        """What came of it; fails the test where nothing did."""
        assert self.code == 0, self.said
        result: dict[str, Any] = self.said["result"]
        return result

    @property
    def error(self) -> dict[str, str]:
        """Why nothing came of it; fails the test where something did."""
        assert self.code == 1, self.said
        error: dict[str, str] = self.said["error"]
        return error


class Builder:
    """The program in a directory, and caches of its own."""

    def __init__(self, directory: Path) -> None:
        self.program = directory / "kernel-builder"
        self.packages = directory / "packages"
        self._repodata = directory / "repodata"
        for name, content in program_files().items():
            (self.program / name).parent.mkdir(parents=True, exist_ok=True)
            (self.program / name).write_bytes(content)

    def ask(self, operation: str, **request: Any) -> Answer:
        """Do an operation."""
        done = subprocess.run(
            [sys.executable, "-I", self.program, operation],
            input=json.dumps(request), capture_output=True, text=True, check=False, timeout=60, env={},
        )  # fmt: skip
        assert done.stderr == ""
        *progress, last = map(json.loads, done.stdout.splitlines())
        return Answer(done.returncode, last, tuple(each["progress"] for each in progress))

    def solve(self, channel: str, *specs: str, **other: Any) -> Answer:
        """Choose packages from one channel."""
        fields: dict[str, Any] = {"locked": [], "free": [], "repodata": str(self._repodata), "auth": None, **other}
        return self.ask("solve", channels=[channel], specs=specs, **fields)

    def install(self, records: Sequence[dict[str, Any]], prefix: Path, **other: Any) -> Answer:
        """Install what was chosen."""
        prefix.mkdir(exist_ok=True)
        fields: dict[str, Any] = {"requested": [], "channels": [], "checked": [], "auth": None, **other}
        return self.ask("install", records=records, prefix=str(prefix), packages=str(self.packages), **fields)

    def built(self, channel: str, prefix: Path, *specs: str) -> list[dict[str, Any]]:
        """Choose, install and finish; returns the files that no package accounts for."""
        records = self.solve(channel, *specs).result["records"]
        linked = self.install(records, prefix, requested=specs).result["linked"]
        extra: list[dict[str, Any]] = self.ask("finish", prefix=str(prefix), linked=linked).result["extra"]
        return extra


def gate(
    argv: Sequence[str],
    *,
    unit: str,
    writable: Sequence[Path] = (),
    stdin: str | int | None = None,
    env: Mapping[str, str] | None = None,
    network: bool = True,
    on_line: Callable[[str], None] | None = None,
    timeout: float = 60,
) -> Completed:
    """What `sandbox.run` does, without a sandbox."""
    return follow(argv, on_line or (lambda _: None), stdin=stdin, env=env, timeout=timeout)


class _Channel(http.server.SimpleHTTPRequestHandler):
    """Files, for those who say the password."""

    def __init__(self, *args: Any, password: str | None, **rest: Any) -> None:
        self._password = password
        super().__init__(*args, **rest)

    def do_GET(self) -> None:
        wanted = self._password and f"Basic {base64.b64encode(self._password.encode()).decode()}"
        if wanted and self.headers.get("Authorization") != wanted:
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def served(directory: Path, password: str | None = None) -> Iterator[str]:
    """A directory over HTTP; gives its address."""
    handler = functools.partial(_Channel, directory=str(directory), password=password)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
