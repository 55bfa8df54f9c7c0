"""Shared directories: whose they are, how people find them, and that root never follows anybody's link; new homes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.conftest import Applied
from tests.system.machine import Machine
from tests.system.machine_installer import apply_as_root, failed, pending
from tests.system.machine_person import ADMIN, CHECKOUT, CONFIG, add_person, apply
from tests.system.visitor import Visitor

pytestmark = pytest.mark.only_on("trixie")

PASSWORD = "the password of all of them"
GRACE, HEIDI, IVAN = "grace", "heidi", "ivan"
"""Two who share, and one who has nothing to do with it."""
SHARED = """\
shared:
- {path: /srv/lab/physics, group: physics}
- {path: /srv/nltk_data, read_only: true, variable: NLTK_DATA}
- {path: /srv/old, existing: keep}
- {path: /srv/board, link: notes}
kernels: []
"""
MEMBERS = "jupyterhub-users"
BAD_CONFIG = 2


@pytest.fixture(scope="module")
def campus(applied_server: Applied) -> Iterator[Machine]:
    with Machine(applied_server[0]) as machine:
        machine.run(["groupadd", "physics"])
        for name in (GRACE, HEIDI, IVAN):
            add_person(machine, name, PASSWORD, groups=[MEMBERS, *(["physics"] if name != IVAN else [])])
        machine.run(["install", "-d", "-o", ADMIN.name, "-g", ADMIN.name, "-m", "0755", "/srv/old"])
        machine.run("mkdir /home/grace/notes && chown grace /home/grace/notes")
        # Somebody who hopes that root writes where this leads.
        machine.run("ln -s /etc /home/ivan/notes && ln -s /root/new /home/ivan/nltk_data")
        machine.put(CONFIG, SHARED)
        apply(machine, ADMIN)
        yield machine


def facts(machine: Machine, path: str) -> str:
    return machine.run(["stat", "--format=%a %U %G", path]).stdout.strip()


def refused(machine: Machine, config: str) -> str:
    """What apply says of a config, which changes nothing."""
    machine.put(CONFIG, f"{config}kernels: []\n")
    result = apply_as_root(machine)
    assert result.code == BAD_CONFIG, result
    assert "Traceback" not in result.stderr
    return result.stderr


def test_whose_they_are(campus: Machine) -> None:
    assert facts(campus, "/srv/lab/physics") == "2770 root physics"
    assert facts(campus, "/srv/nltk_data") == f"2750 root {MEMBERS}"
    assert facts(campus, "/srv/board") == f"2770 root {MEMBERS}"
    assert facts(campus, "/srv/old") == f"755 {ADMIN.name} {ADMIN.name}"
    assert pending(campus) == ""


def test_what_anyone_makes_is_the_groups(campus: Machine) -> None:
    """Whatever their umask, and however deep; and nobody else's."""
    make = "umask 077; mkdir -p a/b && echo one > a/b/data && cp /etc/hostname a/copy && python3 -m venv --help >a/c"
    campus.run(make, user=GRACE, cwd="/srv/lab/physics")
    campus.run("umask 077; echo two >> a/b/data && echo x > a/b/more && rm a/copy", user=HEIDI, cwd="/srv/lab/physics")
    assert campus.read("/srv/lab/physics/a/b/data") == "one\ntwo\n"
    assert facts(campus, "/srv/lab/physics/a/b") == f"2770 {GRACE} physics"
    assert facts(campus, "/srv/lab/physics/a/b/more") == f"660 {HEIDI} physics"
    assert not campus.run(["ls", "/srv/lab/physics"], user=IVAN, cwd="/", check=False).ok
    # What root puts there for all to read, they can; and no more than read.
    campus.run("umask 077; mkdir /srv/nltk_data/corpora && echo words > /srv/nltk_data/corpora/all")
    assert campus.run(["cat", "/srv/nltk_data/corpora/all"], user=IVAN, cwd="/").stdout == "words\n"
    for path in ("/srv/nltk_data/x", "/srv/nltk_data/corpora/all"):
        assert not campus.run(["tee", path], user=IVAN, cwd="/", check=False).ok


def test_how_people_find_them(campus: Machine) -> None:
    """A link in the home that is there already, and a variable; what has the name of one stays, and is told of."""
    before = campus.run(["ls", "-A", "/etc", "/root"]).stdout
    for name in (GRACE, IVAN):
        with Visitor(campus) as visitor:
            visitor.login(name, PASSWORD)
            visitor.start_server()
            assert visitor.start_kernel().run("import os; print(os.environ['NLTK_DATA'])") == "/srv/nltk_data"
    link = ["readlink", "/home/grace/physics", "/home/grace/nltk_data", "/home/grace/old"]
    assert campus.run(link).stdout.split() == ["/srv/lab/physics", "/srv/nltk_data", "/srv/old"]
    assert facts(campus, "/home/grace/physics").endswith(" grace grace")
    assert not campus.run(["readlink", "/home/grace/notes"], check=False).ok
    said = campus.journal(f"--identifier=jupyter-{GRACE}")
    assert "/home/grace/notes is there already, and was left: what is shared is in /srv/board" in said
    # Not in the group: no link; what led elsewhere still does, and nothing was made there.
    assert not campus.run(["readlink", "/home/ivan/physics"], check=False).ok
    assert campus.run(["readlink", "/home/ivan/notes", "/home/ivan/nltk_data"]).stdout.split() == ["/etc", "/root/new"]
    assert campus.run(["ls", "-A", "/etc", "/root"]).stdout == before


def test_new_homes_have_what_the_admin_puts_there(campus: Machine) -> None:
    campus.put("/etc/jupyterhub/skel/Start here.ipynb", "{}\n")
    campus.put("/etc/jupyterhub/skel/course/README", "hello\n")
    campus.run(["python3", "-m", "installer", "user", "add", "newbie"], cwd=CHECKOUT)
    assert campus.read("/home/newbie/course/README") == "hello\n"
    assert facts(campus, "/home/newbie/Start here.ipynb") == "644 newbie newbie"
    assert campus.run(["test", "-e", "/home/newbie/.bashrc"], check=False).ok
    campus.run(["chmod", "600", "/etc/jupyterhub/skel/course/README"])
    told = campus.run(["python3", "-m", "installer", "user", "add", "late"], cwd=CHECKOUT, check=False)
    assert "/etc/jupyterhub/skel/course/README, which new homes get a copy of, can't be read" in told.stderr
    assert not campus.run(["id", "late"], check=False).ok
    assert pending(campus) == ""


def test_what_can_not_be_shared(campus: Machine) -> None:
    """Told by the entry and in words, before anything is changed."""
    campus.run("ln -s /srv/old /srv/link && touch /srv/file && mkdir /srv/theirs && chown ivan /srv/theirs")
    campus.run("mkdir /srv/ro && mount -t tmpfs -o ro none /srv/ro")
    campus.run(["useradd", "--create-home", "--home-dir=/srv/away", "--groups", MEMBERS, "away"])
    for entry, told in (
        ("{path: /srv/new, group: chemistry}", "this machine has no group chemistry"),
        ("{path: /srv/link}", "/srv/link is a symbolic link"),
        ("{path: /srv/link/below}", "/srv/link is a symbolic link"),
        ("{path: /srv/file}", "/srv/file is there, and isn't a directory"),
        ("{path: /srv/theirs/shared}", "/srv/theirs belongs to ivan"),
        ("{path: /srv/away/shared}", "/srv/away/shared is in somebody's home (/srv/away)"),
        ("{path: /srv/ro/shared}", "/srv/ro/shared is on a file system that is mounted read-only"),
        ("{path: /srv/none, existing: keep}", "there is no directory /srv/none to keep"),
    ):
        assert told in refused(campus, f"shared: [{entry}]\n"), entry
    campus.run(["umount", "/srv/ro"])
    assert facts(campus, "/srv/theirs") == "755 ivan root"


def test_what_is_there_already_is_taken_when_told(campus: Machine) -> None:
    """The directory, not what is in it; and what is shared no more stays as it is, with all that is in it."""
    ivan = campus.run(["id", "-u", IVAN]).stdout.strip()
    let_in = f"user::rwx,user:{ivan}:rwx,group::r-x,mask::rwx,other::r-x"
    by_acl = f"import pathlib as p; from installer.host import acl; acl.set_access_acl(p.Path('/srv/old'), '{let_in}')"
    campus.run(["python3", "-c", by_acl], cwd=CHECKOUT)
    campus.run(["touch", "/srv/old/ivans"], user=IVAN, cwd="/")
    campus.put("/srv/old/thesis", "mine\n", owner=ADMIN.name)
    campus.put(CONFIG, "shared: [{path: /srv/old, group: physics}]\nkernels: []\n")
    told = failed(apply_as_root(campus))
    assert f"/srv/old is there already ({ADMIN.name}:{ADMIN.name}, 0775), and isn't ours" in told
    assert facts(campus, "/srv/old") == f"775 {ADMIN.name} {ADMIN.name}"
    campus.put(CONFIG, "shared: [{path: /srv/old, group: physics, existing: take}]\nkernels: []\n")
    apply(campus, ADMIN)
    assert facts(campus, "/srv/old") == "2770 root physics"
    # Who was let in by name is out, and the group's members are in.
    assert not campus.run(["ls", "/srv/old"], user=IVAN, cwd="/", check=False).ok
    campus.run(["touch", "/srv/old/heidis"], user=HEIDI, cwd="/")
    assert pending(campus) == ""
    assert facts(campus, "/srv/old/thesis").endswith(f" {ADMIN.name} {ADMIN.name}")
    assert campus.read("/srv/lab/physics/a/b/data") == "one\ntwo\n"
    assert not campus.run(["ls", "/srv/board"], check=False).ok


def test_what_becomes_read_only_does_so_alone(campus: Machine) -> None:
    """Nothing that people have made is walked through; that it is writable still is told, with what to do."""
    campus.run(["mkdir", "/srv/old/sub"], user=HEIDI, cwd="/")
    campus.put(CONFIG, "shared: [{path: /srv/old, group: physics, existing: take, read_only: true}]\nkernels: []\n")
    told = apply_as_root(campus)
    assert told.ok, told
    assert "note: /srv/old is to be read-only; what is in it already stays as writable as it is" in told.stderr
    assert not campus.run(["touch", "/srv/old/more"], user=GRACE, cwd="/", check=False).ok
    campus.run(["touch", "/srv/old/sub/more"], user=GRACE, cwd="/")
    campus.run("chown -R root /srv/old && chmod -R g-w /srv/old")
    for path in ("sub/yet more", "sub/more"):
        assert not campus.run(["tee", f"/srv/old/{path}"], user=GRACE, cwd="/", check=False).ok
    assert pending(campus) == ""


def test_uninstall_leaves_it(campus: Machine) -> None:
    """What people have put there stays; what was somebody's before is theirs again."""
    campus.run(["python3", "-m", "installer", "uninstall", "--purge", "--yes"], cwd=CHECKOUT, timeout=300)
    assert campus.read("/srv/lab/physics/a/b/data") == "one\ntwo\n"
    assert campus.read("/srv/old/thesis") == "mine\n"
    assert facts(campus, "/srv/old") == f"775 {ADMIN.name} {ADMIN.name}"
    campus.run(["touch", "/srv/old/more"], user=IVAN, cwd="/")
