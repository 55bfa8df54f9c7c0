"""What all the others stand on: the group of members, and the directories."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.host import paths
from installer.resources.account import Group
from installer.resources.directory import Directory

FEATURE = "ground"


def resources(_: Site) -> tuple[Resource, ...]:
    """The groups of members, and of those who are members no more for a while; the directories of the layout."""
    return (
        Group(feature=FEATURE, group=paths.MEMBERS_GROUP),
        Group(feature=FEATURE, group=paths.DISABLED_GROUP),
        Directory(feature=FEATURE, path=paths.ETC),
        Directory(feature=FEATURE, path=paths.CONF_D),
        Directory(feature=FEATURE, path=paths.SKELETON),
        Directory(feature=FEATURE, path=paths.SECRETS, mode=0o700),
        Directory(feature=FEATURE, path=paths.OPT, ours=True),
        Directory(feature=FEATURE, path=paths.REVISIONS),
        Directory(feature=FEATURE, path=paths.SERVER_REVISIONS),
        Directory(feature=FEATURE, path=paths.LIBEXEC),
        Directory(feature=FEATURE, path=paths.SHARE.parent),
        Directory(feature=FEATURE, path=paths.SHARE),
        Directory(feature=FEATURE, path=paths.KERNELSPECS),
        Directory(feature=FEATURE, path=paths.CACHE),
    )
