"""Closing the site for maintenance: one file that nginx looks for, and a pass for those who look after it.

Nothing is reloaded, restarted or ended: servers and kernels go on, and so does what is connected to them already.
"""

from __future__ import annotations

import html
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from installer.engine.store import now
from installer.features import pages
from installer.features.site import Site
from installer.host import files, paths
from installer.host.errors import Problem, UsageProblem

LONGEST = 500
DEFAULT = "We are working on this server. Please come back in a while."
_STATE = paths.WEB_STATE / "maintenance.json"


@dataclass(frozen=True)
class Maintenance:
    """That the site is closed.

    since: UTC, ISO 8601. message: what people read. token: of the pass; whoever opens its address gets in all the same.
    """

    since: str
    message: str
    token: str

    def link(self, url: str) -> str:
        """The address that lets one in, for the site at an address."""
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}/jupyterhub-pass/{self.token}"


def look() -> Maintenance | None:
    """Whether the site is closed. Raises Problem."""
    if not paths.MAINTENANCE_PAGE.exists():
        return None
    try:
        return Maintenance(**json.loads(_STATE.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise Problem(
            f"{_STATE} can't be read: {error}", "open the site again: sudo python3 -m installer web maintenance off"
        ) from error


def pass_cookie() -> dict[str, str]:
    """What lets the installer's own requests through: a header where the site is closed, else nothing."""
    try:
        closed = look()
    except Problem:
        closed = None
    return {"Cookie": f"jupyterhub_pass={closed.token}"} if closed else {}


def close(site: Site, message: str) -> Maintenance:
    """Close the site; where it is closed already, only what people read is changed. Raises Problem."""
    wrong = _wrong_with(message)
    if wrong is not None:
        raise UsageProblem(f"the message {wrong}", "say in a sentence or two what is going on, and until when")
    if not paths.PASSES.is_dir():
        raise Problem(
            "there is no site to close: nothing is installed yet, or not with nginx (web.server: none)",
            "without nginx, the proxy in front has to say it; else run: sudo python3 -m installer apply",
        )
    closed = look()
    token = closed.token if closed else secrets.token_hex(16)
    made = Maintenance(closed.since if closed else now(), message, token)
    # The page comes last: it is what nginx looks for.
    files.write(_STATE, json.dumps(asdict(made), indent=1).encode(), mode=0o600)
    files.write(paths.PASSES / token, b"", mode=0o600)
    files.write(paths.MAINTENANCE_PAGE, _page(site, message).encode(), mode=0o644)
    return made


def reopen() -> bool:
    """Open it again. Returns whether it was closed. Raises Problem."""
    was_closed = paths.MAINTENANCE_PAGE.exists()
    files.remove(paths.MAINTENANCE_PAGE)
    for one in _passes():
        files.remove(one)
    files.remove(_STATE)
    return was_closed


def _passes() -> list[Path]:
    return list(paths.PASSES.iterdir()) if paths.PASSES.is_dir() else []


def _wrong_with(message: str) -> str | None:
    if not message.strip():
        return "is empty"
    if len(message) > LONGEST:
        return f"has {len(message)} characters, and {LONGEST} is the most"
    return None if message.isprintable() else "has characters that can't be printed, or several lines"


def _page(site: Site, message: str) -> str:
    return pages.page(
        site,
        title="Closed for maintenance",
        texts=(html.escape(message),),
        soft="What is running goes on running. This page looks again every minute.",
        again=60,
    )
