"""nginx's configuration: our one file in it, and the distribution's placeholder, which makes room."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import files, nginx, paths
from installer.host.errors import Conflict, Problem
from installer.host.process import run
from installer.resources.at_path import AtPath
from installer.resources.file import File


class NginxSite(File):
    """A site of ours in a directory that nginx.conf includes."""

    kind: ClassVar[str] = "site"

    @property
    def checked(self) -> bool:
        """Always: a site of ours must not stop everybody else's."""
        return True

    def remove(self) -> None:
        """Remove the file, and have a running nginx forget it."""
        super().remove()
        reload()

    def try_out(self, copy: Path) -> None:
        """Run `nginx -t` where the directory is seen as it will be. Raises Problem, saying whose fault it is."""
        try:
            with tempfile.TemporaryDirectory(dir=paths.INSTALLER_RUN) as directory:
                future = Path(directory) / "future"
                shutil.copytree(self.path.parent, future, symlinks=True)
                shutil.copy(copy, future / self.path.name)
                with_us = nginx.refusal(future)
                if with_us is None:
                    return
                (future / self.path.name).unlink()
                without_us = nginx.refusal(future)
        except OSError as error:
            raise files.unwritable(paths.INSTALLER_RUN, error) from error
        if without_us is not None:
            raise Conflict(*broken_without_us(without_us))
        raise Problem(
            f"nginx refuses the new {self.path}; it was not put in place",
            "see what nginx names above; another site may claim the same name or port",
            f"{with_us.why} in {with_us.place}" if with_us.place else with_us.why,
        )


def broken_without_us(refusal: nginx.Refusal) -> tuple[str, str]:
    """What to tell, and what to do, where nginx refuses what isn't ours."""
    place = refusal.place or "its configuration"
    return (
        f"nginx refuses {place}, which isn't ours: {refusal.why}",
        "mend that, or take that site out (sudo nginx -t says whether all is well), then run this again",
    )


class DisabledSite(AtPath):
    """A link in sites-enabled/ that is taken away while we are here, and put back when we go."""

    kind: ClassVar[str] = "disabled-site"

    target: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The directory it lies in: with nginx's package, it comes."""
        return (str(self.path.parent),)

    def refreshed(self, observed: Attributes | None) -> Attributes | None:
        """There, once nginx has just been installed."""
        return {"link": "present"}

    def wanted(self) -> Attributes:
        """Absent."""
        return {"link": "absent"}

    def probe(self) -> Attributes | None:
        """Whether it is there."""
        return {"link": "present" if self.path.is_symlink() else "absent"}

    def realize(self, before: Attributes | None) -> None:
        """Take the link away."""
        files.remove(self.path)

    def as_before(self, before: Attributes, text: str | None) -> DisabledSite | None:
        """Nothing of ours, where the link was there."""
        return None if before["link"] == "present" else self

    def give_back(self, before: Attributes) -> None:
        """Put it back where there was one."""
        if before["link"] == "present":
            self.remove()

    def remove(self) -> None:
        """Put it back, if what it pointed at is still there."""
        if not self.path.exists() and not self.path.is_symlink() and (self.path.parent / self.target).exists():
            files.link(self.path, self.target)
            reload()


def reload() -> None:
    """Have nginx read its configuration, if it runs; one that would refuse it goes on with what it has."""
    if nginx.refusal() is None:
        run(["systemctl", "try-reload-or-restart", paths.NGINX_UNIT], check=False)
