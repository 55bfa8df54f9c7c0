from __future__ import annotations

import getpass
import grp
import os
import stat
from pathlib import Path

import pytest

from installer.host.errors import Problem
from installer.resources.certificate import CertificateAuthority
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.link import Link
from installer.resources.secret import Secret

ME = getpass.getuser()
MY_GROUP = grp.getgrgid(os.getgid()).gr_name


def file(path: Path, text: str = "new\n", mode: int = 0o640) -> File:
    return File(feature="test", path=path, text=text, mode=mode, owner=ME, group=MY_GROUP)


def test_a_file_is_created_with_its_mode_and_nothing_else_is_left(tmp_path: Path) -> None:
    wanted = file(tmp_path / "a")
    assert wanted.probe() is None
    wanted.realize(None)
    assert wanted.probe() == wanted.wanted()
    assert (tmp_path / "a").read_text() == "new\n"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_changed_mode_is_seen_and_mended(tmp_path: Path) -> None:
    wanted = file(tmp_path / "a")
    wanted.realize(None)
    (tmp_path / "a").chmod(0o666)
    assert wanted.probe() != wanted.wanted()
    wanted.realize(wanted.probe())
    assert wanted.probe() == wanted.wanted()


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "a").symlink_to(victim)
    wanted = file(tmp_path / "a")
    assert "not a file" in str((wanted.probe() or {})["content"])
    wanted.realize(wanted.probe())
    assert victim.read_text() == "precious"
    assert not (tmp_path / "a").is_symlink()


def test_a_directory_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    wanted = file(tmp_path / "a")
    with pytest.raises(Problem, match="is a directory"):
        wanted.realize(wanted.probe())


def test_a_foreign_file_is_foreign_unless_it_says_the_same(tmp_path: Path) -> None:
    wanted = file(tmp_path / "a")
    (tmp_path / "a").write_text("theirs")
    assert wanted.foreign(wanted.probe()) is not None
    (tmp_path / "a").write_text("new\n")
    assert wanted.foreign(wanted.probe()) is None


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = file(tmp_path / "a")
    (tmp_path / "a").write_text("old")

    # fsync is where a full disk shows at the latest; the real thing is tried in the system tests, on a small tmpfs.
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem) as caught:
        wanted.realize(wanted.probe())
    assert "No space left on device" in caught.value.what
    assert "df -h" in caught.value.hint
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_directory_gets_its_mode_and_is_kept_if_somebody_uses_it(tmp_path: Path) -> None:
    wanted = Directory(feature="test", path=tmp_path / "d", mode=0o750, owner=ME, group=MY_GROUP)
    wanted.realize(wanted.probe())
    assert wanted.probe() == wanted.wanted()
    (tmp_path / "d" / "theirs").touch()
    wanted.remove()
    assert (tmp_path / "d" / "theirs").exists()
    (tmp_path / "d" / "theirs").unlink()
    wanted.remove()
    assert wanted.probe() is None
    wanted.remove()


def test_a_directory_of_ours_is_not_taken_over_when_it_holds_something(tmp_path: Path) -> None:
    wanted = Directory(feature="test", path=tmp_path / "d", owner=ME, group=MY_GROUP, ours=True)
    (tmp_path / "d").mkdir()
    assert wanted.foreign(wanted.probe()) is None
    (tmp_path / "d" / "theirs").touch()
    assert wanted.foreign(wanted.probe()) is not None


def test_a_directory_that_is_a_link_is_foreign_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "d").symlink_to(tmp_path / "elsewhere")
    wanted = Directory(feature="test", path=tmp_path / "d", mode=0o777, owner=ME, group=MY_GROUP)
    assert wanted.foreign(wanted.probe()) is not None
    with pytest.raises(Problem):
        wanted.realize(wanted.probe())
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o700


def test_a_link_is_switched_in_one_step(tmp_path: Path) -> None:
    wanted = Link(feature="test", path=tmp_path / "l", target="new")
    (tmp_path / "l").symlink_to("old")
    assert wanted.foreign(wanted.probe()) is not None
    wanted.realize(wanted.probe())
    assert wanted.probe() == {"target": "new"}
    wanted.remove()
    assert wanted.probe() is None


def test_the_half_written_file_of_a_killed_run_goes_with_the_next_write(tmp_path: Path) -> None:
    (tmp_path / ".a.0123abcd.new").write_text("ha")
    (tmp_path / ".b.0123abcd.new").write_text("somebody else's")
    file(tmp_path / "a").realize(None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.0123abcd.new", "a"]


def test_what_was_found_is_put_back_with_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("found\n")
    (tmp_path / "a").chmod(0o604)
    (tmp_path / "d").mkdir(mode=0o700)
    directory = Directory(feature="test", path=tmp_path / "d", mode=0o711, owner=ME, group=MY_GROUP)
    for wanted in (file(tmp_path / "a"), directory):
        before, text = wanted.probe(), wanted.present_content()
        assert before is not None
        wanted.realize(before)
        assert wanted.probe() == wanted.wanted()
        wanted.as_before(before, text).realize(wanted.probe())
        assert wanted.probe() == before


def test_below_a_file_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    below = tmp_path / "a" / "b"
    assert Secret(feature="test", path=below).probe() is None
    assert CertificateAuthority(feature="test", certificate=below, key_file=below, common_name="x").probe() is None
