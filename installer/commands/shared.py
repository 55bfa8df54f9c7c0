"""Whether what the config shares can be, on this machine: looked at before anything is changed."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from installer.config.shared import SharedDirectory
from installer.engine.plan import Action, Plan
from installer.engine.resource import Attributes
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.host.trusted import not_roots_alone
from installer.resources import shared_directory


def refuse_unfit(entries: tuple[SharedDirectory, ...]) -> None:
    """Raises ConfigProblem for the first that can't be shared."""
    homes = {Path(account.pw_dir) for account in pwd.getpwall() if account.pw_uid >= paths.FIRST_PERSON_UID}
    for place, entry in enumerate(entries):
        wrong = _way(Path(entry.path), homes) or _there(entry)
        if wrong is not None:
            raise ConfigProblem(f"shared[{place}] in {paths.CONFIG_FILE}: {wrong[0]}", wrong[1])


def _way(path: Path, homes: set[Path]) -> tuple[str, str] | None:
    """What is wrong with where it is: root alone may decide that, and nobody's home is passed."""
    for above in (*reversed(path.parents), path):
        if above in homes and above != Path("/"):
            return f"{path} is in somebody's home ({above})", "choose another place, in /srv for instance"
        try:
            status = above.lstat()
        except FileNotFoundError:
            break
        except OSError as error:
            return f"{above} can't be looked at: {error.strerror}", "see mount, and dmesg"
        if stat.S_ISLNK(status.st_mode):
            return f"{above} is a symbolic link", f"say where that leads: {above.resolve() / path.relative_to(above)}"
        if not stat.S_ISDIR(status.st_mode):
            return f"{above} is there, and isn't a directory", "choose another path, or move that away"
        if above != path and (open_to := not_roots_alone(above)) is not None:
            return (
                f"{open_to[0]} {open_to[1]}, who could put anything in the place of {path}",
                f"choose another place, or: sudo chown root:root {open_to[0]} && sudo chmod go-w {open_to[0]}",
            )
    return None


def _there(entry: SharedDirectory) -> tuple[str, str] | None:
    """What is wrong with what is there, or with the file system that it is on."""
    path = Path(entry.path)
    if entry.existing == "keep":
        if not path.is_dir():
            return f"there is no directory {path} to keep", f"make it, or take out `existing: keep`: mkdir -p {path}"
        return None
    nearest = next(place for place in (path, *path.parents) if place.is_dir())
    if os.statvfs(nearest).f_flag & os.ST_RDONLY and not _is_so(entry):
        return (
            f"{path} is on a file system that is mounted read-only",
            "mount it to be written to; or make the directory elsewhere, and say `existing: keep`",
        )
    return None


def _is_so(entry: SharedDirectory) -> bool:
    """Whether nothing would have to be changed."""
    status = Path(entry.path).stat() if Path(entry.path).is_dir() else None
    return status is not None and status.st_uid == 0 and grp.getgrgid(status.st_gid).gr_name == entry.group


def notes(plan: Plan) -> list[str]:
    """What a plan leaves as it is of directories that are read-only from now on, a line each."""
    changed = [change for change in plan.changes if change.action is Action.CHANGE]
    return [
        f"{change.resource.name} is to be read-only; what is in it already stays as writable as it is: "
        f"sudo chown -R root {change.resource.name} && sudo chmod -R g-w {change.resource.name}"
        for change in changed
        if isinstance(change.resource, shared_directory.SharedDirectory) and change.before and change.after
        if _group_writes(change.before) and not _group_writes(change.after)
    ]


def _group_writes(attributes: Attributes) -> bool:
    mode = str(attributes["mode"])
    return mode.isdecimal() and bool(int(mode, 8) & stat.S_IWGRP)
