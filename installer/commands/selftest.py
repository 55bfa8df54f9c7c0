"""The self-test after a switch: a throw-away member's server is really started, reached and stopped."""

from __future__ import annotations

import pwd
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from installer.commands import health
from installer.commands.hub_api import HubApi
from installer.commands.user_accounts import HOMES
from installer.features.site import Site
from installer.host import paths, systemd, uids
from installer.host.errors import Problem
from installer.host.process import run
from installer.resources.leftovers import end_processes

COMMENT = "JupyterHub self-test"
START_SECONDS = 90.0


def run_selftest(site: Site, in_server: Callable[[str], object] = lambda _: None) -> float:
    """Check sudo's bounds, if it is used, then start, reach and stop a server through the hub.

    Returns the seconds the start took.

    in_server: called while the server runs, with a token of its owner's.
    Whatever it makes is removed again, also what a killed run of it left. Raises Problem.
    """
    with _throw_away_member():
        if site.config.spawner.by_sudo:
            _check_sudo()
        with HubApi(site) as hub, _hub_user(hub):
            return _check_server(site, hub, in_server)


@contextmanager
def _throw_away_member() -> Iterator[None]:
    remove_account()
    # Packages run as this one, too: what somebody who has gone left behind is not theirs to read.
    keys = ["--key", "HOME_MODE=0700", *uids.for_newcomer(HOMES)]
    run(["useradd", "--create-home", *keys, "--shell", "/bin/sh", "--comment", COMMENT, "--", paths.SELFTEST_USER])
    try:
        run(["gpasswd", "--add", paths.SELFTEST_USER, paths.MEMBERS_GROUP])
        yield
    finally:
        remove_account()


def remove_account() -> None:
    """Remove the throw-away member, should there be one. Raises Problem where an account of that name isn't ours."""
    try:
        entry = pwd.getpwnam(paths.SELFTEST_USER)
    except KeyError:
        return
    if entry.pw_gecos.rstrip(",") != COMMENT:
        raise Problem(
            f"the account {paths.SELFTEST_USER!r} isn't ours, and the self-test needs that name",
            f"rename it: usermod --login NAME {paths.SELFTEST_USER}",
        )
    run(["systemctl", "stop", f"jupyterusers-{entry.pw_uid}.slice"], check=False)
    # A killed run leaves a start under way that the slice does not know of yet; userdel refuses while a process lives.
    end_processes(Path("/"), entry.pw_uid)
    run(["userdel", "--remove", "--", paths.SELFTEST_USER], check=False)


def _check_sudo() -> None:
    """The hub's account may start a member's server, and nothing else: not another program, not root."""
    as_member = ("-n", "-u", paths.SELFTEST_USER)
    spawner = str(paths.MEDIATOR)
    if not run(["sudo", *as_member, spawner, "--help"], user=paths.HUB_USER, check=False).ok:
        raise Problem(
            f"sudo doesn't let {paths.HUB_USER} start servers of members",
            f"see that no other rule overrides it: sudo -l -U {paths.HUB_USER}",
        )
    for refused in ((*as_member, "/usr/bin/id"), ("-n", spawner, "--help"), ("-n", "/usr/bin/id")):
        if run(["sudo", *refused], user=paths.HUB_USER, check=False).ok:
            raise Problem(
                f"sudo lets {paths.HUB_USER} run more than it should: sudo {' '.join(refused)}",
                f"find the rule that allows it and take it away: sudo -l -U {paths.HUB_USER}",
            )


@contextmanager
def _hub_user(hub: HubApi) -> Iterator[None]:
    user = f"/users/{paths.SELFTEST_USER}"
    _stop(hub)
    hub.request("DELETE", user, expect=(204, 404))
    hub.request("POST", user, expect=(201,))
    try:
        yield
    finally:
        hub.request("DELETE", user, expect=(204, 404))


def _check_server(site: Site, hub: HubApi, in_server: Callable[[str], object]) -> float:
    user = f"/users/{paths.SELFTEST_USER}"
    begun = time.monotonic()
    # 400: the home doesn't do; 500: a hook of the admin's has failed. What was said is in the journal.
    if hub.request("POST", f"{user}/server", expect=(201, 202, 400, 500)).is_error:
        raise _failed("a member's server didn't start")
    try:
        while not _ready(hub):
            if time.monotonic() - begun > START_SECONDS:
                raise _failed(f"a member's server didn't start within {START_SECONDS:.0f} s")
            time.sleep(0.1)
        seconds = time.monotonic() - begun
        token = hub.request("POST", f"{user}/tokens", expect=(201,)).json()["token"]
        with health.front(site) as front:
            path = f"user/{paths.SELFTEST_USER}/api/status"
            try:
                answer = health.ask(front, site, path, {"Authorization": f"token {token}"})
            except httpx.HTTPError as error:
                raise _failed(f"a member's server started, but can't be reached: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise _failed(f"a member's server started, but nginx answered {answer.status_code} when asked for it")
        in_server(token)
    finally:
        _stop(hub)
    return seconds


def _ready(hub: HubApi) -> bool:
    model = hub.request("GET", f"/users/{paths.SELFTEST_USER}", expect=(200,)).json()
    server = model["servers"].get("")
    if server is None:
        raise _failed("a member's server didn't start")
    return bool(server["ready"])


def _stop(hub: HubApi) -> None:
    user = f"/users/{paths.SELFTEST_USER}"
    deadline = time.monotonic() + 30
    while hub.request("DELETE", f"{user}/server", expect=(202, 204, 400, 404)).status_code == httpx.codes.ACCEPTED:
        if time.monotonic() > deadline:
            raise _failed("a member's server doesn't stop")
        time.sleep(0.2)


def _failed(what: str) -> Problem:
    identifier = f"jupyter-{paths.SELFTEST_USER}"
    hint = f"see: journalctl --unit=jupyterhub --since=-5min; and the server's own: journalctl -t {identifier}"
    return Problem(what, hint, systemd.journal_tail(paths.HUB_UNIT))
