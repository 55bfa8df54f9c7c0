"""Room: bytes and inodes of every file system that something of ours stands on, and whether it can be written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.commands.doctor.finding import Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.host import paths

AREA = "room"
_MB = 1_000_000
_BAD_MB, _LOW_MB = 200, 1_000
_BAD_SHARE, _LOW_SHARE = 0.05, 0.1
"""Of a small file system, such as a /run in memory, these are less."""
_BAD_INODES, _LOW_INODES = 1_000, 10_000

PLACES: Mapping[Path, str] = {
    paths.OPT: "give back what no kernel needs: sudo python3 -m installer kernel gc",
    paths.HUB_STATE: "shorten the journal: sudo journalctl --vacuum-size=200M",
    paths.INSTALLER_STATE: "shorten the journal: sudo journalctl --vacuum-size=200M",
    paths.CACHE: f"empty the cache of packages: sudo rm -r {paths.CACHE}/uv {paths.CACHE}/npm",
    Path("/var/log"): "shorten the journal: sudo journalctl --vacuum-size=200M",
    Path("/home"): "see whose it is: sudo du -xsh /home/*",
    Path("/tmp"): "see what it is: sudo du -xsh /tmp/*",  # noqa: S108 - only looked at
    Path("/run"): "see what it is: sudo du -xsh /run/*",
}
"""Where room is needed, and what to do where there is none."""


@dataclass(frozen=True)
class Room:
    """One file system.

    places: what of ours is on it. inodes: free ones, None where they aren't counted. no_programs: mounted noexec.
    """

    places: tuple[Path, ...]
    size: int
    free: int
    inodes: int | None
    read_only: bool
    no_programs: bool = False


def look(_: Server) -> list[Finding]:
    """Ask the file systems."""
    # By their flags too: what is mounted a second time may be so in another way.
    mounts: dict[tuple[int, int], list[Path]] = {}
    for place in PLACES:
        if place.is_dir():
            mounts.setdefault((place.stat().st_dev, os.statvfs(place).f_flag), []).append(place)
    return judge([_room(tuple(places)) for places in mounts.values()])


def _room(places: tuple[Path, ...]) -> Room:
    status = os.statvfs(places[0])
    return Room(
        places,
        size=status.f_blocks * status.f_frsize,
        free=status.f_bavail * status.f_frsize,
        inodes=status.f_favail if status.f_files else None,
        read_only=bool(status.f_flag & os.ST_RDONLY),
        no_programs=bool(status.f_flag & os.ST_NOEXEC),
    )


def judge(rooms: Sequence[Room]) -> list[Finding]:
    """Judge the room that there is."""
    found = [finding for room in rooms for finding in _judged(room)]
    least = min((room.free for room in rooms), default=0)
    return found or [ok(AREA, f"{least / 1000 / _MB:.1f} GB or more free")]


def _judged(room: Room) -> list[Finding]:
    place, mend = room.places[0], PLACES[room.places[0]]
    where = ", ".join(map(str, room.places))
    found = []
    mount = f"$(df --output=target {place} | tail -1)"
    if room.no_programs and paths.OPT in room.places:
        what = f"no program can be run in {paths.OPT}: its file system is mounted noexec"
        found.append(problem(AREA, what, f"sudo mount -o remount,exec {mount} (and take it out of /etc/fstab)"))
    if room.read_only:
        what = f"{where} can't be written: the file system is mounted read-only"
        found.append(problem(AREA, what, f"see dmesg for why; then: sudo mount -o remount,rw {mount}"))
    if room.free < min(_BAD_MB * _MB, room.size * _BAD_SHARE):
        found.append(problem(AREA, f"{where}: {room.free // _MB} MB free", mend))
    elif room.free < min(_LOW_MB * _MB, room.size * _LOW_SHARE):
        found.append(warning(AREA, f"{where}: {room.free // _MB} MB free", mend))
    if room.inodes is not None and room.inodes < _LOW_INODES:
        level = problem if room.inodes < _BAD_INODES else warning
        what = f"{where}: room for {room.inodes} more files"
        found.append(level(AREA, what, f"see where they are: sudo du --inodes -xS {place} | sort -n | tail"))
    return found
