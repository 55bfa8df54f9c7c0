"""What earlier runs did: generations, the journal of a run in progress, and the one directory that holds both."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from installer.engine.found import Found
from installer.engine.plan import Action, Change, observe
from installer.engine.resource import Resource
from installer.host import files
from installer.host.errors import Problem
from installer.host.trees import remove_tree

Kinds = Mapping[str, type[Resource]]
"""Every resource class by its kind, to read stored resources back."""


FORMAT: Literal[2] = 2
"""Of generations and of the journal. Raised when an older version could no longer make sense of what is written."""


class Generation(BaseModel):
    """One successful apply.

    number: counted from 1.  at: UTC, ISO 8601.  by: the account that ran it.  summary: what changed, in a sentence.
    config: the config file's text.  remembered: choices made at the first apply that later ones keep.
    resources: all that was on the host by it, each as {"kind": …, **fields}.
    degraded: what of that is optional and could not be had, by key, with the reason.
    version: of the installer whose wishes they were; "" where it wasn't written down yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: Literal[1, 2] = FORMAT
    number: int
    at: str
    by: str
    summary: str
    config: str
    remembered: dict[str, str]
    resources: tuple[dict[str, JsonValue], ...]
    degraded: dict[str, str] = {}
    version: str = ""


def stored(resource: Resource) -> dict[str, JsonValue]:
    """A resource as JSON, to be read back by `Store.restored`."""
    return {"kind": resource.kind, **resource.model_dump(mode="json")}


class Journal:
    """The write-ahead record of one run: every change is on disk here before it is begun."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, *, by: str, remembered: Mapping[str, str], back_to: int | None = None) -> None:
        """Open it; the records of an interrupted run stay in front, since what they name is still ours."""
        created = not self._path.exists()
        self._append(
            {
                "event": "begin",
                "format": FORMAT,
                "at": now(),
                "pid": os.getpid(),
                "by": by,
                "remembered": dict(remembered),
                "back_to": back_to,
            }
        )
        if created:
            files.fsync_directory(self._path.parent)

    def start(self, change: Change) -> None:
        """Record a change before it is begun, with the content that it replaces."""
        self._append(
            {
                "event": "start",
                "action": change.action.value,
                "resource": stored(change.resource),
                "before": dict(change.before) if change.before is not None else None,
                "old_text": change.old_text,
            }
        )

    def done(self, change: Change) -> None:
        """Record that a change is complete."""
        self._append({"event": "done", "action": change.action.value, "key": change.resource.key})

    def close(self) -> None:
        """The run has come to an end, good or undone: nothing is left to recover."""
        files.remove(self._path)

    def records(self) -> list[dict[str, Any]]:
        """All records, a torn last line (the machine died while it was written) left out. Raises Problem."""
        if not self._path.exists():
            return []
        whole, _, _torn = self._path.read_bytes().rpartition(b"\n")
        return [self._record(number, line) for number, line in enumerate(whole.splitlines(), start=1)]

    def _record(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(line)
            known = record["event"] in {"begin", "start", "done"} and record.get("format", FORMAT) <= FORMAT
        except (ValueError, TypeError, KeyError) as error:
            raise damaged(self._path, f"line {number}: {error}") from error
        if not known:
            raise newer(self._path)
        return record

    def _append(self, record: Mapping[str, object]) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            # Buffered: a bare write(2) on a disk that is nearly full writes a part, and calls that success.
            with os.fdopen(descriptor, "rb+") as stream:
                self._mend_torn_end(stream.fileno())
                stream.write(json.dumps(record).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise files.unwritable(self._path, error) from error

    @staticmethod
    def _mend_torn_end(descriptor: int) -> None:
        """Cut a half-written last line off, so that the next record stands on a line of its own."""
        size = os.fstat(descriptor).st_size
        text = os.pread(descriptor, size, 0)
        whole = text.rfind(b"\n") + 1
        if whole != size:
            os.ftruncate(descriptor, whole)


class Store:
    """The installer's state directory. Contents of files are kept in it: what is written there is root's alone.

    The directory itself can be passed through (0711): beside the state is the environment that builders run in.
    """

    def __init__(self, directory: Path, kinds: Kinds) -> None:
        self._directory = directory
        self._kinds = kinds
        self.journal = Journal(directory / "journal.jsonl")
        self.found = Found(directory / "found.json")

    def prepare(self) -> None:
        """Create the directories. Raises Problem."""
        try:
            for directory, mode in ((self._directory, 0o711), (self._generations, 0o700)):
                directory.mkdir(mode=mode, parents=True, exist_ok=True)
                directory.chmod(mode)
        except OSError as error:
            raise files.unwritable(self._directory, error) from error

    @property
    def _generations(self) -> Path:
        return self._directory / "generations"

    def numbers(self) -> list[int]:
        """The numbers of all generations kept, in order."""
        if not self._generations.is_dir():
            return []
        return sorted(int(path.stem) for path in self._generations.glob("*.json") if path.stem.isdigit())

    def generation(self, number: int) -> Generation:
        """Read one. Raises Problem where it is missing, damaged, or written by a newer version."""
        path = self._file(number)
        data = b""
        try:
            data = path.read_bytes()
            return Generation.model_validate_json(data)
        except (OSError, ValueError) as error:
            if _is_newer(data):
                raise newer(path) from None
            raise damaged(path, str(error).splitlines()[0]) from error

    def forget(self, number: int) -> None:
        """Keep a generation no longer. Raises Problem."""
        files.remove(self._file(number))

    def _file(self, number: int) -> Path:
        return self._generations / f"{number:06}.json"

    def newest_number(self) -> int | None:
        """The number of the newest; None before the first apply."""
        return max(self.numbers(), default=None)

    def newest(self) -> Generation | None:
        """The generation that the host should be in now; None before the first apply."""
        numbers = self.numbers()
        return self.generation(numbers[-1]) if numbers else None

    def add(self, generation: Generation) -> None:
        """Keep a generation, durably. Raises Problem."""
        files.write(self._file(generation.number), generation.model_dump_json(indent=1).encode(), mode=0o600)

    def restored(self, entry: Mapping[str, JsonValue], place: Path | None = None) -> Resource:
        """A resource from its stored form. Raises Problem for one that this version doesn't know.

        place: the file that it stands in, to be named then.
        """
        fields = dict(entry)
        kind = self._kinds.get(str(fields.pop("kind", "")))
        try:
            if kind is None:
                raise ValueError(f"unknown kind in {entry}")
            return kind.model_validate(fields)
        except ValueError as error:
            raise Problem(
                f"{place or self._directory} was written by another version: {str(error).splitlines()[0]}",
                "run that version of the installer, or the newest one",
            ) from error

    def resources_of(self, generation: Generation | None) -> dict[str, Resource]:
        """A generation's resources by key; none before the first apply."""
        if generation is None:
            return {}
        place = self._file(generation.number)
        restored = (self.restored(entry, place) for entry in generation.resources)
        return {resource.key: resource for resource in restored}

    def managed(self) -> dict[str, Resource]:
        """All that earlier runs put on the host: the newest generation's, and what an interrupted run began."""
        managed = self.resources_of(self.newest())
        for record in self.journal.records():
            if record["event"] == "start":
                resource = self.restored(record["resource"])
                managed.setdefault(resource.key, resource)
                if record["action"] != Action.REMOVE.value:
                    managed[resource.key] = resource
        return managed

    def left(self) -> dict[str, Resource]:
        """What earlier runs left on the host though nobody asks for it: packages, environments, directories in use."""
        try:
            entries = json.loads(self._left.read_text(encoding="utf-8"))
            return {resource.key: resource for resource in map(self.restored, entries)}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as error:
            raise damaged(self._left, str(error)) from error

    def note_left(self, wanted: Collection[str]) -> None:
        """Write down which of our things are there still, other than the wanted ones; before the journal is closed."""
        ours = {**self.left(), **self.managed()}
        others = [resource for key, resource in ours.items() if key not in wanted]
        seen = observe(others)
        left = [stored(resource) for resource in others if seen[resource.key] is not None]
        files.write(self._left, json.dumps(left, indent=1).encode(), mode=0o600)

    @property
    def _left(self) -> Path:
        return self._directory / "left.json"

    def remembered(self) -> dict[str, str]:
        """Choices of the first apply: from the newest generation, the interrupted run, or a backup's."""
        newest = self.newest()
        if newest is not None:
            return dict(newest.remembered)
        begun = [record["remembered"] for record in self.journal.records() if record["event"] == "begin"]
        if begun:
            return dict(begun[0])
        former = self.history.newest()
        return dict(former.remembered) if former else {}

    @property
    def history(self) -> Store:
        """Generations that a backup has brought of another host: told of, but nothing of them is here."""
        return Store(self._directory / "restored-generations", self._kinds)

    def take_up_history(self, generation: Generation) -> Generation:
        """Have the first generation of this host come after those that a backup has brought. Returns it, renumbered.

        Nothing happens where there are none; safe to repeat after a kill.
        """
        former = self.history.numbers()
        if not former:
            return generation
        if generation.number <= former[-1]:
            generation = generation.model_copy(update={"number": generation.number + former[-1]})
            self.add(generation)
        for number in former:
            self.add(self.history.generation(number))
        remove_tree(self.history._directory)
        return generation

    def interrupted(self) -> str | None:
        """When the run began that didn't come to an end, None where there is none."""
        begun = self._last_begin()
        return str(begun["at"]) if begun else None

    def interrupted_return(self) -> int | None:
        """The generation that the run which didn't come to its end was to return to, None where it was no return."""
        begun = self._last_begin()
        number = begun.get("back_to") if begun else None
        return number if number in self.numbers() else None

    def _last_begin(self) -> dict[str, Any] | None:
        begun = [record for record in self.journal.records() if record["event"] == "begin"]
        return begun[-1] if begun else None


def damaged(path: Path, why: str) -> Problem:
    """The Problem that tells of a file of ours that can't be read any more."""
    return Problem(f"{path} can't be read: {why}", "put it back from a backup, or move it away, then run apply again")


def newer(path: Path) -> Problem:
    """The Problem that tells of a file of ours that only a newer version can make sense of."""
    return Problem(f"{path} was written by a newer version of the installer", "run that version, or a newer one")


def _is_newer(data: bytes) -> bool:
    """Whether a generation's file says that it has a format of a newer version."""
    try:
        said = json.loads(data)
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("format"), int) and said["format"] > FORMAT


def now() -> str:
    """The time as it is written down: UTC, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def numbered(resources: Sequence[Resource]) -> tuple[dict[str, JsonValue], ...]:
    """Resources in stored form, in their order."""
    return tuple(stored(resource) for resource in resources)
