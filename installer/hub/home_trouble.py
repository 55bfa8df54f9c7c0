"""What people and the journal are told of a home that a server can't be started in."""

from __future__ import annotations

import pwd
from html import escape

from jupyterhub.spawner import SpawnException

from installer.hub.homes import Trouble

_ASK = "Please tell the administrator."

_TOLD = {
    Trouble.MISSING: (
        "is not there",
        "Please tell the administrator: it has to be made, or the disk that it is on.",
        "mount what it is on, or make it: sudo mkhomedir_helper {name} 0077",
    ),
    Trouble.NO_DIRECTORY: (
        "is not a directory, or a file is in the way in .local/share/jupyter",
        _ASK,
        "see: namei -l {home}/.local/share/jupyter/runtime",
    ),
    Trouble.CLOSED: (
        "is closed to its owner, or its directory .local/share/jupyter is",
        _ASK,
        "its owner should be {name}: sudo namei -l {home}/.local/share/jupyter/runtime",
    ),
    Trouble.READ_ONLY: (
        "can only be read, not written to",
        "What is in it is still there. Please tell the administrator.",
        "its file system is read-only, perhaps since it failed: findmnt -T {home}; sudo journalctl --dmesg",
    ),
    Trouble.FULL: (
        "is on a disk that is full",
        "What is in it is still there. Please tell the administrator, who can make room.",
        "make room: df -h {home}; df -i {home}",
    ),
    Trouble.QUOTA: (
        "is full: all the disk space that may be used is used up",
        "What is in it is still there. Delete what isn't needed (by ssh, say), or ask the administrator for more.",
        "the disk quota of {name} is used up: delete something, or give them more",
    ),
    Trouble.BROKEN: (
        "can't be used: the disk that it is on does not work",
        _ASK,
        "see: findmnt -T {home}; sudo journalctl --dmesg",
    ),
}
"""What is wrong, in words that follow on the home's name; what its owner does; and what the administrator."""


class HomeUnusable(SpawnException):  # type: ignore[misc]
    """Nothing was started, since the home doesn't do; as such it is no failure of the hub's."""

    def __init__(self, name: str, home: str, trouble: Trouble) -> None:
        what, owners, admins = _TOLD[trouble]
        self.lines = (f"Your home, {home}, {what}.", owners)
        super().__init__(
            " ".join(self.lines),
            reason="home",
            log_message=f"the home of {name}, {home}, {what}; {admins.format(name=name, home=home)}",
            message_html="<br>".join(map(escape, self.lines)),
        )

    @property
    def jupyterhub_message(self) -> str:
        """What the API says."""
        return str(self.message)

    @property
    def jupyterhub_html_message(self) -> str:
        """What the pages say: a line for what is wrong, a line for what to do."""
        return str(self.message_html)

    def __str__(self) -> str:
        return str(self.log_message)


def unusable(name: str, status: object) -> HomeUnusable | None:
    """What to raise, by the status that a server has ended with, or would have; None where its home is all right."""
    if not isinstance(status, int) or status not in _TOLD:
        return None
    try:
        return HomeUnusable(name, pwd.getpwnam(name).pw_dir, Trouble(status))
    except KeyError:
        return None
