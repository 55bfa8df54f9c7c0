"""Shared directories, each a group's; the links to them in homes are made by people's own servers, as those people."""

from __future__ import annotations

from pathlib import Path

from installer.config.shared import SharedDirectory as Entry
from installer.engine.resource import Resource
from installer.features.site import Site
from installer.resources.shared_directory import SharedDirectory

FEATURE = "shared"

_WRITABLE, _READABLE = 0o2770, 0o2750
_GROUP_WRITES, _GROUP_READS = "user::rwx,group::rwx,other::---", "user::rwx,group::r-x,other::---"
"""A file made in there has of these what its maker asks for: no x where it is no program, but the umask counts not."""


def resources(site: Site) -> tuple[Resource, ...]:
    """One for each that is ours to keep as it should be."""
    return tuple(_directory(entry) for entry in site.config.shared if entry.existing != "keep")


def _directory(entry: Entry) -> SharedDirectory:
    return SharedDirectory(
        feature=FEATURE,
        path=Path(entry.path),
        mode=_READABLE if entry.read_only else _WRITABLE,
        group=entry.group,
        acl=_GROUP_READS if entry.read_only else _GROUP_WRITES,
        take=entry.existing == "take",
    )
