"""Our own programs on the host: what a template or a helper's source becomes there."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.features.site import Site
from installer.features.templates import CHECKOUT, render
from installer.host import paths
from installer.resources.file import File
from installer.resources.unit import UnitFile

_KNOWS_RECURSIVE_ERRORS = 250
"""The first systemd with that option (NEWS of 250)."""


def unit_file(feature: str, name: str, site: Site, behind: tuple[Resource, ...] = (), **variables: object) -> UnitFile:
    """A unit from its template in units/, looked at by systemd before it is in place.

    name: as systemd knows it. behind: what it names of ours, and so comes first.
    variables: what its template uses beyond paths, revision, base_url, systemd and on_failure.
    """
    text = render(
        f"units/{name}.j2",
        revision=site.revision_path,
        base_url=site.config.hub.base_url,
        systemd=site.facts.systemd,
        on_failure=on_failure(name, site),
        **variables,
    )
    # Only this file's own faults: what it names may come right behind it.
    alone = ("--recursive-errors=no",) if site.facts.systemd >= _KNOWS_RECURSIVE_ERRORS else ()
    return UnitFile(
        feature=feature,
        path=paths.UNITS / name,
        text=text,
        # systemd refuses a unit whose program, or a socket whose service, is not there.
        needs=(f"environment:{site.revision_path}", *(resource.key for resource in behind)),
        check=("systemd-analyze", "verify", "--man=no", *alone, "{}"),
    )


def on_failure(name: str, site: Site) -> str:
    """The unit that systemd starts when a unit of ours fails; "" where nobody is to be told, or it is that one."""
    if name == paths.NOTIFY_UNIT or not site.config.notify.ways:
        return ""
    # Of what there is one of for every connection, it is the kind that is told of, and once in a while.
    return paths.NOTIFY_UNIT.replace("@", f"@{name.removesuffix('@.service')}")


def helper(feature: str, name: str, source: str) -> File:
    """A root-owned program in libexec, from its source in installer/libexec/."""
    text = (CHECKOUT / "installer" / "libexec" / source).read_text(encoding="utf-8")
    return File(feature=feature, path=paths.LIBEXEC / name, text=text, mode=0o755)
