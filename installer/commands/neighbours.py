"""What nginx serves besides us: seen to be sound before anything is changed, and told of where ours comes beside it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from installer.features.site import Site
from installer.host import nginx, paths
from installer.host.errors import Conflict
from installer.resources.nginx_site import broken_without_us


def refuse_broken(site: Site) -> None:
    """Have nginx look at its configuration as it is. Raises Conflict, naming the file of others that it refuses."""
    if not site.has_nginx or site.facts.nginx is None:
        return
    refusal = nginx.refusal()
    if refusal is not None and paths.NGINX_SITE.exists():
        refusal = _without_us()  # what is wrong with ours, the run mends
    if refusal is not None:
        raise Conflict(*broken_without_us(refusal))


def _without_us() -> nginx.Refusal | None:
    with tempfile.TemporaryDirectory() as directory:
        rest = Path(directory) / "rest"
        shutil.copytree(paths.NGINX_SITE.parent, rest, symlinks=True)
        (rest / paths.NGINX_SITE.name).unlink()
        return nginx.refusal(rest)


def notes(site: Site) -> list[str]:
    """What becomes other for sites of others when ours comes, a line each; nothing where it is there already."""
    if not site.has_nginx or paths.NGINX_SITE.exists():
        return []
    ours = {site.config.web.port} if site.behind else {80, 443}
    said: list[str] = []
    for foreign in site.facts.sites.foreign:
        said += [
            f"{foreign.file} has {address} to itself: who comes by that address doesn't reach the hub; to share it, "
            f"write there: listen {address.rpartition(':')[2]}"
            for address in foreign.addresses
            if int(address.rpartition(":")[2]) in ours and not address.startswith(("127.", "[::1]"))
        ]
        if ours.intersection(foreign.ports) and not set(foreign.names) - {"_", ""}:
            said.append(
                f"{foreign.file} answers to any name; to {', '.join(site.names)} it will be the hub that answers"
            )
        elif ours.intersection(foreign.ports).difference(_defaults(site)):
            said.append(
                f"{foreign.file} answers to names that no site has, for want of a default_server; it will be the hub "
                "that does, unless you write default_server behind its listen"
            )
    return said


def _defaults(site: Site) -> set[int]:
    return {port for foreign in site.facts.sites.foreign for port in foreign.default_ports}
