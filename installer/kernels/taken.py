"""Names that others' kernelspecs have: one rule for adding a kernel and for bringing about what the config asks.

Servers look into KERNELSPECS before all else, so of two with one name people get ours and never see the other.
"""

from __future__ import annotations

from pathlib import Path

from installer.host import paths
from installer.host.errors import Conflict
from installer.kernels import revisions
from installer.kernels.request import KernelRequest

_NATIVE = "python3"
"""What every ipykernel calls itself, the server environment's and Debian's too: ours is meant to come before those."""


def refuse_taken(request: KernelRequest) -> None:
    """Refuse a name that is in use, by another kernel of ours too. Raises Conflict."""
    if not _is_ours(request):
        _refuse(paths.KERNELSPECS / request.kernelspec)
    refuse_hiding(request)


def refuse_hiding(request: KernelRequest) -> None:
    """Refuse a name by which ours would hide somebody else's kernel from everybody. Raises Conflict."""
    if request.kernelspec == _NATIVE or _is_ours(request):
        return
    for directory in paths.OTHER_KERNELSPECS:
        _refuse(directory / request.kernelspec)


def _is_ours(request: KernelRequest) -> bool:
    """Whether the name leads to this very kernel already."""
    prefix = revisions.linked(request.kernelspec)
    return prefix is not None and prefix.parent.name == request.name


def _refuse(place: Path) -> None:
    if not place.exists() and not place.is_symlink():
        return
    other = revisions.linked(place.name) if place.parent == paths.KERNELSPECS else None
    if other is not None:
        raise Conflict(
            f"{place} is there already: the kernelspec of the kernel {other.parent.name!r}",
            "give the kernel another name",
        )
    raise Conflict(
        f"{place} is there already: a kernelspec {place.name!r} that isn't ours",
        "give the kernel another name, or remove that one: jupyter kernelspec remove",
    )
