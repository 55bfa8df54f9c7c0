"""The distribution's packages: which were there before the first run, which it asked for, which could go again."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.process import run

RECORD = paths.INSTALLER_STATE / "packages.json"
"""Written before the first package is installed, which the installer's own environment may need."""

_NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
# What another package would merely suggest isn't needed by it. A lock that an unattended upgrade holds is waited for.
_OPTIONS = ("-o", "APT::AutoRemove::SuggestsImportant=false", "-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Record:
    """What is known of the time before.

    found: all packages that were installed when the installer first ran; None where nobody has written that down.
    installed: those that it installed for itself.
    """

    found: frozenset[str] | None = None
    installed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Purge:
    """What taking some packages off again comes to.

    gone: all that goes, what came along with them included. stay: those that can't go, each with what needs it.
    """

    gone: tuple[str, ...]
    stay: dict[str, tuple[str, ...]]


def installed() -> frozenset[str]:
    """The names of all installed packages."""
    said = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]).stdout
    rows = (line.split() for line in said.splitlines())
    return frozenset(name for name, status in rows if status == "installed")


def read_record() -> Record:
    """What was written down; nothing where nothing was. Raises Problem."""
    try:
        said = json.loads(RECORD.read_text(encoding="utf-8"))
        return Record(frozenset(said["found"]), tuple(said["installed"]))
    except FileNotFoundError:
        return Record()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(
            f"{RECORD} can't be read: {error}", "put it back from a backup, or move it away: all packages stay then"
        ) from error


def note_found() -> None:
    """Write down what is installed, unless that was done before. Raises Problem."""
    if not RECORD.exists():
        _write(Record(installed()))


def note_installed(package: str) -> None:
    """Write down that a package is about to be installed for the installer itself. Raises Problem."""
    record = read_record()
    if package not in record.installed:
        _write(Record(record.found, (*record.installed, package)))


def _write(record: Record) -> None:
    said = {"found": sorted(record.found or ()), "installed": list(record.installed)}
    files.write(RECORD, json.dumps(said).encode(), mode=0o600)


def plan_purge(ours: Collection[str], found: Collection[str]) -> Purge:
    """What could go with those of `ours` that are installed, and that nothing else needs. Asks apt; changes nothing.

    found: packages that stay whoever needs them. Raises Problem.
    """
    present = installed()
    wished = sorted(present.intersection(ours))
    needed_by = {name: tuple(sorted(_simulated("purge", name) - {*wished})) for name in wished}
    stay = {name: needers for name, needers in needed_by.items() if needers}
    going = [name for name in wished if name not in stay]
    if not going:
        return Purge((), stay)
    # What nobody needed before either is none of our business.
    idle = _simulated("autoremove", "--purge")
    along = _simulated("purge", "--autoremove", *going) - idle - {*found}
    gone = tuple(sorted({*going, *along}))
    _only(gone)
    return Purge(gone, stay)


def purge(names: Sequence[str]) -> None:
    """Purge just these, or nothing. Raises Problem."""
    _only(names)
    run(["apt-get", *_OPTIONS, "-qq", "--yes", "purge", *names], env=_NONINTERACTIVE, timeout=900)


def _only(names: Collection[str]) -> None:
    """Raise Problem unless purging these takes nothing else along."""
    others = _simulated("purge", *names) - {*names}
    if others:
        raise Problem(
            f"purging {', '.join(names)} would take {', '.join(sorted(others))} along, so no package is purged",
            f"see what needs them, and take off what you like by hand: apt-get -s purge {' '.join(names)}",
        )


def _simulated(*words: str) -> set[str]:
    """The packages that a call of apt-get would remove or purge. Raises Problem."""
    said = run(["apt-get", *_OPTIONS, "--simulate", *words], env=_NONINTERACTIVE, timeout=300).stdout
    return set(re.findall(r"^(?:Remv|Purg) (\S+)", said, re.MULTILINE))
