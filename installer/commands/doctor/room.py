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
    """One file system. places: what of ours is on it. inodes: free ones, None where they aren't counted."""

    places: tuple[Path, ...]
    free: int
    inodes: int | None
    read_only: bool


def look(_: Server) -> list[Finding]:
    """Ask the file systems."""
    by_device: dict[int, list[Path]] = {}
    for place in PLACES:
        if place.is_dir():
            by_device.setdefault(place.stat().st_dev, []).append(place)
    return judge([_room(tuple(places)) for places in by_device.values()])


def _room(places: tuple[Path, ...]) -> Room:
    status = os.statvfs(places[0])
    read_only = bool(status.f_flag & os.ST_RDONLY)
    return Room(
        places, status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None, read_only=read_only
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
    if room.read_only:
        what = f"{where} can't be written: the file system is mounted read-only"
        found.append(
            problem(
                AREA, what, f"see dmesg for why; then: sudo mount -o remount,rw $(df --output=target {place} | tail -1)"
            )
        )
    if room.free < _BAD_MB * _MB:
        found.append(problem(AREA, f"{where}: {room.free // _MB} MB free", mend))
    elif room.free < _LOW_MB * _MB and place != Path("/run"):
        found.append(warning(AREA, f"{where}: {room.free // _MB} MB free", mend))
    if room.inodes is not None and room.inodes < _LOW_INODES:
        level = problem if room.inodes < _BAD_INODES else warning
        what = f"{where}: room for {room.inodes} more files"
        found.append(level(AREA, what, f"see where they are: sudo du --inodes -xS {place} | sort -n | tail"))
    return found
