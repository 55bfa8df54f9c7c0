"""Make this host the hub that a backup is of: look whether that can be, put its files in place, and apply."""

from __future__ import annotations

import os
import platform
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from installer.commands import backup, backup_contents, first_admin
from installer.commands.backup_manifest import CONFIG, DATABASE, PEOPLE, Item, target
from installer.commands.names_here import refuse_unknown
from installer.commands.restore_archive import Unpacked
from installer.config.load import Loaded, load_file, load_text
from installer.config.models import Config
from installer.engine.plan import make_plan
from installer.engine.resource import Resource
from installer.engine.store import Generation, Store
from installer.features.everything import desired
from installer.features.site import Site
from installer.host import facts, files, paths
from installer.host.errors import ConfigProblem, Conflict, Problem
from installer.host.process import run
from installer.host.trees import remove_tree
from installer.host.trusted import changeable
from installer.kernels import revisions
from installer.resources import schemas
from installer.resources.account import Membership
from installer.resources.kinds import KINDS
from installer.resources.revision_id import read_ingredients, revision_id

_FIRST = (
    f"group:{paths.MEMBERS_GROUP}",
    f"account:{paths.HUB_USER}",
    f"directory:{paths.HUB_STATE}",
    f"account:{paths.ACME_USER}",
    f"directory:{paths.ACME}",
    f"directory:{paths.ACME_CONFIG}",
)
"""What apply would make, and what has to be there before a database can be put in its place."""


@dataclass(frozen=True)
class Restoration:
    """What a restore is going to do; nothing has been changed yet.

    config: of the backup. ground: resources that come before its files.
    members, strangers: who may log in and has an account here; who has none. extra: files here that aren't in it.
    occupied: why this host isn't a fresh one (one clause), None where it is.
    """

    unpacked: Unpacked
    config: Config
    ground: tuple[Resource, ...]
    members: tuple[str, ...]
    strangers: tuple[str, ...]
    extra: tuple[Path, ...]
    occupied: str | None

    @property
    def other_machine(self) -> bool:
        """Whether it was made on another kind of processor: kernels' packages are not the same there."""
        return self.unpacked.manifest.machine != platform.machine()


def prepare(unpacked: Unpacked) -> Restoration:
    """Look at everything that could stand in the way. Raises Problem; nothing is changed."""
    store = Store(paths.INSTALLER_STATE, KINDS)
    config = load_text(target(CONFIG), (unpacked.read(CONFIG) or b"").decode())
    _refuse_unnamed(unpacked, config)
    former = _newest(unpacked)
    remembered = former.remembered if former else store.remembered()
    _refuse_another_hub(store.newest(), remembered)
    _refuse_without_admin(remembered)
    host = facts.gather()
    site = Site(
        # Their recipes aren't in place yet; they are planned when they are.
        config.model_copy(update={"kernels": (), "default_kernel": None}),
        host,
        first_admin.choose(remembered),
        revision_id(read_ingredients(host.python, host.machine)),
        schemas.of_locks(),
    )
    _refuse_without_names(site)
    wanted = desired(site)
    make_plan(wanted, store.managed(), store.left())  # for what stands in the way
    here = {name for name in unpacked.manifest.members if _is_person(name)}
    return Restoration(
        unpacked=unpacked,
        config=config,
        ground=tuple(resource for key in _FIRST for resource in wanted if resource.key == key),
        members=tuple(name for name in unpacked.manifest.members if name in here),
        strangers=tuple(name for name in unpacked.manifest.members if name not in here),
        extra=_extra(unpacked),
        occupied=_occupied(store, unpacked),
    )


def refuse_occupied(restoration: Restoration) -> None:
    """Raises Problem where there is a hub already."""
    if restoration.occupied is not None:
        raise Problem(
            f"this machine is not a fresh one: {restoration.occupied}",
            "to have the backup take its place, after a backup of what is here: add --replace",
        )


def keep_what_is_here(report: backup.Report) -> backup.Made:
    """Back up what is about to be replaced. Raises Problem."""
    loaded: Loaded = load_file(paths.CONFIG_FILE)
    return backup.backup_to(None, loaded, report, label="-before-restore")


def put_in_place(restoration: Restoration, report: backup.Report) -> None:
    """Put everything in its place; safe to repeat after a kill, and asked for by every command until it is complete."""
    unpacked = restoration.unpacked
    try:
        paths.INSTALLER_STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
        files.write(paths.RESTORING, f"of {unpacked.manifest.host} of {unpacked.manifest.at}\n".encode(), mode=0o600)
        if restoration.occupied is not None:
            report("stopping the hub")
            units = (paths.CULLER_UNIT, paths.HUB_UNIT, paths.CERTIFICATE_TIMER_UNIT, paths.ACME_UNIT)
            run(["systemctl", "stop", *units], check=False, timeout=180)
        for resource in restoration.ground:
            before = resource.probe()
            if before != resource.wanted():
                resource.realize(before)
        report("putting its files in place")
        for path in restoration.extra:
            files.remove(path)
        if unpacked.item(PEOPLE) is None:
            files.remove(paths.HUB_PEOPLE)  # those who may log in are the backup's
        _put_folders(unpacked)
        for place in (paths.RESTORED_KERNELS, paths.RESTORED_GENERATIONS.parent, paths.ACME_ACCOUNTS):
            remove_tree(place)
        fresh = not Store(paths.INSTALLER_STATE, KINDS).numbers()
        for item in unpacked.manifest.items:
            if _is_wanted(item, fresh=fresh):
                _put(unpacked, item)
        for name in restoration.members:
            membership = Membership(feature="members", account=name, group=paths.MEMBERS_GROUP)
            if membership.probe() is None:
                membership.realize(None)
        files.remove(paths.RESTORING)
    except OSError as error:
        raise files.unwritable(Path(error.filename or paths.ETC), error) from error


# --- what stands in the way ----------------------------------------------------------------------
def _refuse_unnamed(unpacked: Unpacked, config: Config) -> None:
    """Refuse files for places that the config doesn't name, or where others could catch them."""
    for item in unpacked.manifest.items:
        if not item.path.startswith("files/"):
            continue
        path = target(item.path)
        if not backup_contents.is_named(config, path):
            raise Conflict(f"the backup has a file for {path}, which its config does not name", "take another backup")
        if _is_there(unpacked, item, path):
            continue
        how = f"put it there yourself, as it is in the backup: tar --extract --to-stdout --file=BACKUP {item.path}"
        if (opened := changeable(path)) is not None:
            raise Conflict(f"{path} can't be restored: others than root can change {opened}", how)
        if path.exists() or path.is_symlink():
            raise Conflict(
                f"{path} is there already, and is another file than in the backup", f"move it away, or {how}"
            )


def _is_there(unpacked: Unpacked, item: Item, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != item.size:
        return False
    with path.open("rb") as stream:
        return backup_contents.digest(stream) == item.sha256


def _refuse_another_hub(newest: Generation | None, remembered: Mapping[str, str]) -> None:
    here = dict(newest.remembered) if newest else remembered
    if here != remembered:
        theirs, ours = remembered.get("admin"), here.get("admin")
        raise Conflict(
            f"this machine has another hub: {ours} administers it, and {theirs} the backup's",
            "restore it on a fresh machine",
        )


def _refuse_without_admin(remembered: Mapping[str, str]) -> None:
    name = remembered.get("admin")
    if name is None or remembered.get("admin_own") == "yes":
        return
    if not _is_person(name):
        raise Conflict(
            f"{name} administers the hub of the backup, and has no account on this machine",
            f"make one first (sudo adduser {name}), then restore again: people's accounts are not in a backup",
        )


def _refuse_without_names(site: Site) -> None:
    """Refuse rules for accounts and groups that aren't here, which apply would refuse when all is in place."""
    try:
        refuse_unknown(site)
    except ConfigProblem as problem:
        raise Conflict(
            f"the backup's config can't be applied here: {problem.what}",
            "make it first, then restore again: people's accounts and groups are not in a backup",
        ) from problem


def _is_person(name: str) -> bool:
    try:
        return pwd.getpwnam(name).pw_uid >= paths.FIRST_PERSON_UID
    except KeyError:
        return False


def _occupied(store: Store, unpacked: Unpacked) -> str | None:
    numbers = store.numbers()
    if numbers:
        return f"there is a hub (generation {numbers[-1]})"
    if store.interrupted() is not None:
        return "a run of the installer did not come to its end here"
    if paths.RESTORING.exists():
        return None  # what is there is half of a backup
    for name in (DATABASE, PEOPLE):
        if os.path.lexists(target(name)) and not _is_ours(unpacked, name):
            return f"{target(name)} is there"
    others = [path for path in _here() if (name := _name_of(path)) and not _is_ours(unpacked, name)]
    return f"{others[0]} is there, and is another file than in the backup" if others else None


def _is_ours(unpacked: Unpacked, name: str) -> bool:
    item = unpacked.item(name)
    return item is not None and _is_there(unpacked, item, target(name))


def _here() -> list[Path]:
    """The files below /etc/jupyterhub, links too, that a backup would have."""
    found = (Path(parent, name) for parent, _, names in os.walk(paths.ETC) for name in names)
    return sorted(path for path in found if path != paths.HUB_CONFIG)


def _name_of(path: Path) -> str:
    return f"etc/{path.relative_to(paths.ETC)}"


def _extra(unpacked: Unpacked) -> tuple[Path, ...]:
    """Plain files here that the backup doesn't have; what a backup leaves out stays, since it would be lost."""
    known = {item.path for item in unpacked.manifest.items}
    others = (path for path in _here() if _name_of(path) not in known)
    return tuple(
        path for path in others if path.is_file() and not path.is_symlink() and changeable(path.parent) is None
    )


def _newest(unpacked: Unpacked) -> Generation | None:
    numbered = sorted(item.path for item in unpacked.manifest.items if item.path.startswith("generations/"))
    data = unpacked.read(numbered[-1]) if numbered else None
    return Generation.model_validate_json(data) if data is not None else None


# --- putting in place ----------------------------------------------------------------------------
def _is_wanted(item: Item, *, fresh: bool) -> bool:
    """Whether a file is put in place: a host that has a history keeps its own, and kernels that are there are used."""
    area, *rest = item.path.split("/")
    if area == "generations":
        return fresh
    if area == "acme":
        return paths.ACME_CONFIG.is_dir()
    if area == "kernels":
        prefix = revisions.current(rest[0])
        return prefix is None or prefix.name != rest[1] or revisions.completed(prefix) is None
    return True


def _put_folders(unpacked: Unpacked) -> None:
    for path in (paths.ETC, paths.SECRETS):
        if not path.is_dir():
            path.mkdir(mode=0o700 if path == paths.SECRETS else 0o755, parents=True)
    for folder in sorted(unpacked.manifest.folders, key=lambda folder: folder.path):
        path = target(folder.path)
        path.mkdir(mode=0o700, exist_ok=True)
        owner, group, mode = _known(folder.owner, folder.group, folder.mode)
        files.own(path, owner=owner, group=group, mode=mode)


def _put(unpacked: Unpacked, item: Item) -> None:
    place = target(item.path)
    if place.is_relative_to(paths.ACME_ACCOUNTS):
        _make_account_folders(place.parent)
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if item.path in (DATABASE, PEOPLE):
        # A journal of the database that was here would be played into this one.
        for end in ("-journal", "-wal", "-shm"):
            files.remove(place.with_name(f"{place.name}{end}"))
    owner, group, mode = _known(item.owner, item.group, item.mode)
    with (
        unpacked.place(item).open("rb") as source,
        files.appearing(place, mode=mode, owner=owner, group=group) as stream,
    ):
        while piece := source.read(1 << 16):
            stream.write(piece)


def _make_account_folders(last: Path) -> None:
    """Certbot keeps nothing but its own there; its account writes to them."""
    for folder in reversed((last, *last.parents)):
        if folder.is_relative_to(paths.ACME_ACCOUNTS) and not folder.is_dir():
            folder.mkdir(mode=0o700)
            files.own(folder, owner=paths.ACME_USER, group=paths.ACME_USER, mode=0o700)


def _known(owner: str, group: str, mode: int) -> tuple[str, str, int]:
    """Owner, group and mode as they were; where this host doesn't know them, root's alone."""
    try:
        files.uid_of(owner)
        files.gid_of(group)
    except Problem:
        return "root", "root", mode & 0o700
    return owner, group, mode
