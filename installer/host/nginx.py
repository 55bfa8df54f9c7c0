"""What nginx on this machine is and serves besides us."""

from __future__ import annotations

import re
import shutil

import crossplane
from pydantic import BaseModel, ConfigDict

from installer.host import paths
from installer.host.process import run


class ForeignSite(BaseModel):
    """A server block that isn't ours.

    file: where it stands. names: its server_name. ports: what it listens on; default_ports: as default_server.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    file: str
    names: tuple[str, ...]
    ports: tuple[int, ...]
    default_ports: tuple[int, ...]


class Sites(BaseModel):
    """What nginx serves besides us.

    foreign: server blocks of others, the distribution's own default site left out.
    stock_default: whether the distribution's default site is unchanged (enabled, or taken out by us or an admin).
    stock_enabled: whether it is enabled.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    foreign: tuple[ForeignSite, ...] = ()
    stock_default: bool = True
    stock_enabled: bool = False


def version() -> tuple[int, ...] | None:
    """nginx's version, None where it isn't installed."""
    if shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        return None
    found = re.search(r"nginx/([\d.]+)", run(["nginx", "-v"], check=False).stderr)
    return tuple(map(int, found.group(1).split("."))) if found else None


def sites() -> Sites:
    """Read nginx's configuration, includes and all; a file that can't be parsed is left out."""
    if not paths.NGINX_CONFIG.exists():
        return Sites()
    stock = _default_site_is_stock()
    parsed = crossplane.parse(str(paths.NGINX_CONFIG), catch_errors=True)
    foreign = []
    for part in parsed["config"]:
        file = str(part["file"])
        if file == str(paths.NGINX_SITE) or (stock and file == str(paths.NGINX_DEFAULT_SITE)):
            continue
        foreign += [_site(file, block["block"]) for block in _servers(part["parsed"])]
    return Sites(foreign=tuple(foreign), stock_default=stock, stock_enabled=stock and paths.NGINX_DEFAULT_SITE.exists())


def _default_site_is_stock() -> bool:
    """Whether dpkg finds the distribution's default site as it shipped it."""
    link = paths.NGINX_DEFAULT_SITE
    if link.is_symlink() and str(link.readlink()) != "/etc/nginx/sites-available/default":
        return False
    if link.exists() and not link.is_symlink():
        return False
    said = run(["dpkg", "--verify", "nginx-common"], check=False).stdout
    return "/etc/nginx/sites-available/default" not in said


def _servers(statements: list[dict[str, object]]) -> list[dict[str, list[dict[str, list[str]]]]]:
    found: list[dict[str, list[dict[str, list[str]]]]] = []
    for statement in statements:
        if statement["directive"] == "server" and "block" in statement:
            found.append(statement)  # type: ignore[arg-type]  # crossplane has no types
        elif statement["directive"] == "http":
            found += _servers(statement["block"])  # type: ignore[arg-type]
    return found


def _site(file: str, block: list[dict[str, list[str]]]) -> ForeignSite:
    names: list[str] = []
    ports: list[int] = []
    defaults: list[int] = []
    for statement in block:
        if str(statement["directive"]) == "server_name":
            names += statement["args"]
        if str(statement["directive"]) == "listen":
            port = _port(statement["args"][0])
            if port is not None:
                ports.append(port)
                if "default_server" in statement["args"]:
                    defaults.append(port)
    return ForeignSite(
        file=file, names=tuple(names), ports=tuple(ports or [80]), default_ports=tuple(sorted(set(defaults)))
    )


def _port(listen: str) -> int | None:
    """The TCP port of a listen argument (nginx's ngx_http_core_module: address[:port], port, or unix:path)."""
    if listen.startswith("unix:"):
        return None
    last = listen.rpartition("]")[2].rpartition(":")[2] if ":" in listen else listen
    return int(last) if last.isdigit() else 80
