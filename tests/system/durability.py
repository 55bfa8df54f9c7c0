"""What a program's system calls (strace(1)) say of a power cut: what was on disk, and in which order it came to be.

Pure: text in, findings out. A file's content is on disk once it was fsynced, its name once its directory was, and all
there is once sync(2) has returned; before that, either may be lost, whatever others see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

CALLS = (
    "openat", "creat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "sync", "syncfs", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "symlink", "symlinkat", "fchmod", "fchmodat",
    "chmod", "fchown", "fchownat", "chown", "lchown",
)  # fmt: skip
STRACE = (
    "strace",
    "--follow-forks",
    "--seccomp-bpf",
    "--decode-fds=path",
    "--string-limit=1000000",
    f"--trace={','.join(CALLS)}",
)

_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"(?:AT_FDCWD|\d+)<((?:[^<>\\]|\\.)*)>")


@dataclass(frozen=True)
class Call:
    """A call that has succeeded. place: the path that its first descriptor stands for. texts: its strings."""

    name: str
    place: str
    texts: tuple[str, ...]
    flags: str


def calls(trace: str) -> Iterator[Call]:
    """The calls of all processes that did something, each where it has returned; those that change names, where they
    were begun, since they may have an effect from then on."""
    begun: dict[str, str] = {}
    places: list[str | None] = []
    waiting: dict[str, int] = {}
    for line in trace.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        pid, resumed, name, rest = found.groups()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            waiting[pid] = len(places)
            places.append(None)
            continue
        slot = len(places)
        if resumed:
            name, rest = resumed, begun.pop(pid, "") + rest
            at = waiting.pop(pid, slot)
            slot = at if name.startswith(("rename", "unlink", "mkdir", "symlink", "rmdir")) else slot
        whole = f"{name}({rest}"
        if slot == len(places):
            places.append(whole)
        else:
            places[slot] = whole
    for text in places:
        if text is not None and (call := _call(text)) is not None:
            yield call


def _call(text: str) -> Call | None:
    name, _, rest = text.partition("(")
    arguments, equals, result = rest.rpartition(") = ")
    if not equals:
        # sync() has neither arguments nor a result to speak of.
        arguments, _, result = rest.rpartition(")")
        result = result.strip(" =") or "0"
    if result.lstrip().startswith(("-1", "?")):
        return None
    texts = tuple(_plain(each) for each in _TEXT.findall(arguments))
    flags = _TEXT.sub("", arguments)
    descriptor = _DESCRIPTOR.search(flags)
    return Call(name, _plain(descriptor[1]) if descriptor else "", texts, flags)


def _plain(text: str) -> str:
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1").decode(errors="replace")


@dataclass
class Disk:
    """What of the machine's files would be lost by a power cut now.

    contents: files, and directories' own rights, that were changed and not fsynced. names: what has come, gone or been
    replaced in a directory that was not fsynced since. made: those of them that came.
    """

    contents: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    _there: set[str] = field(default_factory=set)

    def take(self, call: Call) -> None:
        """Go on by one call."""
        kind, places = call.name.removesuffix("at2").removesuffix("at"), [_at(call, text) for text in call.texts]
        if call.name in {"sync", "syncfs"}:
            for each in (self.contents, self.names, self.made):
                each.clear()
        elif call.name in {"fsync", "fdatasync"}:
            self.contents.discard(call.place)
            durable = {name for name in self.names if str(PurePosixPath(name).parent) == call.place}
            self.names -= durable
            self.made -= durable
        elif call.name in {"write", "pwrite64", "ftruncate", "fchmod", "fchown"}:
            self.contents.add(call.place)
        elif kind in {"chmod", "chown", "lchown", "fchmod", "fchown"}:
            self.contents.add(places[0])
        elif kind == "rename":
            source, target = places
            self.names |= {source, target}
            self.made = (self.made - {source}) | {target}
            self._there = (self._there - {source}) | {target}
            if source in self.contents:
                self.contents.discard(source)
                self.contents.add(target)
        elif kind in {"unlink", "rmdir"}:
            self.names.add(places[0])
            self.made.discard(places[0])
            self.contents.discard(places[0])
            self._there.discard(places[0])
        elif kind == "symlink":
            self._comes(places[-1])
        elif kind in {"mkdir", "creat"} or (kind == "open" and "O_CREAT" in call.flags):
            self._comes(places[0])

    def _comes(self, path: str) -> None:
        # Opened to be made where it isn't there, it may be.
        if path not in self._there:
            self.names.add(path)
            self.made.add(path)
            self._there.add(path)


def _at(call: Call, text: str) -> str:
    return text if text.startswith("/") or not call.place else str(PurePosixPath(call.place) / text)


def lost(trace: str) -> tuple[set[str], set[str]]:
    """What a power cut at the end of a trace may take: the files that would be empty, the names that would be gone."""
    disk = Disk()
    for call in calls(trace):
        disk.take(call)
    return disk.contents, disk.made


def violations(trace: str, *, state: str, managed: Collection[str]) -> list[str]:
    """Where a run of the installer didn't keep to the order that a power cut asks for.

    state: the directory with journal and generations. managed: the directories with the files that are written whole.
    """
    return list(_Checker(state, tuple(managed)).findings(trace))


class _Checker:
    def __init__(self, state: str, managed: tuple[str, ...]) -> None:
        self._journal = f"{state}/journal.jsonl"
        self._generations = f"{state}/generations/"
        self._managed = managed
        self._disk = Disk()
        self._text = ""
        self._announced: set[str] = set()
        self._waiting: list[dict[str, Any]] = []
        self._kept = False

    def findings(self, trace: str) -> Iterator[str]:
        for call in calls(trace):
            yield from self._before(call)
            self._disk.take(call)
            yield from self._after(call)

    def _before(self, call: Call) -> Iterator[str]:
        """What has to be on disk before something happens."""
        for path in self._changed(call):
            if call.name.startswith("rename") and (source := _at(call, call.texts[0])) in self._disk.contents:
                yield f"{path} was replaced by {source}, which was not fsynced"
            if self._is_managed(path) and path not in self._announced:
                yield f"{path} was changed before its record was on disk"
            if path.startswith(self._generations):
                yield from self._at_the_end(path)
            if path == self._journal:
                left = [name for name in self._disk.names if name.startswith(self._generations)]
                if left or not self._kept:
                    yield "the journal went before the generation was on disk"

    def _at_the_end(self, generation: str) -> Iterator[str]:
        others = {self._journal, generation}
        temporary = re.compile(rf"{re.escape(self._generations)}\.")
        left = {each for each in (self._disk.contents | self._disk.names) - others if not temporary.match(each)}
        for path in sorted(left):
            if path.startswith(self._managed) and not PurePosixPath(path).name.startswith("."):
                yield f"the generation was kept before {path} was on disk"
        self._kept = True

    def _after(self, call: Call) -> Iterator[str]:
        if call.place != self._journal:
            return
        if call.name == "write":
            *lines, self._text = (self._text + "".join(call.texts)).split("\n")
            for line in lines:
                record = json.loads(line)
                self._waiting.append(record)
                if record["event"] == "done":
                    path = record["key"].partition(":")[2]
                    if path.startswith("/") and path in self._disk.contents | self._disk.names:
                        yield f"{record['key']} was marked done before it was on disk"
        elif call.name == "fsync":
            self._announced |= {str(path) for record in self._waiting for path in _paths(record)}
            self._waiting.clear()

    def _changed(self, call: Call) -> Iterator[str]:
        """The paths that a call puts into place, or takes away."""
        kind = call.name.removesuffix("at2").removesuffix("at")
        if kind in {"rename", "symlink"}:
            yield _at(call, call.texts[-1])
        elif kind in {"unlink", "mkdir", "rmdir"}:
            yield _at(call, call.texts[0])

    def _is_managed(self, path: str) -> bool:
        # What is not whole yet has a dot in front; a link that enables a unit is announced with its service.
        name = PurePosixPath(path).name
        return path.startswith(self._managed) and not name.startswith(".") and ".wants/" not in path


def _paths(record: dict[str, Any]) -> Iterator[object]:
    """The paths that a record announces."""
    fields = record.get("resource", {})
    yield from (fields[name] for name in ("path", "certificate", "key_file") if name in fields)
