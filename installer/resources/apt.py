"""A package of the distribution's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from installer.engine.resource import Attributes, Resource
from installer.host.errors import Problem
from installer.host.process import CommandFailed, run

_NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
# Unattended upgrades may be at work on a machine that has just been started: wait for them rather than fail.
_OPTIONS = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-qq")


class AptPackage(Resource):
    """An installed package.

    brings: directories that come with it, filled, where other resources look.
    """

    kind: ClassVar[str] = "package"
    kept: ClassVar[bool] = True

    package: str
    brings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The package's name."""
        return self.package

    @property
    def provides(self) -> tuple[str, ...]:
        """What it brings."""
        return self.brings

    def wanted(self) -> Attributes:
        """That it is installed."""
        return {"status": "installed"}

    def probe(self) -> Attributes | None:
        """Whether it is, by dpkg's own word."""
        return next(iter(self.probe_all([self])))

    @classmethod
    def probe_all(cls, resources: Sequence[AptPackage]) -> Iterable[Attributes | None]:  # type: ignore[override]
        """Ask dpkg for all of them at once."""
        names = [resource.package for resource in resources]
        asked = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names], check=False)
        status = dict(line.split() for line in asked.stdout.splitlines())
        return [{"status": status[name]} if status.get(name) == "installed" else None for name in names]

    def realize(self, before: Attributes | None) -> None:
        """Install it, with fresh package lists only where the present ones don't do."""
        install = ["apt-get", *_OPTIONS, "--yes", "--no-install-recommends", "install", self.package]
        try:
            first = run(install, env=_NONINTERACTIVE, timeout=900, check=False)
            if not first.ok and "dpkg --configure -a" in first.stderr:
                # Somebody's dpkg was killed in the middle, perhaps with an earlier run of ours; apt asks for just this.
                run(["dpkg", "--configure", "-a"], env=_NONINTERACTIVE, timeout=900)
            if not first.ok:
                run(["apt-get", *_OPTIONS, "update"], env=_NONINTERACTIVE, timeout=600)
                run(install, env=_NONINTERACTIVE, timeout=900)
        except CommandFailed as failed:
            raise Problem(
                f"the package {self.package} can't be installed",
                f"see that this works, then run apply again: apt-get update && apt-get install {self.package}",
                failed.detail,
            ) from failed

    def remove(self) -> None:
        """Purge it and what came with it."""
        run(["apt-get", *_OPTIONS, "--yes", "purge", "--autoremove", self.package], env=_NONINTERACTIVE, timeout=900)
