"""A directory that a group shares: what anyone makes in there is the group's, whatever their umask."""

from __future__ import annotations

import errno
from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import acl, files
from installer.host.errors import Problem
from installer.resources.directory import Directory

_NO_ACL = "none"
"""As plans have it."""


class SharedDirectory(Directory):
    """The directory itself; what is in it is people's, and stays when it isn't asked for any more.

    acl: the default ACL.
    access: its own; ours have none, since whoever is named in it would get in besides the group.
    take: whether one that somebody else has made may be given to the group.
    """

    kind: ClassVar[str] = "shared-directory"

    acl: str
    access: str = ""
    take: bool = False

    def wanted(self) -> Attributes:
        """Mode, owner, group, the ACL besides these, and that for what is made in there."""
        return {**super().wanted(), "ACL": self.access or _NO_ACL, "default ACL": self.acl}

    def probe(self) -> Attributes | None:
        """The same, as they are."""
        found = super().probe()
        if found is None or found["mode"] == "not a directory":
            return found
        return {**found, "ACL": acl.access_acl(self.path) or _NO_ACL, "default ACL": acl.default_acl(self.path)}

    def foreign(self, observed: Attributes | None) -> str | None:
        """Somebody else's, unless we were told to take it."""
        reason = super().foreign(observed)
        if reason is not None or observed is None or self.take or observed == self.wanted():
            return reason
        whose = f"{observed['owner']}:{observed['group']}, {observed['mode']}"
        return (
            f"{self.path} is there already ({whose}), and isn't ours: `existing` in its entry of `shared` says whether "
            "to keep it as it is, or to take it for the group"
        )

    def realize(self, before: Attributes | None) -> None:
        """Create it closed, and open it when all is as it should be for what comes to be in there."""
        try:
            if before is None:
                for above in reversed(self.path.parents):
                    above.mkdir(mode=0o755, exist_ok=True)  # no more than that, whatever ACL it comes by
                self.path.mkdir(mode=0o700, exist_ok=True)
            acl.set_default_acl(self.path, self.acl)
            # One that is there, or comes from the directory above: a mode would only be its mask.
            acl.set_access_acl(self.path, "")
            if self.access:
                files.own(self.path, owner=self.owner, group=self.group, mode=self.mode & ~acl.ALL_BUT_OWNER)
                acl.set_access_acl(self.path, self.access)
            else:
                files.own(self.path, owner=self.owner, group=self.group, mode=self.mode)
            files.fsync_directory(self.path.parent)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                raise Problem(
                    f"the file system of {self.path} has no ACLs, by which files in there would be the group's",
                    "choose a directory on a disk of this machine's (ext4, xfs, btrfs)",
                ) from error
            raise files.unwritable(self.path, error) from error

    def as_before(self, before: Attributes, text: str | None) -> SharedDirectory:
        """This directory as it was."""
        acls = {"acl": str(before.get("default ACL", "")), "access": str(before.get("ACL", "")).replace(_NO_ACL, "")}
        return SharedDirectory.model_validate({**super().as_before(before, text).model_dump(), **acls})

    def give_back(self, before: Attributes) -> None:
        """Have one that was there before any run of ours as it was."""
        if self.probe() is not None:
            self.as_before(before, None).realize(before)
