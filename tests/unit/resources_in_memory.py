"""Resources for the engine's tests: a dictionary stands for the host, so that a test sees all that was done to it."""

from __future__ import annotations

import os
import signal
import threading
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host.errors import Problem


class Note(Resource):
    """One entry of the dictionary."""

    kind: ClassVar[str] = "note"
    host: ClassVar[dict[str, str]] = {}
    done: ClassVar[list[str]] = []
    failing: ClassVar[set[str]] = set()

    title: str
    text: str
    read: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.title

    @property
    def provides(self) -> tuple[str, ...]:
        return (f"/{self.title}",)

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(f"/{title}" for title in self.read)

    def wanted(self) -> Attributes:
        return {"text": self.text}

    def probe(self) -> Attributes | None:
        return {"text": self.host[self.title]} if self.title in self.host else None

    def foreign(self, observed: Attributes | None) -> str | None:
        return f"{self.title} is somebody else's" if observed and observed != self.wanted() else None

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        return observed and {"text": "stale"}

    def realize(self, before: Attributes | None) -> None:
        if self.title in self.failing:
            raise Problem(f"{self.title} failed", "try again")
        self.done.append(f"+{self.title}")
        self.host[self.title] = self.text

    def remove(self) -> None:
        self.done.append(f"-{self.title}")
        self.host.pop(self.title, None)

    def content(self) -> str | None:
        return self.text

    def present_content(self) -> str | None:
        return self.host.get(self.title)

    def as_before(self, before: Attributes, text: str | None) -> Note:
        return self if text is None else self.model_copy(update={"text": text})


class KeptNote(Note):
    """One that stays, like a package."""

    kind: ClassVar[str] = "kept-note"
    kept: ClassVar[bool] = True


class TriedNote(Note):
    """One whose change is tried out first, with the note `a`."""

    kind: ClassVar[str] = "tried-note"

    @property
    def tried_with(self) -> tuple[str, ...]:
        return ("note:a",)

    def rehearse(self, before: Attributes | None) -> None:
        if f"trial of {self.title}" in self.failing:
            raise Problem(f"the trial of {self.title} failed", "try again")
        self.done.append(f"?{self.title}")


class Slow(Note):
    """One that takes for ever, unless it is abandoned."""

    kind: ClassVar[str] = "slow-note"
    begun: ClassVar[threading.Event] = threading.Event()
    abandoned: ClassVar[threading.Event] = threading.Event()

    def realize(self, before: Attributes | None) -> None:
        self.begun.set()
        assert self.abandoned.wait(60)
        raise Problem("abandoned", "try again")

    def abandon(self) -> None:
        self.abandoned.set()


class Silent:
    """A reporter that says nothing."""

    def step(self, doing: str) -> None: ...

    def begun(self, change: object) -> None: ...

    def ended(self, change: object, seconds: float) -> None: ...

    def failed(self, change: object, problem: Problem) -> None: ...


class Impatient(Silent):
    """One in front of which somebody presses Ctrl-C at each step of the way back."""

    def step(self, doing: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)


class OptionalNote(Note):
    """One that the rest does without, like a kernel."""

    kind: ClassVar[str] = "optional-note"
    optional: ClassVar[bool] = True
