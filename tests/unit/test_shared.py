"""Shared directories: their ACLs, what is refused, and how people find them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from installer.commands import shared as looked_at
from installer.config.models import Config
from installer.config.shared import SharedDirectory as Entry
from installer.engine.plan import make_plan
from installer.features import in_servers
from installer.features.shared import resources
from installer.host import acl, files
from installer.host.errors import ConfigProblem
from installer.hub.in_server.shared import make_link
from installer.resources.shared_directory import SharedDirectory
from tests.unit.test_features import site

GROUP_WRITES = "user::rwx,group::rwx,other::---"


@pytest.mark.parametrize(
    "text",
    [
        GROUP_WRITES,
        "user::rwx,group::r-x,other::---",
        # What an admin may have given, to be given back: somebody named needs a mask.
        "user::rwx,user:12345:r--,group::rwx,group:23456:-w-,mask::rwx,other::--x",
    ],
)
def test_an_acl_is_read_as_it_was_written(text: str, tmp_path: Path) -> None:
    assert acl.default_acl(tmp_path) == ""
    acl.set_default_acl(tmp_path, text)
    assert acl.default_acl(tmp_path) == text
    acl.set_default_acl(tmp_path, "")
    acl.set_default_acl(tmp_path, "")
    assert acl.default_acl(tmp_path) == ""


def test_an_acl_counts_more_than_the_umask(tmp_path: Path) -> None:
    acl.set_default_acl(tmp_path, GROUP_WRITES)
    before = os.umask(0o077)
    try:
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / "file").touch()
    finally:
        os.umask(before)
    assert files.ownership(tmp_path / "below").mode & 0o777 == 0o770
    assert files.ownership(tmp_path / "below" / "file").mode == 0o660


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        acl.set_default_acl(tmp_path / "link", GROUP_WRITES)


def directory(path: Path, **more: object) -> SharedDirectory:
    owned = files.ownership(next(place for place in path.parents if place.exists()))
    whose = {"owner": owned.owner, "group": owned.group, "mode": 0o2770, "acl": GROUP_WRITES}
    return SharedDirectory.model_validate({"feature": "shared", "path": path, **whose, **more})


def test_a_directory_comes_and_goes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    wished = directory(tmp_path / "a" / "b")
    assert wished.probe() is None
    wished.realize(None)
    assert wished.probe() == wished.wanted()
    assert wished.foreign(wished.probe()) is None
    (wished.path / "work").touch()
    wished.remove()
    assert (wished.path / "work").exists()


def test_somebody_elses_is_left_unless_told(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o750)
    wished = directory(tmp_path / "theirs")
    found = wished.probe()
    assert found is not None
    assert "isn't ours: `existing` in its entry" in str(wished.foreign(found))
    taken = directory(tmp_path / "theirs", take=True)
    assert taken.foreign(found) is None
    taken.realize(found)
    assert taken.probe() == taken.wanted()
    # As it is undone where a run fails, and at the end of all.
    taken.give_back(found)
    assert taken.probe() == found
    (tmp_path / "file").touch()
    assert "isn't a directory" in str(directory(tmp_path / "file", take=True).foreign({"mode": "not a directory"}))


STRANGERS = "user::rwx,user:12345:rwx,group::---,group:23456:r-x,mask::rwx,other::---"


def test_an_acl_of_a_directorys_own_comes_and_goes(tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    place.mkdir(mode=0o755)
    assert acl.access_acl(place) == ""
    acl.set_access_acl(place, "")
    assert files.ownership(place).mode == 0o755
    acl.set_access_acl(place, STRANGERS)
    assert acl.access_acl(place) == STRANGERS
    assert files.ownership(place).mode == 0o770
    # What was the mask isn't the group's then, not for a moment.
    acl.set_access_acl(place, "")
    assert acl.access_acl(place) == ""
    assert files.ownership(place).mode == 0o700


def test_nobody_who_is_named_stays_in_what_is_taken(tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    acl.set_access_acl(place, STRANGERS)
    acl.set_default_acl(place, STRANGERS)
    taken = directory(place, take=True)
    found = taken.probe()
    assert found is not None
    assert found["ACL"] == STRANGERS
    taken.realize(found)
    assert acl.access_acl(place) == ""
    assert files.ownership(place).mode == 0o2770
    assert taken.probe() == taken.wanted()
    # Let in again by hand later on, they are seen; the mode alone would tell nothing.
    acl.set_access_acl(place, STRANGERS.replace("group::---", "group::rwx"))
    assert files.ownership(place).mode == 0o2770
    assert taken.probe() != taken.wanted()
    taken.realize(taken.probe())
    assert taken.probe() == taken.wanted()
    taken.give_back(found)
    assert taken.probe() == found


def test_nobody_gets_in_by_the_default_acl_of_the_directory_above(tmp_path: Path) -> None:
    acl.set_default_acl(tmp_path, STRANGERS)
    wished = directory(tmp_path / "lab" / "physics")
    wished.realize(None)
    assert wished.probe() == wished.wanted()
    # Nor can they put something else in its place.
    assert files.ownership(tmp_path / "lab").mode & 0o022 == 0


def test_what_stays_writable_is_told_of(tmp_path: Path) -> None:
    """Once, and where something becomes other."""
    place = tmp_path / "lab"
    assert looked_at.notes(make_plan([directory(place, mode=0o2750)], {})) == []
    directory(place).realize(None)
    plan = make_plan([directory(place, mode=0o2750)], {f"shared-directory:{place}": directory(place)})
    told = looked_at.notes(plan)
    assert [line.partition(";")[0] for line in told] == [f"{place} is to be read-only"]
    directory(place, mode=0o2750).realize(None)
    there = {f"shared-directory:{place}": directory(place, mode=0o2750)}
    assert looked_at.notes(make_plan([directory(place)], there)) == []
    assert looked_at.notes(make_plan([], there)) == []
    place.rmdir()
    place.touch()
    assert looked_at.notes(make_plan([directory(place)], there)) == []


def test_what_the_config_comes_to() -> None:
    entries = [
        {"path": "/srv/a", "group": "lab"},
        {"path": "/srv/b", "read_only": True, "variable": "B"},
        {"path": "/srv/c", "existing": "keep", "link": "see"},
    ]
    config = Config.model_validate({"shared": entries})
    made = [(str(r.path), f"{r.mode:o}", r.group) for r in resources(site(config)) if isinstance(r, SharedDirectory)]
    assert made == [("/srv/a", "2770", "lab"), ("/srv/b", "2750", "jupyterhub-users")]
    told = in_servers.settings(config)["Shared"]
    assert told == {"links": {"a": "/srv/a", "b": "/srv/b", "see": "/srv/c"}, "variables": {"B": "/srv/b"}}


def test_what_is_refused_on_this_machine() -> None:
    """More of it, as root, in the system test."""
    with pytest.raises(ConfigProblem, match="there is no directory /srv/no-such-place to keep"):
        looked_at.refuse_unfit((Entry(path="/srv/no-such-place", existing="keep"),))


def test_links_leave_what_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test")
    target = tmp_path / "shared"
    target.mkdir()
    make_link(tmp_path / "new", str(target), log)
    make_link(tmp_path / "new", str(target), log)
    assert (tmp_path / "new").readlink() == target
    assert caplog.records == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "elsewhere").symlink_to("/etc")
    for name in ("mine", "elsewhere"):
        make_link(tmp_path / name, str(target), log)
    make_link(tmp_path / "no" / "home", str(target), log)
    assert (tmp_path / "mine").is_dir()
    assert (tmp_path / "elsewhere").readlink() == Path("/etc")
    assert [record.getMessage().partition(" ")[2][:20] for record in caplog.records] == [
        "is there already, an", "is there already, an", "can't be linked to /",
    ]  # fmt: skip
