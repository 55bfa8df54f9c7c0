"""What an environment of ours is made of, and the name that follows from it: same ingredients, same revision."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from installer.host.version import VERSION

RECIPE = 2
"""Raised when the way of building changes what is built from the same ingredients."""

CHECKOUT = Path(__file__).resolve().parents[2]
"""Where this installer runs from; its locks and the hub's code are read there."""

_KEEPING = ("errors", "files", "paths", "process", "refreshes", "systemd")
"""What the code that keeps the certificate fresh (installer/pki) stands on."""

_PROGRAMS = {
    "sudospawner-mediator": "libexec/sudospawner_mediator.py",
    "sudospawner-singleuser": "libexec/sudospawner_singleuser.py",
    "sudospawner_homes.py": "hub/homes.py",
    "jupyterhub-singleuser-quick": "hub/server.py",
}
"""Our programs in the environment's own bin (the mediator looks for the two below it there), and their sources."""

_METADATA = f"Metadata-Version: 2.1\nName: jupyterhub-installer\nVersion: {VERSION}\n"
"""What makes our code a distribution among the others there, which Jupyter looks through for entry points."""


@dataclass(frozen=True)
class Ingredients:
    """Everything that decides what is in an environment.

    requirements: the locked list of Python packages.
    proxy_package, proxy_lock: npm's package.json and package-lock.json of the proxy; empty where there is none in it.
    modules: our own code that runs in it, and the templates of its pages, by path below installer.
    programs: what stands in its bin beside the packages' own programs, by name.
    settings: what says to Jupyter which of our modules are for it, by path below the environment.
    python: version of the Python it is built for, with all three numbers.
    machine: processor, as `uname -m` says it.
    """

    requirements: bytes
    proxy_package: bytes
    proxy_lock: bytes
    modules: Mapping[str, bytes]
    programs: Mapping[str, bytes]
    settings: Mapping[str, bytes]
    python: str
    machine: str


def read_ingredients(python: str, machine: str, checkout: Path = CHECKOUT) -> Ingredients:
    """What a server environment built from `checkout` is made of."""
    locks = checkout / "installer" / "locks"
    ours = checkout / "installer"
    modules = [*(ours / "hub").rglob("*.py"), *(ours / "pki").rglob("*.py")]
    modules += [ours / "host" / f"{name}.py" for name in _KEEPING]
    modules += (ours / "hub" / "pages").glob("*.html")
    return Ingredients(
        requirements=(locks / "server.txt").read_bytes(),
        proxy_package=(locks / "proxy" / "package.json").read_bytes(),
        proxy_lock=(locks / "proxy" / "package-lock.json").read_bytes(),
        modules={str(file.relative_to(ours)): file.read_bytes() for file in modules},
        programs={name: (ours / source).read_bytes() for name, source in _PROGRAMS.items()},
        settings={
            "etc/jupyter/jupyter_config.json": (ours / "hub" / "jupyter_config.json").read_bytes(),
            f"{_described(python)}/METADATA": _METADATA.encode(),
            f"{_described(python)}/entry_points.txt": (ours / "hub" / "entry_points.txt").read_bytes(),
        },
        python=python,
        machine=machine,
    )


def _described(python: str) -> str:
    """Where an environment keeps what is known of our code."""
    return f"lib/python{'.'.join(python.split('.')[:2])}/site-packages/jupyterhub_installer-{VERSION}.dist-info"


def read_certbot_ingredients(python: str, machine: str, checkout: Path = CHECKOUT) -> Ingredients:
    """What certbot's environment built from `checkout` is made of."""
    return Ingredients(
        requirements=(checkout / "installer" / "locks" / "certbot.txt").read_bytes(),
        proxy_package=b"",
        proxy_lock=b"",
        modules={},
        programs={},
        settings={},
        python=python,
        machine=machine,
    )


def revision_id(ingredients: Ingredients) -> str:
    """The name of the revision that these ingredients make: 12 hexadecimal digits."""
    digest = hashlib.sha256()
    parts = [
        str(RECIPE).encode(),
        ingredients.python.encode(),
        ingredients.machine.encode(),
        ingredients.requirements,
        ingredients.proxy_package,
        ingredients.proxy_lock,
    ]
    for files in (ingredients.modules, ingredients.programs, ingredients.settings):
        parts.append(str(len(files)).encode())
        for name, content in sorted(files.items()):
            parts += [name.encode(), content]
    for part in parts:
        # The length first: moving a byte from one part to the next must not give the same name.
        digest.update(f"{len(part)}:".encode() + part)
    return digest.hexdigest()[:12]
