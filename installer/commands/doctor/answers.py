"""Answers: the hub is reached the way people reach it, and its API with the installer's token."""

from __future__ import annotations

import httpx

from installer.commands import health, maintenance
from installer.commands.doctor.finding import APPLY, Finding, ok, problem, warning
from installer.commands.doctor.server import Server
from installer.commands.maintenance import Maintenance
from installer.features.site import Site
from installer.host import paths

AREA = "answers"
_PATIENCE = 2.5


def look(server: Server) -> list[Finding]:
    """Ask the hub itself, then through the proxy, then through nginx: the first that doesn't answer is the one."""
    site = server.known.site
    path = f"{site.config.hub.base_url}hub/health"
    closed = judge_closed(maintenance.look())
    return closed + judge(
        hub=_asked(httpx.HTTPTransport(), f"http://127.0.0.1:{paths.HUB_API_PORT}{path}"),
        proxy=_asked(httpx.HTTPTransport(uds=str(paths.PROXY_SOCKET)), f"http://localhost{path}"),
        nginx=(health.answers(site) or "") if site.has_nginx else "",
        token=_token(site),
        url=site.url,
    )


def judge_closed(closed: Maintenance | None) -> list[Finding]:
    """Judge whether the site is closed."""
    if closed is None:
        return []
    what = f"the site has been closed for maintenance since {closed.since}: {closed.message}"
    return [warning(AREA, what, "open it again: sudo python3 -m installer web maintenance off")]


def judge(*, hub: str, proxy: str, nginx: str, token: int, url: str) -> list[Finding]:
    """Judge what came of each, "" being an answer. token: the code of the API's answer, 0 for none."""
    if hub:
        return [problem(AREA, f"the hub does not answer: {hub}", f"sudo systemctl restart {paths.HUB_UNIT}")]
    if proxy:
        what = f"the proxy does not lead to the hub: {proxy}"
        return [problem(AREA, what, f"sudo systemctl restart {paths.PROXY_UNIT}")]
    found = []
    if nginx:
        what = f"{url} does not answer through nginx: {nginx}"
        found.append(
            problem(AREA, what, "see what nginx refuses (nginx -t), then: sudo systemctl restart nginx.service")
        )
    if token in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        what = f"the hub does not know the installer's token (it answered {token})"
        found.append(problem(AREA, what, f"have it read its secrets anew: sudo systemctl restart {paths.HUB_UNIT}"))
    elif token not in {httpx.codes.OK, httpx.codes.NOT_FOUND}:
        what = (
            f"the hub's API answered {token}, where 200 or 404 should be" if token else "the hub's API can't be asked"
        )
        found.append(problem(AREA, what, f"sudo systemctl restart {paths.HUB_UNIT}" if token else APPLY))
    return found or [ok(AREA, f"{url} and the hub's API")]


def _asked(transport: httpx.BaseTransport, url: str) -> str:
    try:
        with httpx.Client(transport=transport, timeout=_PATIENCE, trust_env=False) as client:
            code = client.get(url).status_code
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return "" if code == httpx.codes.OK else f"it answered {code}"


def _token(site: Site) -> int:
    """The code with which the API answers about the self-test's user, who isn't there: all that the token may see."""
    url = f"http://127.0.0.1:{paths.HUB_API_PORT}{site.config.hub.base_url}hub/api/users/{paths.SELFTEST_USER}"
    try:
        token = paths.INSTALLER_TOKEN.read_text(encoding="ascii").strip()
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as client:
            return client.get(url, headers={"Authorization": f"token {token}"}).status_code
    except (httpx.HTTPError, OSError, ValueError):
        return 0
