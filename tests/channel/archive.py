"""Debian's archive, one suite at a time: which packages there are, and what is in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tests.system.machine_process import MachineProblem, run

_URI = re.compile(r"^'[^']*' (?P<file>(?P<name>[^_]+)_(?P<version>[^_]+)_[a-z0-9]+\.deb) (?P<size>\d+) ", re.MULTILINE)
_NOT_WANTED = ("doc", "man", "info", "icons", "locale", "lintian", "bug", "applications", "metainfo", "menu", "pixmaps")


@dataclass(frozen=True)
class Deb:
    """A package of the archive."""

    name: str
    version: str
    file: str
    depends: tuple[str, ...]
    glibc: tuple[int, ...]
    """The oldest C library it runs with."""

    @property
    def upstream(self) -> str:
        """The version without what Debian adds, in a form that conda takes."""
        found = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", self.version)
        assert found, self.version
        return found[1]


class Suite:
    """A suite, seen through an apt of its own that knows nothing of the host's packages."""

    def __init__(self, name: str, state: Path, downloads: Path) -> None:
        """Fetch the suite's lists into `state`; packages are downloaded into `downloads` and stay there."""
        self.name = name
        self._state = state
        self._downloads = downloads
        downloads.mkdir(parents=True, exist_ok=True)
        # It knows the archive that the test machines come from, too.
        run(["mmdebstrap", "--quiet", "--variant=extract", "--skip=cleanup", name, str(state)], timeout=300)

    def closure(self, roots: Sequence[str]) -> dict[str, Deb]:
        """The packages that apt would install for the roots, by name."""
        uris = self._apt("apt-get", "--print-uris", "--no-install-recommends", "install", *roots)
        found = {line["name"]: line for line in _URI.finditer(uris)}
        shown = self._apt("apt-cache", "show", *(f"{name}={unquote(line['version'])}" for name, line in found.items()))
        depends = {}
        for stanza in shown.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in stanza.splitlines() if re.match(r"[A-Za-z-]+: ", line))
            if fields:
                depends[fields["Package"]] = f"{fields.get('Pre-Depends', '')}, {fields.get('Depends', '')}"
        return {
            name: Deb(name, unquote(line["version"]), line["file"], _names(depends[name]), _glibc(depends[name]))
            for name, line in found.items()
        }

    def fetch(self, debs: Iterable[Deb]) -> None:
        """Download what isn't there yet; apt checks its digest."""
        missing = [deb for deb in debs if not (self._downloads / deb.file).exists()]
        if not missing:
            return
        arrived = self._state / "arrived"
        arrived.mkdir(exist_ok=True)
        self._apt("apt-get", "download", *(f"{deb.name}={deb.version}" for deb in missing), cwd=arrived)
        for deb in missing:
            shutil.move(arrived / deb.file, self._downloads / deb.file)

    def unpack(self, deb: Deb, directory: Path) -> None:
        """Unpack a package, its /usr as the top of `directory`, without what nobody here reads."""
        directory.mkdir(parents=True, exist_ok=True)
        excluded = [f"--exclude=./usr/share/{name}" for name in _NOT_WANTED]
        # `r`: not the targets of symbolic links.
        words = ["tar", "-x", "-C", str(directory), "--no-same-owner", r"--transform=flags=r;s,^\./usr/,./,", *excluded]
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", self._downloads / deb.file], stdout=subprocess.PIPE
        ) as source:
            subprocess.run(words, stdin=source.stdout, check=True)
        if source.returncode != 0:
            raise MachineProblem(f"{deb.file} can't be unpacked")

    def _apt(self, program: str, *words: str, cwd: Path | None = None) -> str:
        options = [
            f"Dir={self._state}",
            f"Dir::State::status={self._state}/var/lib/dpkg/status",
            "Dir::Etc::Trusted=/etc/apt/trusted.gpg",
            "Dir::Etc::TrustedParts=/etc/apt/trusted.gpg.d",
            "APT::Sandbox::User=root",
        ]
        settings = [word for option in options for word in ("-o", option)]
        done = subprocess.run([program, "-qq", *settings, *words], cwd=cwd, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise MachineProblem(f"{program} {' '.join(words)} of {self.name}: {done.stderr}")
        return done.stdout


def reached(roots: Iterable[str], debs: dict[str, Deb], wanted: Callable[[str], bool]) -> list[Deb]:
    """The roots and what they depend on, going through packages that are wanted only."""
    found: dict[str, Deb] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in debs and name not in found:
            found[name] = debs[name]
            waiting += [other for other in debs[name].depends if wanted(other)]
    return list(found.values())


def _names(depends: str) -> tuple[str, ...]:
    """The names in a Depends: line, all alternatives among them."""
    words = (re.match(r"\s*([a-z0-9][a-z0-9+.-]+)", one) for one in re.split(r"[,|]", depends))
    return tuple(dict.fromkeys(word[1] for word in words if word))


def _glibc(depends: str) -> tuple[int, ...]:
    return max((tuple(map(int, found.split("."))) for found in re.findall(r"libc6 \(>= ([\d.]+)", depends)), default=())
