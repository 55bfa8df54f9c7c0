"""What goes into a backup: found on the host, and opened so that none but root can have pointed it elsewhere."""

from __future__ import annotations

import grp
import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from installer.commands import branding
from installer.commands.backup_manifest import (
    ACCOUNT_FILE,
    CONFIG,
    LARGEST_FILE,
    MEMBER,
    MOST_FILES,
    Folder,
    Item,
)
from installer.config.models import Config
from installer.host import files, paths
from installer.host.archive import fits
from installer.host.errors import Problem
from installer.host.process import run
from installer.host.trusted import changeable
from installer.kernels import revisions
from installer.kernels.environment_file import read_owned
from installer.kernels.lock import LARGEST as LARGEST_LOCK

_ROOTS = files.Ownership("root", "root", 0o600)
_MOST_ACCOUNT_FILES = 100
_LARGEST_ACCOUNT_FILE = 1 << 16


@dataclass(frozen=True)
class Source:
    """A file to be put into a backup.

    item: as the manifest has it. path: where it is. data: what is in it, where it has been read already.
    """

    item: Item
    path: Path
    data: bytes | None = None

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Its bytes. Raises Problem."""
        if self.data is not None:
            yield io.BytesIO(self.data)
            return
        with _opened(self.path) as stream:
            yield stream


@dataclass
class Contents:
    """All that there is to back up, as it is found.

    left_out: what should be in it and can't be, with the reason.
    """

    sources: list[Source] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, *, whose: files.Ownership | None = None, only_roots: bool = True) -> None:
        """Take up a file; or name it, where it can't be taken up.

        whose: as what it is to be restored; as what it is there if None. only_roots: leave one out that isn't root's.
        """
        try:
            with _opened(path) as stream:
                status = os.fstat(stream.fileno())
                wrong = _wrong_with(name, status, only_roots=only_roots)
                if wrong is None:
                    whose = whose or _ownership(path, status)
                    item = Item(
                        path=name, size=status.st_size, sha256=digest(stream), mode=whose.mode & 0o777,
                        owner=whose.owner, group=whose.group,
                    )  # fmt: skip
                    self.sources.append(Source(item, path))
                    return
        except Problem as problem:
            wrong = problem.what
        self.left_out.append(f"{path}: {wrong}")

    def add_bytes(self, name: str, path: Path, data: bytes, whose: files.Ownership) -> None:
        """Take up what has been read from a file already."""
        if not fits(name):
            self.left_out.append(f"{path}: its path is too long for an archive, or can't be printed")
            return
        hashed = hashlib.sha256(data).hexdigest()
        item = Item(
            path=name, size=len(data), sha256=hashed, mode=whose.mode & 0o777, owner=whose.owner, group=whose.group
        )
        self.sources.append(Source(item, path, data))


def collect(config: Config, config_text: str | None, generations: Path) -> Contents:
    """Find everything but the database. Raises Problem.

    config_text: of the config as it was read, None where there is none. generations: where they are kept.
    """
    found = Contents()
    if config_text is not None:
        found.add_bytes(CONFIG, paths.CONFIG_FILE, config_text.encode(), files.Ownership("root", "root", 0o644))
    _add_directory(found, paths.ETC)
    for path in kernel_files(config):
        found.add_bytes(f"files{path}", path, read_owned(path, largest=LARGEST_LOCK), _ROOTS)
    for path in branding_files(config):
        found.add_bytes(f"files{path}", path, read_owned(path), _ROOTS)
    for path in (*certificate_files(config), *sign_in_files(config)):
        add = _add_linked if path.is_symlink() else Contents.add
        add(found, f"files{path}", path)
    _add_acme_accounts(found)
    for name in revisions.kernels():
        prefix = revisions.current(name)
        if prefix is not None:
            for file in (revisions.LOCK, revisions.MARKER):
                found.add(f"kernels/{name}/{prefix.name}/{file}", prefix / file, whose=_ROOTS)
    for path in sorted(generations.glob("[0-9]*.json")):
        found.add(f"generations/{path.name}", path, whose=_ROOTS)
    if len(found.sources) > MOST_FILES:
        raise Problem(
            f"there are {len(found.sources)} files to back up, and {MOST_FILES} is the most",
            f"move what is no configuration out of {paths.ETC}",
        )
    return found


def is_named(config: Config, path: Path) -> bool:
    """Whether the config names a file outside of /etc/jupyterhub, or a directory of templates that it is one of."""
    templates = config.branding.templates
    if templates is not None and path.suffix == ".html" and path.is_relative_to(templates):
        return True
    return path in {
        *kernel_files(config),
        *certificate_files(config),
        *sign_in_files(config),
        *branding_files(config),
    }


def certificate_files(config: Config) -> list[Path]:
    """The admin's certificate and key, and what vouches for an ACME server, as far as they are outside."""
    tls = config.tls
    used = {"files": (tls.certificate, tls.key), "letsencrypt": (tls.ca_file,)}.get(tls.mode, ())
    named = {Path(file) for file in used if file is not None}
    return sorted(path for path in named if not path.is_relative_to(paths.ETC))


def branding_files(config: Config) -> list[Path]:
    """The logo and the templates, as far as they are outside."""
    return [path for path in branding.named_files(config.branding) if not path.is_relative_to(paths.ETC)]


def sign_in_files(config: Config) -> list[Path]:
    """The files outside of /etc/jupyterhub that say who gets in, and what vouches for the login provider."""
    used = (config.auth.allow.file, config.auth.names.map, config.auth.ca_file)
    named = {Path(file) for file in used if file is not None}
    return sorted(path for path in named if not path.is_relative_to(paths.ETC))


def kernel_files(config: Config) -> list[Path]:
    """The files outside of /etc/jupyterhub that kernels of the config are made from."""
    named = {Path(file) for kernel in config.kernels for file in (kernel.environment, kernel.lock) if file is not None}
    return sorted(path for path in named if not path.is_relative_to(paths.ETC))


def members() -> list[str]:
    """Who may log in."""
    try:
        return sorted(name for name in grp.getgrnam(paths.MEMBERS_GROUP).gr_mem if MEMBER.fullmatch(name))
    except KeyError:
        return []


def database(path: Path, name: str) -> Source:
    """A copy of a database of the hub's. name: as the manifest has it."""
    found = Contents()
    found.add(name, path, whose=files.Ownership(paths.HUB_USER, paths.HUB_USER, 0o600), only_roots=False)
    if not found.sources:
        raise Problem(f"the hub's database can't be backed up: {found.left_out[0]}", "see what the hub does there")
    return found.sources[0]


class Hashing:
    """A stream that is hashed as it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        piece = self._stream.read(size)
        self._hash.update(piece)
        return piece

    @property
    def digest(self) -> str:
        """Of what has been read."""
        return self._hash.hexdigest()


def digest(stream: IO[bytes]) -> str:
    """The sha256 of what is left in a stream."""
    hashed = hashlib.sha256()
    while piece := stream.read(1 << 16):
        hashed.update(piece)
    return hashed.hexdigest()


def _add_directory(found: Contents, directory: Path) -> None:
    """Take up what is below a directory that is root's alone; links only where root alone can have made them."""
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name) if directory.is_dir() else ():
        name = f"etc/{entry.relative_to(paths.ETC)}"
        if entry in {paths.HUB_CONFIG, paths.CONFIG_FILE} or entry.name.endswith(".new"):
            continue
        if entry.is_symlink():
            _add_linked(found, name, entry)
        elif entry.is_dir():
            status = entry.lstat()
            if status.st_uid != 0 or status.st_mode & 0o022:
                found.left_out.append(f"{entry}: others than root can change what is in it")
                continue
            if fits(name):
                whose = files.ownership(entry)
                found.folders.append(Folder(path=name, mode=whose.mode & 0o777, owner=whose.owner, group=whose.group))
            _add_directory(found, entry)
        else:
            found.add(name, entry, only_roots=False)


def _add_acme_accounts(found: Contents) -> None:
    """Take up the keys of our accounts with CAs, read as the account that they are of: it can put links there."""
    if not paths.ACME_CONFIG.is_dir():
        return
    words = ["find", str(paths.ACME_ACCOUNTS), "-type", "f", "-name", "*.json", "-printf", "%P\n"]
    listed = run(words, user=paths.ACME_USER, check=False)
    whose = files.Ownership(paths.ACME_USER, paths.ACME_USER, 0o600)
    for name in sorted(listed.stdout.splitlines())[:_MOST_ACCOUNT_FILES]:
        words = ["head", f"--bytes={_LARGEST_ACCOUNT_FILE}", "--", str(paths.ACME_ACCOUNTS / name)]
        read = run(words, user=paths.ACME_USER, check=False)
        if read.ok and ACCOUNT_FILE.fullmatch(name):
            found.add_bytes(f"acme/{name}", paths.ACME_ACCOUNTS / name, read.stdout.encode(), whose)


def _add_linked(found: Contents, name: str, link: Path) -> None:
    # The link may lead through anybody's directories, and what they put there next would be read by root.
    wrong = "a link to nothing" if not link.exists() else ""
    if not wrong and not link.is_file():
        wrong = "a link to what is no file"
    if not wrong and (opened := changeable(link)) is not None:
        wrong = f"a link that others than root can lead elsewhere ({opened})"
    if wrong:
        found.left_out.append(f"{link}: {wrong}")
    else:
        found.add(name, link.resolve())


def _wrong_with(name: str, status: os.stat_result, *, only_roots: bool) -> str | None:
    checks: Iterable[tuple[object, str]] = (
        (not stat.S_ISREG(status.st_mode), "no plain file"),
        (only_roots and status.st_uid != 0, "not root's"),
        (status.st_size > LARGEST_FILE, f"larger than {LARGEST_FILE >> 30} GiB"),
        (not fits(name), "its path is too long for an archive, or can't be printed"),
    )
    return next((wrong for applies, wrong in checks if applies), None)


def _ownership(path: Path, status: os.stat_result) -> files.Ownership:
    named = files.ownership(path)
    return files.Ownership(named.owner, named.group, stat.S_IMODE(status.st_mode))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        # A fifo would block at open, and a device do who knows what; neither is read.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Problem(f"can't be read: {error.strerror}", f"see: ls -l {path}") from error
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Problem("no plain file", f"see: ls -l {path}")
        yield stream
