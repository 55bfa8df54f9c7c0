"""An installer at work in a machine: started, watched in its journal, and stopped at a moment of choice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.system.machine import Machine
from tests.system.machine_person import ADMIN, CHECKOUT, apply_words
from tests.system.machine_process import Result

STATE = "/var/lib/jupyterhub-installer"
JOURNAL = f"{STATE}/journal.jsonl"
BY_ADMIN = {"SUDO_USER": ADMIN.name}
SECONDS = 300.0


class Apply:
    """An `apply`, or what else changes things, that runs in the background, as root, whom the admin has become."""

    def __init__(self, machine: Machine, words: Sequence[str]) -> None:
        self._words = words
        self._machine = machine
        self._begun = time.monotonic()
        # What runs that were killed before it wrote is in front of its own.
        self._before = len(records(machine))
        self._process = subprocess.Popen(
            machine.command(words, cwd=CHECKOUT, env=BY_ADMIN),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_for(self, event: str, key: str) -> None:
        """Return when its journal has an event for a resource whose key begins so."""
        self.wait_until(
            lambda: any(record["event"] == event and _key(record).startswith(key) for record in self._records()),
            f"{event} {key}",
        )

    def wait_until(self, happened: Callable[[], bool], what: str) -> None:
        """Return when something has happened that it does on its way."""
        while not happened():
            if self._process.poll() is not None:
                raise AssertionError(f"apply ended before {what}: {self.result()}")
            assert time.monotonic() < self._begun + SECONDS, f"waited for {what}"
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone: the programs it started are in sessions of their own."""
        pid = next(record["pid"] for record in self._records() if record["event"] == "begin")
        self._machine.run(["kill", f"-{number.name.removeprefix('SIG')}", str(pid)])

    def _records(self) -> list[dict[str, Any]]:
        return records(self._machine)[self._before :]

    def result(self) -> Result:
        """Wait for its end, and return what it left."""
        out, err = self._process.communicate(timeout=SECONDS)
        code = self._process.returncode
        return Result(tuple(self._words), code, out, err, time.monotonic() - self._begun)

    def end(self) -> None:
        """Make sure that it doesn't outlive its test."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def applying(machine: Machine, words: Sequence[str] = tuple(apply_words())) -> Iterator[Apply]:
    """An apply that has been started, or another command that changes things."""
    apply = Apply(machine, words)
    try:
        yield apply
    finally:
        apply.end()


def records(machine: Machine) -> list[dict[str, Any]]:
    """The journal of the run in progress, or of one that was killed."""
    text = machine.run(["cat", JOURNAL], check=False).stdout
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _key(record: dict[str, Any]) -> str:
    """The key of the resource that a record is about; a start's is found in its fields."""
    if "key" in record:
        return str(record["key"])
    resource = record.get("resource", {})
    names = ("path", "unit", "certificate", "package", "account", "group")
    return f"{resource.get('kind')}:" + next((str(resource[name]) for name in names if name in resource), "")


def apply_as_root(machine: Machine, *options: str) -> Result:
    """Run apply to its end as root, whom the admin has become by sudo; whatever it comes to."""
    return machine.run(apply_words(*options), cwd=CHECKOUT, env=BY_ADMIN, check=False, timeout=SECONDS)


def pending(machine: Machine) -> str:
    """What apply would still change; nothing where all is as it should be."""
    plan = machine.run(["python3", "-m", "installer", "plan"], cwd=CHECKOUT)
    return "" if plan.stdout.startswith("Nothing to do") else plan.stdout


def failed(result: Result) -> str:
    """The error of an apply that failed in good order: two lines or more, never a traceback. Returns all of it."""
    assert result.code == 1, result
    assert result.stdout == "", result
    lines = result.stderr.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    assert lines[-1].startswith("hint: "), result
    assert "Traceback" not in lines[start], result
    return "\n".join(lines[start:])
