"""What an uninstall takes away and what it leaves, as lists for a person to read before saying yes."""

from __future__ import annotations

import grp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands.uninstall import Uninstall
from installer.commands.uninstall_places import state_files
from installer.engine.resource import Resource
from installer.host import packages, paths
from installer.host.packages import Purge
from installer.resources.account import Account, Group, Membership, Person
from installer.resources.directory import Directory
from installer.resources.kernel import Kernel
from installer.resources.nginx_limits import NginxLimits
from installer.resources.nginx_site import DisabledSite
from installer.resources.unit import Service, UnitFile

Row = tuple[str, Sequence[str]]
"""A title, and what it is of."""


@dataclass(frozen=True)
class Told:
    """The two lists."""

    goes: tuple[Row, ...]
    stays: tuple[Row, ...]


def told(going: Uninstall, purge: Purge | None) -> Told:
    """Look at what is there of all that could go. Reads only.

    purge: what goes of packages; None where they all stay.
    """
    gone = [resource for resource in going.resources if resource.key not in going.found]
    return Told(goes=tuple(_goes(going, gone, purge)), stays=tuple(_stays(going, purge)))


def _goes(going: Uninstall, gone: Sequence[Resource], purge: Purge | None) -> Iterable[Row]:
    units = [r.path.name for r in gone if isinstance(r, UnitFile)]
    yield "units", _joined(units)
    yield "kernels", _joined(r.name for r in gone if isinstance(r, Kernel))
    directories = _outermost([r.path for r in going.resources if isinstance(r, Directory)])
    alone = [
        Path(place)
        for r in gone
        if not isinstance(
            r, (UnitFile, Directory, Service, Account, Group, Membership, Person, Kernel, DisabledSite, NginxLimits)
        )
        for place in r.provides
    ]
    yield "files", [str(path) for path in sorted(alone) if not any(d in path.parents for d in directories)]
    yield "directories", [str(path) for path in (*directories, paths.INSTALLER_STATE)]
    yield "accounts", _joined(r.name for r in gone if isinstance(r, (Account, Person)))
    yield "groups", _joined(r.name for r in gone if isinstance(r, Group) and not r.is_somebodys_own)
    nginx_goes = purge is not None and "nginx" in purge.gone
    sites = [r for r in going.resources if isinstance(r, DisabledSite) and not nginx_goes]
    yield "comes back", [r.name for r in sites if going.found.get(r.key, {"link": "present"})["link"] == "present"]


def _stays(going: Uninstall, purge: Purge | None) -> Iterable[Row]:
    kept = [r for r in going.resources if r.key in going.found]
    yield "accounts", _joined([*(r.name for r in kept if isinstance(r, (Account, Person))), *_members(going)])
    yield (
        "groups",
        _joined(r.name for r in going.resources if isinstance(r, Group) and (r in kept or r.is_somebodys_own)),
    )
    yield "your files", _own_files(going)
    if purge is None:
        several = _joined(going.packages)
        yield "packages", [f"{names} (with --packages they go too)" for names in several]
    else:
        yield "packages", [f"{name}, which {', '.join(needers)} needs" for name, needers in purge.stay.items()]
    yield "backups", [str(path) for path in sorted(paths.BACKUPS.glob("*"))]
    yield "logs", ["what systemd's journal has"]
    if going.resources and packages.read_record().found is None:
        yield "packages", ["all: what was here before the installer isn't known"]


def _members(going: Uninstall) -> list[str]:
    """Who may log in now, but for accounts that go."""
    own = {r.name for r in going.resources if isinstance(r, Person) and r.key not in going.found}
    try:
        return [name for name in grp.getgrnam(paths.MEMBERS_GROUP).gr_mem if name not in own]
    except KeyError:
        return []


def _own_files(going: Uninstall) -> list[str]:
    """What is in the directories for the admin's own files, and what they have added to our units."""
    ours = {Path(place) for r in going.resources for place in r.provides} | {*state_files(paths.ETC)}
    gone_whole = (paths.SECRETS, paths.TLS)
    below = [path for path in sorted(paths.ETC.rglob("*")) if not any(d in path.parents for d in gone_whole)]
    dropped_in = [path for name in ("jupyterhub*.d", "jupyterusers*.d") for path in paths.UNITS.glob(f"{name}/*")]
    return [str(path) for path in (*below, *dropped_in) if path not in ours and not path.is_dir()]


def _outermost(directories: Sequence[Path]) -> list[Path]:
    return sorted(path for path in {*directories} if not any(parent in directories for parent in path.parents))


def _joined(names: Iterable[str]) -> list[str]:
    text = ", ".join(sorted({*names}))
    return [text] if text else []
