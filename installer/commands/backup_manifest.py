"""What a backup says of itself, first of all that is in it: from which host, by which version, and every file's hash.

manifest.json
etc/…                              /etc/jupyterhub, without what apply writes there
files/…                            what the config names elsewhere: what kernels are made from, certificates, the logo
acme/…                             accounts with CAs that certbot has made
hub/jupyterhub.sqlite              the hub's database
hub/people.sqlite                  names and passwords of the hub's own
kernels/NAME/REVISION/…            kernel.lock and .complete of the revision in use
generations/000001.json            what was applied when
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from packaging.version import Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from installer.host import paths
from installer.host.archive import has_no_detour
from installer.host.errors import Problem
from installer.host.version import VERSION

FORMAT = 1
WHAT = "backup of jupyterhub-installer"
NAME = "manifest.json"
LARGEST = 4 << 20
"""Bytes of a manifest."""
MOST_FILES = 10_000
LARGEST_FILE = 8 << 30
DATABASE = "hub/jupyterhub.sqlite"
PEOPLE = "hub/people.sqlite"
CONFIG = "etc/installer.yaml"

_PLACES = re.compile(
    rf"etc/(?!{re.escape(paths.HUB_CONFIG.name)}$).+|files/.+|{re.escape(DATABASE)}|{re.escape(PEOPLE)}"
    r"|kernels/[a-z0-9][a-z0-9._-]{0,31}/[0-9a-f]{12}/(kernel\.lock|\.complete)|generations/[0-9]{6}\.json"
)
ACCOUNT_FILE = re.compile(r"[A-Za-z0-9.:_-]+(/[A-Za-z0-9.:_-]+){2,6}\.json")
"""An account's file, below where certbot keeps accounts: SERVER/PATH/ID/private_key.json."""
MEMBER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")
"""An account's name that programs can be given."""


def _place(path: str) -> str:
    account = path.startswith("acme/") and ACCOUNT_FILE.fullmatch(path.removeprefix("acme/"))
    if not has_no_detour(path) or not (account or _PLACES.fullmatch(path)):
        raise ValueError(f"{path!r} is nothing that a backup has")
    return path


def _folder(path: str) -> str:
    if not has_no_detour(path) or not path.startswith("etc/"):
        raise ValueError(f"{path!r} is no directory that a backup has")
    return path


def _member(name: str) -> str:
    if not MEMBER.fullmatch(name):
        raise ValueError(f"{name!r} is no account's name")
    return name


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    mode: int = Field(ge=0, le=0o777)
    owner: str
    group: str


class Item(_Part):
    """A file: its path in the archive, and as what it stands on a host."""

    path: Annotated[str, AfterValidator(_place)]
    size: int = Field(ge=0, le=LARGEST_FILE)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Folder(_Part):
    """A directory of the admin's own below /etc/jupyterhub."""

    path: Annotated[str, AfterValidator(_folder)]


class Manifest(BaseModel):
    """The whole.

    version: of the installer that made it. host, machine: `uname -n` and `uname -m`. at: UTC, ISO 8601.
    generation: the newest one's number. admin: the account that administers the hub, where it is a person's own.
    members: accounts that could log in. left_out: what should be in it and isn't, with the reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    what: Literal["backup of jupyterhub-installer"] = "backup of jupyterhub-installer"
    format: int = FORMAT
    version: str = VERSION
    host: str
    machine: str
    at: str
    generation: int | None
    admin: str | None
    members: tuple[Annotated[str, AfterValidator(_member)], ...]
    left_out: tuple[str, ...]
    folders: tuple[Folder, ...] = Field(max_length=MOST_FILES)
    items: tuple[Item, ...] = Field(max_length=MOST_FILES)

    def text(self) -> bytes:
        """As it stands in the archive."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_manifest(data: bytes, source: str) -> Manifest:
    """Read one, and refuse what is not for this version. source: what people call the backup. Raises Problem."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise foreign(source, "its manifest is damaged") from None
    if not isinstance(said, dict) or said.get("what") != WHAT:
        raise foreign(source, "its manifest is another program's")
    _refuse_newer(said, source)
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise foreign(source, f"its manifest is damaged: {where}: {first['msg']}") from None
    twice = _named_twice([*(item.path for item in manifest.items), *(folder.path for folder in manifest.folders)])
    if twice is not None:
        raise foreign(source, f"{twice!r} is in it twice")
    return manifest


def foreign(source: str, why: str) -> Problem:
    """The Problem that tells of a backup that can't be used."""
    return Problem(
        f"{source} can't be restored: {why}",
        "nothing was changed; take another backup, one that `installer backup` made",
    )


def target(path: str) -> Path:
    """Where a file or directory of a backup stands on a host."""
    area, _, rest = path.partition("/")
    places = {
        "etc": paths.ETC,
        "files": Path("/"),
        "acme": paths.ACME_ACCOUNTS,
        "hub": paths.HUB_STATE,
        "kernels": paths.RESTORED_KERNELS,
        "generations": paths.RESTORED_GENERATIONS,
    }
    return places[area] / rest


def _refuse_newer(said: dict[str, object], source: str) -> None:
    version, form = str(said.get("version")), said.get("format")
    try:
        newer = Version(version) > Version(VERSION) or not isinstance(form, int) or form > FORMAT
    except ValueError:
        raise foreign(source, "its manifest is damaged: it names no version") from None
    if newer:
        raise Problem(
            f"{source} was made by version {version} of the installer, and this is {VERSION}: what a newer one has "
            "written, an older one may not understand",
            "restore it with that version or a newer one (git pull in the installer's checkout)",
        )


def _named_twice(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
