"""Whether the hub answers where its users find it: through nginx, with TLS."""

from __future__ import annotations

import ssl
import time

import httpx

from installer.commands import maintenance
from installer.features.apps import gated
from installer.features.site import Site
from installer.features.spawning import sockets as spawning_sockets
from installer.host import paths, systemd
from installer.host.errors import Problem

_ALWAYS = (
    paths.HUB_UNIT,
    paths.PROXY_UNIT,
    paths.CULLER_UNIT,
)
WAIT = 60.0
TIMEOUT = 10.0


def units(site: Site | None) -> tuple[str, ...]:
    """The units that have to run; without a site that is known, those that every one has."""
    gate = (paths.APPS_SOCKET_UNIT, paths.APPS_UNIT) if site is not None and gated(site.config) else ()
    spawning = spawning_sockets(site.config) if site is not None else ()
    accounts = (paths.ACCOUNT_SOCKET_UNIT,) if site is not None and site.creates_accounts else ()
    local = site is None or site.checks_passwords
    passwords = (paths.PAM_SOCKET_UNIT, paths.CHANGE_SOCKET_UNIT) if local else ()
    helpers = (*spawning, *passwords, *accounts)
    if site is not None and not site.has_nginx:
        return (*_ALWAYS, *helpers, paths.FORWARD_SOCKET_UNIT, paths.FORWARD_UNIT)
    certificate = () if site is not None and site.behind else (paths.CERTIFICATE_TIMER_UNIT,)
    return (*_ALWAYS, *helpers, *gate, paths.NGINX_UNIT, *certificate)


def front(site: Site) -> httpx.Client:
    """A client that asks nginx on this machine for the site by its name, and trusts the site's certificate alone.

    Behind another proxy: that asks as that proxy does.
    """
    headers = {"Host": site.host, **maintenance.pass_cookie()}
    if site.behind:
        return httpx.Client(
            base_url=f"http://{site.config.web.reached_at}",
            headers={**headers, "X-Forwarded-Proto": "https"},
            timeout=TIMEOUT,
            trust_env=False,
        )
    context = ssl.create_default_context(cafile=str(paths.SITE_CERTIFICATE))
    # The site's own is enough, whoever has signed it; how strictly that is to be taken is for browsers to say.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return httpx.Client(
        base_url="https://127.0.0.1",
        headers=headers,
        verify=context,
        timeout=TIMEOUT,
        trust_env=False,
    )


def ask(
    client: httpx.Client, site: Site, path: str, headers: dict[str, str] | None = None, timeout: float = TIMEOUT
) -> httpx.Response:
    """GET a path below the hub's base URL. Raises httpx.HTTPError."""
    url = f"{site.config.hub.base_url}{path}"
    return client.get(url, headers=headers, timeout=timeout, extensions={"sni_hostname": site.host})


def answers(site: Site) -> str | None:
    """None if /hub/health answers through nginx, else what came instead, in one line."""
    try:
        with front(site) as client:
            code = ask(client, site, "hub/health").status_code
    except (httpx.HTTPError, OSError) as error:
        return str(error) or type(error).__name__
    return None if code == httpx.codes.OK else f"nginx answered {code}"


def wait_until_healthy(site: Site, seconds: float = WAIT) -> None:
    """Return as soon as the hub answers. Raises Problem with the cause and the journal's tail if it doesn't in time."""
    deadline = time.monotonic() + seconds
    while (trouble := answers(site)) is not None:
        if time.monotonic() > deadline:
            unit = _culprit(site)
            raise Problem(
                f"the hub doesn't answer at {site.url}hub/health after {seconds:.0f} s: {trouble}",
                f"see what it says: journalctl --unit={unit} --since=-5min",
                systemd.journal_tail(unit),
            )
        time.sleep(0.1)


def _culprit(site: Site) -> str:
    """The unit to look at: the first that isn't up, else the hub."""
    down = [state.name for state in systemd.states(units(site)) if state.active != "active"]
    return down[0] if down else paths.HUB_UNIT
