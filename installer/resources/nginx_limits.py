"""How many connections nginx can hold: two directives in its main file, which aren't ours and are only ever raised.

There is no other place for them: a second `events` block is refused. Each is changed where it stands, and says so
behind itself, with what was there before; that is put back when it is no longer wanted.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import crossplane

from installer.engine.resource import Attributes, Resource
from installer.host import files, nginx, paths
from installer.host.errors import Conflict, Problem
from installer.host.process import run
from installer.resources.at_path import AtPath
from installer.resources.nginx_site import broken_without_us, reload

CONNECTIONS, FILES = "worker_connections", "worker_rlimit_nofile"
_BY_ITSELF = 512
"""What nginx takes for `worker_connections` where nothing is said."""

_MARK = "# JupyterHub's installer has this in place of:"
_NOTHING = "nothing"
_INDENT = {CONNECTIONS: "    ", FILES: ""}
_BROKEN = " (the line went on)\n"


@dataclass(frozen=True)
class _Said:
    """A directive where it stands. at: the offset in the file's text. value: None where it isn't said."""

    file: Path
    at: int
    value: str | None


class NginxLimits(AtPath):
    """Room for so many connections to each of nginx's processes, and for as many files as that takes.

    path: nginx's main file.
    """

    kind: ClassVar[str] = "nginx-limits"

    connections: int
    files: int

    def wanted(self) -> Attributes:
        """The two numbers."""
        return {CONNECTIONS: self.connections, FILES: self.files}

    def probe(self) -> Attributes | None:
        """The same, as they are; what is more than enough is as it should be. None where there is no nginx."""
        if not self.path.exists():
            return None
        said = _said(self.path)
        if not said:
            return {CONNECTIONS: 0, FILES: 0}
        connections, opened = said[CONNECTIONS].value, said[FILES].value
        now = {
            CONNECTIONS: _BY_ITSELF if connections is None else _number(connections),
            FILES: _given_by_systemd() if opened is None else _number(opened),
        }
        return {name: min(now[name], int(enough)) for name, enough in self.wanted().items()}

    def realize(self, before: Attributes | None) -> None:
        """Raise what is too low, once nginx has accepted it."""
        now = self.probe() or {}
        for name, enough in self.wanted().items():
            if now.get(name) != enough:
                said = _said(self.path).get(name)
                if said is None:
                    raise Problem(
                        f"{self.path} has no events block",
                        "mend it, so that nginx accepts it, then run apply again: nginx -t",
                    )
                text = _raised(_read(said.file), said, name, int(enough))
                self._try_out(said.file, text)
                _write(said.file, text)

    def remove(self) -> None:
        """Put back what was there before, where it is still as we have left it; a running nginx reads it again."""
        if not self.path.exists():
            return
        for file in sorted({said.file for said in _said(self.path).values()}):
            text = _read(file)
            restored = self._restored(text)
            if restored != text:
                _write(file, restored)
                reload()

    def give_back(self, before: Attributes) -> None:
        """As it was: what we have changed says so itself."""
        self.remove()

    def as_before(self, before: Attributes, text: str | None) -> Resource | None:
        """Removing it is the way back, whatever was there."""
        return None

    def _restored(self, text: str) -> str:
        for name, value in self.wanted().items():
            ours = rf"{name} {value}; {re.escape(_MARK)}"
            broken = re.escape(_BROKEN)
            text = re.sub(rf"{ours} ({name}[^;\n]*;)(?:{broken}|$)", r"\1", text, flags=re.MULTILINE)
            text = re.sub(rf"\n{_INDENT[name]}{ours} {_NOTHING}(?:{broken}|$)", "", text, flags=re.MULTILINE)
        return text

    def _try_out(self, file: Path, text: str) -> None:
        """Run `nginx -t` with a text in place of a file. Raises Problem, saying whose fault it is."""
        try:
            paths.INSTALLER_RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=paths.INSTALLER_RUN) as directory:
                copy = Path(directory) / file.name
                copy.write_bytes(text.encode("utf-8", "surrogateescape"))
                said = nginx.refusal(copy, file)
        except OSError as error:
            raise files.unwritable(paths.INSTALLER_RUN, error) from error
        if said is not None:
            without_us = nginx.refusal()
            if without_us is not None:
                raise Conflict(*broken_without_us(without_us))
            raise Problem(
                f"nginx refuses {file} with {CONNECTIONS} and {FILES} raised; it was left as it is",
                f"set them yourself, to {self.connections} and {self.files} or more, then run apply again",
                f"{said.why} in {said.place}" if said.place else said.why,
            )


def _raised(text: str, said: _Said, name: str, enough: int) -> str:
    """The text with a directive raised where it stands, or added where it would."""
    if said.value is None:
        line_ends = re.compile(r"[ \t]*$", re.MULTILINE).match(text, said.at)
        added = f"\n{_INDENT[name]}{name} {enough}; {_MARK} {_NOTHING}" + ("" if line_ends else _BROKEN)
        return text[: said.at] + added + text[said.at :]
    found = re.compile(rf"({name}[^;\n]*;)( {re.escape(_MARK)}.*)?").search(text, said.at)
    if found is None:
        raise Problem(f"{said.file} says {name} in a way that can't be changed here", f"set it to {enough} or more")
    line_ends = re.compile(r"$", re.MULTILINE).match(text, found.end())
    ours = f"{name} {enough}; {_MARK} {found[1]}" + ("" if line_ends else _BROKEN)
    return text[: found.start()] + ours + text[found.end() :]


def _said(main: Path) -> dict[str, _Said]:
    """Where the two are said; where they would be, for those that aren't. Nothing, where it is no configuration."""
    statements = crossplane.parse(str(main), combine=True, catch_errors=True)["config"][0]["parsed"]
    events = next((each for each in statements if each["directive"] == "events"), None)
    if events is None:
        return {}
    here, block = _place(events)
    start = _read(here).index("{", block) + 1
    found = {CONNECTIONS: _Said(here, start, None), FILES: _Said(here, max(block - 1, 0), None)}
    for statement in (*statements, *events["block"]):
        if statement["directive"] in found:
            found[statement["directive"]] = _Said(*_place(statement), statement["args"][0])
    return found


def _place(statement: dict[str, Any]) -> tuple[Path, int]:
    """The file that a statement stands in, and where its line begins there."""
    file = Path(statement["file"]).resolve()
    return file, sum(len(line) + 1 for line in _read(file).split("\n")[: statement["line"] - 1])


def _read(file: Path) -> str:
    """A file's text, every byte of it: comments may be in whatever encoding, and lines end as they like."""
    return file.read_bytes().decode("utf-8", "surrogateescape")


def _write(file: Path, text: str) -> None:
    """Put a text in place of a file that isn't ours: it stays its owner's."""
    owned = files.ownership(file)
    data = text.encode("utf-8", "surrogateescape")
    files.write(file, data, mode=owned.mode, owner=owned.owner, group=owned.group)


def _number(value: str) -> int:
    return sys.maxsize if value == "infinity" else int(value) if value.isdigit() else 0


def _given_by_systemd() -> int:
    """How many files nginx may have open where it isn't told."""
    said = run(["systemctl", "show", "--property=LimitNOFILESoft", "--value", paths.NGINX_UNIT], check=False)
    return _number(said.stdout.strip())
