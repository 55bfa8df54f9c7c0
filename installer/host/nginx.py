"""What nginx on this machine is and serves besides us, and what it says of its configuration."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crossplane
from pydantic import BaseModel, ConfigDict

from installer.host import paths
from installer.host.process import run

_EVERYWHERE = ("*", "0.0.0.0", "[::]")  # noqa: S104 - of others


class ForeignSite(BaseModel):
    """A server block that isn't ours.

    file: where it stands. names: its server_name, as nginx takes them. ports: what it listens on; default_ports: as
    default_server. addresses: what it listens on at one address alone, as address:port.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    file: str
    names: tuple[str, ...]
    ports: tuple[int, ...]
    default_ports: tuple[int, ...]
    addresses: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class Refusal:
    """Why nginx refuses its configuration: place is `file:line`, the file alone, or "" where it doesn't say."""

    place: str
    why: str


def refusal(instead: Path | None = None, of: Path = paths.NGINX_SITE.parent) -> Refusal | None:
    """What `nginx -t` refuses; None where it doesn't.

    instead: a directory, or a file, to be seen in another one's place by that one process.
    """
    argv = ["nginx", "-t", "-q"]
    if instead is not None:
        # unshare --mount: nobody else sees the bind mount, and it is gone with the process (unshare(1)).
        script = 'mount --bind "$1" "$2" && exec nginx -t -q'
        argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(instead), str(of)]
    tested = run(argv, check=False)
    return None if tested.ok else read_refusal(tested.stderr)


def read_refusal(said: str) -> Refusal:
    """Make sense of what `nginx -t` has printed."""
    lines = [line.partition("] ")[2] for line in said.splitlines() if re.search(r"\[(emerg|alert|crit)\]", line)]
    first = lines[0] if lines else " ".join(said.split())
    placed = re.fullmatch(r"(.*) in (/\S+:\d+)", first)
    if placed:
        return Refusal(placed[2], placed[1])
    # A certificate that isn't there, say: it is named, and not who names it.
    quoted = re.search(r'"(/[^"]+)"', first)
    return Refusal(_naming(quoted[1]) if quoted else "", first)


def _naming(path: str) -> str:
    """The place in nginx's configuration that names a file."""
    for part in (
        crossplane.parse(str(paths.NGINX_CONFIG), catch_errors=True)["config"] if paths.NGINX_CONFIG.exists() else ()
    ):
        for statement in _all(part["parsed"]):
            if path in statement["args"]:
                return f"{part['file']}:{statement['line']}"
    return ""


def _all(statements: list[Any]) -> Iterator[Any]:
    for statement in statements:
        yield statement
        yield from _all(statement.get("block", []))


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
    addresses: list[str] = []
    for statement in block:
        if str(statement["directive"]) == "server_name":
            # In lower case, as nginx compares them; with a dot in front, a name is itself and all below it.
            names += [name.lower().removeprefix(".") for name in statement["args"]]
        if str(statement["directive"]) == "listen":
            port = _port(statement["args"][0])
            if port is not None:
                ports.append(port)
                address = statement["args"][0].removesuffix(f":{port}")
                if address not in _EVERYWHERE and address != str(port):
                    addresses.append(f"{address}:{port}")
                if "default_server" in statement["args"]:
                    defaults.append(port)
    return ForeignSite(
        file=file,
        names=tuple(names),
        ports=tuple(ports or [80]),
        default_ports=tuple(sorted(set(defaults))),
        addresses=tuple(dict.fromkeys(addresses)),
    )


def _port(listen: str) -> int | None:
    """The TCP port of a listen argument (nginx's ngx_http_core_module: address[:port], port, or unix:path)."""
    if listen.startswith("unix:"):
        return None
    last = listen.rpartition("]")[2].rpartition(":")[2] if ":" in listen else listen
    return int(last) if last.isdigit() else 80
