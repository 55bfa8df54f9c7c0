"""The people of a machine, and what an admin among them does: copy the checkout there, apply it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.system.machine import Machine
from tests.system.machine_process import Result, run

CHECKOUT = "/srv/checkout"
CONFIG = "/etc/jupyterhub/installer.yaml"
NO_KERNELS = "kernels: []\n"
"""For tests that kernels are of no matter to: with the default config each apply would build four."""
REPOSITORY = Path(__file__).resolve().parents[2]
APPLY_SECONDS = 900


@dataclass(frozen=True)
class Person:
    """An account to log in with; without a password it is locked, as cloud images make them."""

    name: str
    password: str | None


ADMIN = Person("ada", "correct horse battery")
"""Who applies the checkout in the `applied` machines: an account with a password and sudo."""


def add_person(
    machine: Machine,
    name: str,
    password: str | None,
    *,
    groups: Sequence[str] = (),
    sudo: Literal["password", "nopasswd"] | None = None,
) -> Person:
    """Make an account with a home and a shell."""
    memberships = [*groups, *(["sudo"] if sudo else [])]
    machine.run(["useradd", "--create-home", "--shell=/bin/bash", f"--groups={','.join(memberships)}", name])
    if password is not None:
        machine.run(["chpasswd"], stdin=f"{name}:{password}\n")
    if sudo == "nopasswd":
        machine.put("/etc/sudoers.d/90-cloud-init-users", f"{name} ALL=(ALL) NOPASSWD:ALL\n", mode="0440")
    return Person(name, password)


def sudo(
    machine: Machine,
    person: Person,
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    check: bool = True,
    timeout: float = 60,
) -> Result:
    """Run a command by sudo as the person, the password on sudo's standard input."""
    return machine.run(
        sudo_words(argv), user=person.name, stdin=password_line(person), cwd=cwd, check=check, timeout=timeout
    )


def sudo_words(argv: Sequence[str]) -> list[str]:
    """The command with sudo before it, which reads the password from standard input, each time anew."""
    return ["sudo", "--reset-timestamp", "--stdin", "--prompt=", *argv]


def password_line(person: Person) -> str:
    """What the person types when sudo asks."""
    return f"{person.password or ''}\n"


def checkout_files() -> list[Path]:
    """The files of this checkout, relative to its root: those git knows, and new ones that it doesn't ignore."""
    if shutil.which("git") and (REPOSITORY / ".git").exists():
        # The checkout may belong to whoever ran sudo; git distrusts it unless told otherwise.
        listing = ["git", "-c", "safe.directory=*", "-C", str(REPOSITORY), "ls-files", "-z"]
        names = run([*listing, "--cached", "--others", "--exclude-standard"]).stdout.split("\0")
        files = [Path(name) for name in names if name]
    else:
        files = [file.relative_to(REPOSITORY) for file in REPOSITORY.rglob("*") if "__pycache__" not in file.parts]
    return sorted(file for file in files if (REPOSITORY / file).is_file())


def copy_checkout(machine: Machine) -> None:
    """Put a copy of this checkout at CHECKOUT."""
    machine.put_tree(REPOSITORY, checkout_files(), CHECKOUT)


def apply(
    machine: Machine, person: Person, *options: str, check: bool = True, timeout: float = APPLY_SECONDS
) -> Result:
    """Do the main job: `sudo python3 -m installer apply` in the copied checkout."""
    return sudo(machine, person, apply_words(*options), cwd=CHECKOUT, check=check, timeout=timeout)


def apply_words(*options: str) -> list[str]:
    """The main job's command, as an admin types it after `sudo`."""
    return ["python3", "-m", "installer", "apply", "--yes", *options]
