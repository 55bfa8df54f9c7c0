"""Taking off all that any run of ours has put on this machine, in reverse order; killed anywhere, the next goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from installer.commands import selftest, uninstall_places
from installer.engine.executor import Reporter, as_problem
from installer.engine.graph import in_order
from installer.engine.plan import Action, Change, observe
from installer.engine.resource import Attributes, Resource
from installer.engine.store import Generation, Store, now
from installer.host import files, packages, paths, remains, systemd
from installer.host.errors import Problem
from installer.host.process import run
from installer.kernels import leftovers
from installer.resources.account import Account, Group, Membership, Person
from installer.resources.apt import AptPackage
from installer.resources.directory import Directory
from installer.resources.kinds import KINDS
from installer.resources.unit import Service, UnitFile


@dataclass(frozen=True)
class Uninstall:
    """What there is to take off.

    resources: all that earlier runs put there, in the order in which it goes, without what others may use as well.
    found: those of them that were there before, with the attributes that they had.
    packages: the names of those that we installed. servers: whose servers run.
    archive: the copy of the state that an earlier uninstall, which did not come to its end, has made.
    """

    store: Store
    resources: tuple[Resource, ...]
    found: Mapping[str, Attributes]
    packages: tuple[str, ...]
    servers: tuple[str, ...]
    archive: Path | None

    @property
    def state(self) -> tuple[Path, ...]:
        """Where there is what can't be had again."""
        return tuple(path for path in (paths.ETC, paths.HUB_STATE) if self.resources and path.is_dir())


@dataclass
class Outcome:
    """What came of it.

    archive: where the state is kept. failures: what could not be done, with the reason.
    others: directories of ours that stay, each with the names of what somebody else has put there.
    """

    archive: Path | None = None
    failures: dict[str, Problem] = field(default_factory=dict)
    others: dict[Path, tuple[str, ...]] = field(default_factory=dict)


def look() -> Uninstall:
    """Read what earlier runs have written down; nothing is changed. Raises Problem: damaged, or by a newer version."""
    store = Store(paths.INSTALLER_STATE, KINDS)
    remains.check_explained()
    ours = {**store.left(), **store.managed()}
    found = store.found.read()
    record = packages.read_record()
    mine = [r.package for r in ours.values() if isinstance(r, AptPackage) and r.key not in found]
    there = packages.installed()
    return Uninstall(
        store=store,
        resources=_in_reverse([r for r in ours.values() if not _shared(r, found)]),
        found=found,
        packages=tuple(sorted({*mine, *record.installed} & there - (there if record.found is None else record.found))),
        servers=_servers(),
        archive=_noted_archive(store.newest()),
    )


def plan_purge(going: Uninstall) -> packages.Purge:
    """What could go of the packages that we installed, and that nothing else needs. Raises Problem."""
    return packages.plan_purge(going.packages, packages.read_record().found or ())


def check_where_we_run(going: Uninstall) -> None:
    """Refuse to end the very server that this runs in, and to reach into what is mounted. Raises Problem."""
    if paths.USERS_SLICE in Path("/proc/self/cgroup").read_text(encoding="ascii", errors="replace"):
        raise Problem(
            "this terminal is part of a user's server, which would be stopped in the middle of it",
            "log in by ssh, or at the machine, and run it there",
        )

    ours = {r.path for r in going.resources if isinstance(r, Directory)}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        mounted = Path(line.split()[4])  # proc(5); a space in it is written as \\040
        if mounted not in ours and ours.intersection(mounted.parents):
            raise Problem(
                f"a file system is mounted at {mounted}, in a directory that would be removed",
                f"unmount it, so that nothing on it is lost, then run uninstall again: umount {mounted}",
            )


def carry_out(
    going: Uninstall, by: str, reporter: Reporter, *, purge: packages.Purge, keep: Callable[[], Path] | None
) -> Outcome:
    """Stop everything, keep the state, and remove what is ours. One step that fails keeps no other from being taken.

    by: the account that asked. purge: packages to take off. keep: keeps the state; None where it is to be gone as well.
    Raises Problem, with nothing removed, where the state could not be kept. `finish` is what comes last.
    """
    going.store.prepare()
    outcome = Outcome(archive=going.archive)
    if keep is not None and going.archive is None and going.state:
        with _hub_stopped(going):
            reporter.step("keep a copy of config, secrets and the hub's database")
            outcome.archive = keep()
            _note_archive(outcome.archive)
    going.store.journal.begin(by=by, remembered=going.store.remembered())
    _Removal(going, outcome, reporter).run(purge)
    outcome.others = _others(going)
    return outcome


def finish() -> None:
    """Remove what was written down of all this, and the environment that this process runs in. Raises Problem."""
    remains.take_away()


class _Removal:
    """The steps, each on its own."""

    def __init__(self, going: Uninstall, outcome: Outcome, reporter: Reporter) -> None:
        self._going = going
        self._failures = outcome.failures
        self._reporter = reporter

    def run(self, purge: packages.Purge) -> None:
        self._step("the hub and users' servers", "stop the hub and users' servers", lambda: _stop(self._going))
        self._step("sockets of kernels", None, uninstall_places.kernel_sockets)
        self._step("what builds have left", "end what is being built", leftovers.clear)
        self._step(f"the account {paths.SELFTEST_USER}", None, selftest.remove_account)
        seen = observe(self._going.resources)
        for resource in self._going.resources:
            before = self._going.found.get(resource.key)
            if before is not None:
                self._step(resource.key, None, lambda r=resource, b=before: _give_back(r, b))  # type: ignore[misc]
            elif seen[resource.key] is not None:
                self._step(resource.key, None, lambda r=resource: self._remove(r, seen[r.key]))  # type: ignore[misc]
        if purge.gone:
            names = " ".join(purge.gone)
            self._step(f"packages: {names}", f"purge {names}", lambda: _purge(purge.gone))

    def _step(self, name: str, doing: str | None, act: Callable[[], None]) -> None:
        if doing is not None:
            self._reporter.step(doing)
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the others are still worth taking
            self._failures[name] = as_problem(error)

    def _remove(self, resource: Resource, seen: Attributes | None) -> None:
        change = Change(resource, Action.REMOVE, before=seen, after=None, observed=seen)
        self._going.store.journal.start(change)
        self._reporter.begun(change)
        try:
            if isinstance(resource, Directory):
                uninstall_places.empty(resource.path)
            resource.remove()
        except OSError as error:
            raise files.unwritable(Path(error.filename or resource.name), error) from error
        self._going.store.journal.done(change)
        self._reporter.ended(change, 0.0)


def _others(going: Uninstall) -> dict[Path, tuple[str, ...]]:
    """The directories that stay for what is in them; with nothing, where it is because they are mounted."""
    there = {r.path for r in going.resources if isinstance(r, Directory) and r.path.is_dir()}
    within = {directory: {*directory.iterdir()} for directory in there}
    return {
        directory: tuple(sorted(entry.name for entry in within[directory] - there))
        for directory in sorted(there)
        if not within[directory] or within[directory] - there
    }


def _shared(resource: Resource, found: Collection[str]) -> bool:
    """Whether others may use it, and it is left alone: packages; their services, but to be as they were found."""
    if isinstance(resource, Service):
        return resource.shared and resource.key not in found
    return isinstance(resource, AptPackage)


def _in_reverse(resources: list[Resource]) -> tuple[Resource, ...]:
    """Dependents first; accounts last of all, since something of theirs may be anywhere."""
    keys = {resource.key for resource in resources}
    loose = [r.model_copy(update={"needs": tuple(need for need in r.needs if need in keys)}) for r in resources]
    backwards = in_order(loose)[::-1]
    last = [resource for resource in backwards if isinstance(resource, (Account, Group, Membership, Person))]
    return (*(resource for resource in backwards if resource not in last), *last)


def _give_back(resource: Resource, before: Attributes) -> None:
    if isinstance(resource, Directory):
        uninstall_places.empty(resource.path)
    resource.give_back(before)


def _servers() -> tuple[str, ...]:
    """Who has a server that runs, each as often as they have one."""
    words = ["systemctl", "list-units", "--state=active", "--plain", "--no-legend", "--", *systemd.SERVERS]
    names = (line.split()[0] for line in run(words).stdout.splitlines() if line.strip())
    found = (re.fullmatch(r"jupyter-([^:]+?)(-\d+\.scope|(:.*)?\.service)", name) for name in names)
    return tuple(sorted(match[1] for match in found if match))


def _units(going: Uninstall) -> tuple[list[str], list[str]]:
    """The names of our units, and patterns for the instances of our templates."""
    named = [r.path.name for r in going.resources if isinstance(r, UnitFile)]
    named += [r.unit for r in going.resources if isinstance(r, Service) and not r.shared]
    units = sorted({name for name in named if "@." not in name})
    return units, sorted(name.replace("@.", "@*.") for name in named if "@." in name)


def _running(units: list[str]) -> list[str]:
    states = systemd.states(units) if units else []
    return [state.name for state in states if state.active not in {"inactive", "failed"}]


@contextmanager
def _hub_stopped(going: Uninstall) -> Iterator[None]:
    """What changes the state is stopped; and runs again, where the block fails."""
    units, _ = _units(going)
    running = _running([unit for unit in units if unit in {paths.HUB_UNIT, paths.CULLER_UNIT}])
    if running:
        run(["systemctl", "stop", "--", *running], timeout=180)
    try:
        yield
    except BaseException:
        if running:
            run(["systemctl", "start", "--", *running], timeout=300, check=False)
        raise


def _stop(going: Uninstall) -> None:
    units, instances = _units(going)
    running = _running(units)
    # systemd's own slices for instances of templates last: they would stay empty until the next boot.
    for words in (running, instances, ["system-jupyterhub*.slice"]):
        if words:
            run(["systemctl", "stop", "--", *words], timeout=300)
    for stamp in paths.TIMER_STAMPS.glob("stamp-jupyterhub-*.timer"):
        stamp.unlink()  # when a timer of ours last fired, which systemd keeps for good


def _purge(names: tuple[str, ...]) -> None:
    pages = _nginx_pages() if {"nginx", "nginx-common"}.intersection(names) else []
    packages.purge(names)
    for path in pages:
        path.unlink(missing_ok=True)
    # In this order, and only as far as nobody else has a use for them.
    for directory in (Path("/var/www/html"), Path("/var/www")) if pages else ():
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def _nginx_pages() -> list[Path]:
    """nginx's welcome page, which its package puts there and leaves, as long as nobody has changed it."""
    page = Path("/var/www/html/index.nginx-debian.html")
    source = Path("/usr/share/nginx/html/index.html")
    same = page.is_file() and source.is_file() and page.read_bytes() == source.read_bytes()
    return [page] if same else []


def _note_archive(archive: Path) -> None:
    said = {"path": str(archive), "at": now()}
    files.write(remains.ARCHIVE_NOTE, json.dumps(said).encode(), mode=0o600)


def _noted_archive(newest: Generation | None) -> Path | None:
    """The copy that an earlier uninstall has made of the very state that there is; None where it has to be made."""
    try:
        said = json.loads(remains.ARCHIVE_NOTE.read_text(encoding="utf-8"))
        archive, at = Path(said["path"]), str(said["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # After an apply that came to its end, there is state again that nobody has kept.
    return archive if archive.is_file() and (newest is None or newest.at <= at) else None
