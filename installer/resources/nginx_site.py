"""nginx's configuration: our one file in it, and the distribution's placeholder, which makes room."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from installer.engine.resource import Attributes
from installer.host import files, paths
from installer.host.errors import Problem
from installer.host.process import Completed, run
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
                with_us = tested(future, self.path.parent)
                if with_us.ok:
                    return
                (future / self.path.name).unlink()
                without_us = tested(future, self.path.parent)
        except OSError as error:
            raise files.unwritable(paths.INSTALLER_RUN, error) from error
        if not without_us.ok:
            raise refused_without_us(without_us)
        raise Problem(
            f"nginx refuses the new {self.path}; it was not put in place",
            "see what nginx names above; another site may claim the same name or port",
            with_us.stderr.strip(),
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
    """Have nginx read its configuration, if it runs."""
    run(["systemctl", "try-reload-or-restart", paths.NGINX_UNIT], check=False)


def tested(future: Path, place: Path) -> Completed:
    """What `nginx -t` says with a directory, or a file, in another one's place: for that one process alone."""
    # unshare --mount: nobody else sees the bind mount, and it is gone with the process (unshare(1)).
    script = 'mount --bind "$1" "$2" && exec nginx -t -q'
    return run(["unshare", "--mount", "sh", "-c", script, "sh", str(future), str(place)], check=False)


def refused_without_us(said: Completed) -> Problem:
    """The Problem that tells of a configuration that nginx refuses for what isn't ours."""
    return Problem(
        "nginx refuses its configuration as it is, without us",
        "mend what it names, or disable that site, then run apply again: nginx -t",
        said.stderr.strip(),
    )
