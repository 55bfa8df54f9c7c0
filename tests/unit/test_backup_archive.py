"""The reader of backups against archives of every kind that nobody's backup is."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from installer.commands.backup_manifest import MOST_FILES, Manifest, read_manifest, target
from installer.commands.restore_archive import unpacked
from installer.host import paths
from installer.host.archive import Member, Reader, Unreadable, Writer, fits
from installer.host.errors import Problem
from installer.host.version import VERSION

CHECKOUT = Path(__file__).parents[2]
SETTINGS = b"kernels: []\n"
FILES = {"etc/installer.yaml": SETTINGS, "etc/conf.d/own.py": b"c.x = 1\n" * 10_000, "etc/secrets/empty": b""}


def manifest(files: dict[str, bytes] | None = None, **changed: object) -> dict[str, Any]:
    files = FILES if files is None else files
    items = [
        {
            "path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            "mode": 0o600, "owner": "root", "group": "root",
        }
        for path, data in files.items()
    ]  # fmt: skip
    said = Manifest(
        host="hub", machine="x86_64", at="2026-11-21T15:00:00Z", generation=1, admin="ada", members=("ada",),
        left_out=(), folders=(), items=(),
    )  # fmt: skip
    return {**said.model_dump(mode="json"), "items": items, **changed}


def written(files: dict[str, bytes], said: object) -> bytes:
    """A backup as a Writer writes it, whatever its manifest says."""
    stream = io.BytesIO()
    text = json.dumps(said).encode()
    with Writer(stream) as archive:
        archive.add_bytes(Member("manifest.json", len(text)), text, 0)
        for name, data in files.items():
            archive.add_bytes(Member(name, len(data)), data, 0)
    return stream.getvalue()


GOOD = written(FILES, manifest())


def read(data: bytes, directory: Path) -> dict[str, bytes]:
    with unpacked(io.BytesIO(data), "BACKUP", directory / "stage") as found:
        return {item.path: found.place(item).read_bytes() for item in found.manifest.items}


def refused(data: bytes, directory: Path) -> str:
    """What is said of an archive that is refused; nothing of it is left."""
    with pytest.raises(Problem) as caught:
        read(data, directory)
    assert "\n" not in caught.value.what + caught.value.hint
    assert not (directory / "stage").exists()
    return caught.value.what


def by_hand(*members: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT, said: object = None) -> bytes:
    """A backup whose manifest is good, with members behind it as tarfile writes them."""
    stream = io.BytesIO()
    text = json.dumps(manifest() if said is None else said).encode()
    with tarfile.open(fileobj=stream, mode="w:gz", format=form) as archive:
        head = tarfile.TarInfo("manifest.json")
        head.size = len(text)
        archive.addfile(head, io.BytesIO(text))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
    return stream.getvalue()


def member(name: str = "etc/installer.yaml", size: int = len(SETTINGS), **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    assert read(GOOD, tmp_path) == FILES
    assert not (tmp_path / "stage").exists()


def test_tar_can_read_it_too(tmp_path: Path) -> None:
    (tmp_path / "backup.tar.gz").write_bytes(GOOD)
    listed = subprocess.run(["tar", "--list", "--file", tmp_path / "backup.tar.gz"], capture_output=True, check=True)
    assert listed.stdout.decode().split() == ["manifest.json", *FILES]


def test_it_goes_through_a_pipe(tmp_path: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        cat.stdin.write(GOOD)
        cat.stdin.close()
        with unpacked(cat.stdout, "BACKUP", tmp_path / "stage") as found:
            assert found.read("etc/installer.yaml") == SETTINGS


@pytest.mark.parametrize("length", [0, 1, 9, 10, 100, len(GOOD) // 2, len(GOOD) - 9, len(GOOD) - 1])
def test_one_that_is_cut_off(length: int, tmp_path: Path) -> None:
    refused(GOOD[:length], tmp_path)


def test_one_that_is_damaged_anywhere(tmp_path: Path) -> None:
    small = written({"etc/installer.yaml": SETTINGS}, manifest({"etc/installer.yaml": SETTINGS}))
    refusals = 0
    places = range(0, len(small), 3)
    for place in places:
        damaged = bytearray(small)
        damaged[place] ^= 0x10
        try:
            # gzip's own flags and time, and the bits that fill its last byte, say nothing of what is in it.
            assert read(bytes(damaged), tmp_path) == {"etc/installer.yaml": SETTINGS}
        except Problem:
            refusals += 1
    assert refusals > len(places) - 6


ARCHIVES: dict[str, tuple[bytes, str]] = {
    "no archive": (b"hello", "it is no tar.gz"),
    "a gzip of no archive": (gzip.compress(b"hello" * 1000), "it is no tar archive"),
    "no more than zeros": (gzip.compress(bytes(10240)), "an archive of something else"),
    "another archive": (
        by_hand(said={"name": "other"}), "its manifest is another program's",
    ),
    "something behind it": (GOOD + gzip.compress(b"more"), "it goes on behind its end"),
    "zeros without end": (GOOD + gzip.compress(bytes(1 << 20)), "it goes on behind its end"),
    "a link": (by_hand(member(type=tarfile.SYMTYPE, linkname="/etc/shadow", size=0)), "is a link"),
    "a hard link": (by_hand(member(type=tarfile.LNKTYPE, linkname="manifest.json", size=0)), "is a link"),
    "a device": (by_hand(member(type=tarfile.CHRTYPE, devmajor=1, devminor=5, size=0)), "is a device"),
    "a disk": (by_hand(member(type=tarfile.BLKTYPE, size=0)), "is a device"),
    "a fifo": (by_hand(member(type=tarfile.FIFOTYPE, size=0)), "is a pipe"),
    "a directory": (by_hand(member("etc", type=tarfile.DIRTYPE, size=0)), "is no path below"),
    "a sparse file": (by_hand(member(type=tarfile.GNUTYPE_SPARSE)), "is no plain file"),
    "setuid": (by_hand(member(mode=0o4755)), "would run as somebody else"),
    "an absolute path": (by_hand(member("/etc/installer.yaml")), "is no path below"),
    "a path up": (by_hand(member("etc/../../root/.ssh/authorized_keys")), "is no path below"),
    "a path with a dot": (by_hand(member("etc/./installer.yaml")), "is no path below"),
    "a path with control characters": (by_hand(member("etc/installer.yaml\n")), "is no path below"),
    "a name that is no text": (by_hand(member("etc/\udcff")), "is not text"),
    "a long name": (by_hand(member("etc/" + "x" * 300), form=tarfile.GNU_FORMAT), "it is no tar archive"),
    "headers of pax": (by_hand(member("etc/" + "x" * 300), form=tarfile.PAX_FORMAT), "is no path below"),
    "another file than it says": (by_hand(member("etc/conf.d/evil.py")), "is in it where its manifest has"),
    "a file twice": (
        written({**FILES, "etc/x": b""}, manifest(items=[*manifest()["items"], manifest()["items"][0]])),
        "is in it twice",
    ),
    "a file too few": (written({"etc/installer.yaml": SETTINGS}, manifest()), "is missing in it"),
    "a file too many": (written({**FILES, "etc/more": b""}, manifest()), "of which its manifest says nothing"),
    "a file that is larger": (written({**FILES, "etc/installer.yaml": bytes(20)}, manifest()), "by its manifest"),
    "a file that is another": (
        written({**FILES, "etc/installer.yaml": b"kernels: {}\n"}, manifest()), "its hash is another",
    ),
    "a database that is none": (
        written({"hub/jupyterhub.sqlite": b"hello"}, manifest({"hub/jupyterhub.sqlite": b"hello"})), "none of SQLite's",
    ),
    "a generation that is none": (
        written({"generations/000001.json": b"{}"}, manifest({"generations/000001.json": b"{}"})), "is damaged",
    ),
    "a config that is no text": (
        written({"etc/installer.yaml": b"\xff"}, manifest({"etc/installer.yaml": b"\xff"})), "is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "why"), ARCHIVES.values(), ids=ARCHIVES.keys())
def test_what_is_no_backup(data: bytes, why: str, tmp_path: Path) -> None:
    assert why in refused(data, tmp_path)


MANIFESTS: dict[str, tuple[object, str]] = {
    "no object": ([], "another program's"),
    "of another program": ({"what": "a holiday"}, "another program's"),
    "without a version": (manifest(version="new"), "names no version"),
    "by a newer version": (manifest(version="99.0"), "made by version 99.0 of the installer, and this is"),
    "in a newer format": (manifest(format=2), "what a newer one has written, an older one may not understand"),
    "without its files": ({k: v for k, v in manifest().items() if k != "items"}, "items: Field required"),
    "with more than it has": (manifest(more=1), "more: Extra inputs"),
    "with a path up": (manifest({"etc/../x": b""}), "is nothing that a backup has"),
    "with a path from the root": (manifest({"/etc/x": b""}), "is nothing that a backup has"),
    "with a path elsewhere": (manifest({"usr/bin/sudo": b""}), "is nothing that a backup has"),
    "with the hub's own config": (manifest({"etc/jupyterhub_config.py": b""}), "is nothing that a backup has"),
    "with a kernel's other files": (manifest({"kernels/r/0123456789ab/x": b""}), "is nothing that a backup has"),
    "with a setuid file": (manifest(items=[{**manifest()["items"][0], "mode": 0o4755}]), "less than or equal to 511"),
    "with a file beyond measure": (manifest(items=[{**manifest()["items"][0], "size": 1 << 60}]), "less than or equal"),
    "with a negative size": (manifest(items=[{**manifest()["items"][0], "size": -1}]), "greater than or equal to 0"),
    "with a member that is an option": (manifest(members=["--help"]), "is no account's name"),
    "with a folder elsewhere": (
        manifest(folders=[{"path": "usr", "mode": 0o777, "owner": "x", "group": "x"}]), "is no directory that",
    ),
    "with 100 000 files": (
        manifest({f"etc/{number}": b"" for number in range(10 * MOST_FILES)}), "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "why"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_what_is_no_manifest(said: object, why: str, tmp_path: Path) -> None:
    assert why in refused(written({}, said), tmp_path)


def test_a_manifest_that_is_no_json(tmp_path: Path) -> None:
    for text in (b"{", b"[" * 100_000, b"\xff"):
        stream = io.BytesIO()
        with Writer(stream) as archive:
            archive.add_bytes(Member("manifest.json", len(text)), text, 0)
        assert "its manifest is damaged" in refused(stream.getvalue(), tmp_path)


def test_an_older_versions_backup_can_be_read() -> None:
    older = json.dumps(manifest(version="0.0.9")).encode()
    assert read_manifest(older, "it").version == "0.0.9"


def test_there_has_to_be_room(tmp_path: Path) -> None:
    huge = manifest(items=[{**manifest()["items"][0], "path": f"etc/{n}", "size": 8 << 30} for n in range(9000)])
    assert "nothing was changed" in refused(written({}, huge), tmp_path)


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    """A member of 4 GB of zeros in 4 MB, where its manifest has 12 bytes; and headers that would be kept whole."""
    for kind in (b"0", b"x", b"L"):
        header = bytearray(member().tobuf(tarfile.USTAR_FORMAT))
        header[124:136] = b"%011o\0" % (4 << 30)
        header[156:157] = kind
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        good = gzip.decompress(by_hand())[: -2 * 512]
        start = good[: good.rfind(b"}") // 512 * 512 + 512]
        zeros = gzip.compress(bytes(1 << 20), 9)
        file = tmp_path / "bomb.tar.gz"
        with file.open("wb") as stream:
            stream.write(gzip.compress(start + bytes(header)))
            for _ in range(1024):
                stream.write(zeros)
        code = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))\n"
            "from pathlib import Path\n"
            "from installer.commands.restore_archive import unpacked\n"
            "from installer.host.errors import Problem\n"
            "try:\n"
            f"    with open({str(file)!r}, 'rb') as s, unpacked(s, 'it', Path({str(tmp_path / 'stage')!r})): pass\n"
            "except Problem as problem: print(problem.what)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stdout.startswith("it can't be restored: "), done


def test_a_large_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    size = 1 << 26
    code = (
        "import io, resource, sys\n"
        "from installer.host.archive import Member, Writer, Reader\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open('zeros', 'wb') as f:\n"
        f"    f.truncate({size})\n"
        "with open('a', 'wb') as s, open('zeros', 'rb') as f, Writer(s) as w:\n"
        f"    w.add(Member('x', {size}), f, 0)\n"
        "with open('a', 'rb') as s:\n"
        "    r = Reader(s); r.next(); n = sum(map(len, r.pieces())); assert r.next() is None\n"
        "print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    places = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, env=places, capture_output=True, text=True, check=True)
    read_bytes, grown_mb = map(int, done.stdout.split())
    assert read_bytes == size
    assert grown_mb < 16


def test_a_writer_that_fails_leaves_what_no_reader_takes() -> None:
    stream = io.BytesIO()
    with pytest.raises(OSError, match="unexpected end of data"), Writer(stream) as archive:
        archive.add(Member("x", 100), io.BytesIO(b"too short"), 0)
    reader = Reader(io.BytesIO(stream.getvalue()))
    with pytest.raises(Unreadable):
        reader.next()


@pytest.mark.parametrize(
    ("name", "does"),
    [("etc/x", True), ("etc/Käse", True), ("etc/" + "x/" * 120 + "x", True), ("x" * 300, False), ("a\nb", False),
     ("a/../b", False), ("/a", False), ("a//b", False), ("a\udcff", False)],
)  # fmt: skip
def test_what_fits_into_an_archive(name: str, does: bool) -> None:
    assert fits(name) is does
    if does:
        stream = io.BytesIO()
        with Writer(stream) as archive:
            archive.add_bytes(Member(name, 1), b"x", 0)
        assert Reader(io.BytesIO(stream.getvalue())).next() == Member(name, 1)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("etc/conf.d/x.py", paths.CONF_D / "x.py"),
        ("files/srv/x.yml", Path("/srv/x.yml")),
        ("hub/jupyterhub.sqlite", paths.HUB_DATABASE),
        ("generations/000001.json", paths.RESTORED_GENERATIONS / "000001.json"),
    ],
)
def test_where_it_goes(path: str, place: Path) -> None:
    assert target(path) == place


def test_the_version_is_that_of_the_package() -> None:
    assert f'version="{VERSION}"' in (CHECKOUT / "setup.py").read_text(encoding="utf-8")


def test_a_disk_that_is_full_is_one_error(tmp_path: Path) -> None:
    code = (
        "import io, os\n"
        "from installer.host.archive import Member, Writer\n"
        "try:\n"
        "    with open('/dev/full', 'wb') as stream, Writer(stream) as archive:\n"
        "        archive.add(Member('x', 1 << 20), io.BytesIO(os.urandom(1 << 20)), 0)\n"
        "except OSError as error: print(error.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("No space left on device\n", "")
