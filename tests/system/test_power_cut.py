"""A power cut: what the installer has said to be done is on the disk, and what may be lost is made again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.host import paths
from tests.system.bystander import looking_on
from tests.system.conftest import Applied
from tests.system.durability import STRACE, lost, violations
from tests.system.every_moment import forget, killed_at, seen
from tests.system.machine import Machine
from tests.system.machine_installer import JOURNAL, STATE, apply_as_root, pending
from tests.system.machine_person import CONFIG, NO_KERNELS
from tests.system.machine_snapshot import differences, managed

# The engine is the same everywhere; each suite has its share of the long tests.
pytestmark = pytest.mark.only_on("sid")

TRACE = "/srv/trace"
# Files that come, change and go; an account; a timer that systemctl enables.
OTHER = (
    f"hub:\n  admin_users: [ada, grace]\nbackup:\n  every: daily\nnotify:\n  command: /usr/local/bin/tell\n{NO_KERNELS}"
)
PLACES = ("/etc/jupyterhub/", "/etc/systemd/system/", "/etc/nginx/conf.d/", f"{paths.LIBEXEC}/", f"{STATE}/")


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        machine.run("apt-get -qq update && apt-get -qq --yes install --no-install-recommends strace", timeout=300)
        machine.put("/usr/local/bin/tell", "#!/bin/sh\n", mode="0755")
        # It has another address than the one that it was installed on.
        assert apply_as_root(machine).ok
        machine.put(CONFIG, OTHER)
        assert apply_as_root(machine).ok
        yield machine


def traced(machine: Machine, moment: str | None, *words: str) -> str:
    """What strace says of a run that is killed at a moment, or comes to its end."""
    assert killed_at(machine, moment, *words, under=[*STRACE, f"--output={TRACE}"]) is (moment is not None)
    return machine.read(TRACE)


def test_the_order_in_which_it_reaches_the_disk(campus: Machine) -> None:
    """A record before its change, a file before its name, all of it before the generation, which is before the end."""
    forget(campus)
    for words in (("rollback", "--yes"), ("apply", "--yes")):
        campus.put(CONFIG, OTHER)
        trace = traced(campus, None, *words)
        assert trace.count("fsync(") > 50
        found = violations(trace, state=STATE, managed=PLACES[:-1])
        # A rollback replaces the config's text first of all, so that it is gone on with if it is killed.
        assert found == ([f"{CONFIG} was changed before its record was on disk"] if words[0] == "rollback" else [])


def test_what_was_not_on_the_disk_is_made_again(campus: Machine) -> None:
    there = managed(campus)
    assert killed_at(campus, None, "rollback", "--yes") is False
    here = managed(campus)
    forget(campus)
    campus.put(CONFIG, OTHER)
    assert killed_at(campus, None, "apply", "--yes") is False
    records = [moment for moment in seen(campus) if moment.startswith(("after start ", "before done "))]
    for moment in (records[len(records) // 2], "before close "):
        assert killed_at(campus, None, "rollback", "--yes") is False
        assert differences(here, managed(campus)) == []
        campus.put(CONFIG, OTHER)
        trace = traced(campus, moment, "apply", "--yes")
        campus.crash()
        forgotten = lose(campus, trace, here)
        print(moment, forgotten)
        with (campus.root / JOURNAL.lstrip("/")).open("ab") as journal:
            journal.write(b'{"event": "do')
        campus.start()
        with looking_on(campus) as somebody:
            assert apply_as_root(campus).ok
        print(somebody.down)
        assert differences(there, managed(campus)) == []
        assert pending(campus) == ""


def lose(machine: Machine, trace: str, before: dict[str, str]) -> list[str]:
    """Take from the disk of a machine that is off what the trace doesn't show to be on it."""
    empty, made = lost(trace)
    taken = []
    for path in sorted(empty | made):
        file = machine.root / path.lstrip("/")
        if not path.startswith(PLACES) or not file.parent.resolve().is_relative_to(Path(machine.root).resolve()):
            continue
        if path in made and path not in before and (file.is_symlink() or file.is_file()):
            file.unlink()
            taken.append(path)
        elif path in empty and file.is_file() and not file.is_symlink():
            file.write_bytes(b"")
            taken.append(path)
    return taken
